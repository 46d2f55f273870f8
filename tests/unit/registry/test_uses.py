"""Which registered versions count as models that use features."""

from pathlib import Path

import pytest

from assets.registry.uses import registered_models
from resources.keys import Keys
from tests.support.models.registered import RegisteredHome


def test_a_version_whose_publication_was_killed_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = RegisteredHome(tmp_path / "home")
    home.move(home.register())
    home.register(publish=False)
    keeper = home.keeper

    models = registered_models(home.product, keeper.tracking, keeper.rollout, Keys.of(home.home))

    assert [(model.version, model.roles) for model in models] == [("1", ("champion",))]
    assert "version 2 is registered but not published" in caplog.text
