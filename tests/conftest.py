"""Settings of all tests, and which tests may run in parallel."""

import gc
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from resources.processes.beginning import begin_process

begin_process()  # as the command line does


_OVER_SPARK = tuple(f"tests/properties/test_{name}.py" for name in ("everywhere", "features_spark", "large_days"))


class Files(LoadFileScheduling):
    """Keeps the tests of a file in one process, the files that share the one demonstration, and those that share a
    session of Spark.

    Only the kernel's properties are spread: they share nothing, and each takes long in a campaign.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file == "tests/properties/test_features.py":
            return nodeid
        if file in _OVER_SPARK:
            return "session of Spark"
        return "demonstration" if file.startswith("tests/integration/commands/test_demo") else file


@pytest.fixture(scope="session", autouse=True)
def databases_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """New homes have copies of the same empty databases."""
    from tests.support.made_once import made_once  # imports Dagster, which whoever distributes the tests need not

    with made_once(tmp_path_factory.mktemp("made_once")):
        yield


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Files:
    """The distribution of tests over several processes."""
    return Files(config, log)


def pytest_collection_finish() -> None:
    """The tests and the libraries stay to the end: Python need not walk through them again and again."""
    gc.collect()
    gc.freeze()
