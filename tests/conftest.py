"""What every test may use, and which tests may run beside each other."""

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# Materialisations of a range are written in batches, as the command line does.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")


class Files(LoadFileScheduling):
    """The tests of a file stay in one process; so do the files that share the demonstration, which is made but once.

    The kernel's properties share nothing, and each takes long in a campaign.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file == "tests/properties/test_features.py":
            return nodeid
        return "demonstration" if file.startswith("tests/integration/test_demo") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Files:
    """How tests are dealt out when several processes run them."""
    return Files(config, log)
