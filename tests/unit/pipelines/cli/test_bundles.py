"""What a person gets wrong of the commands about bundles, rebuilds and traces."""

from pathlib import Path

import pytest

from tests.unit.pipelines.cli.conftest import Refused


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("export-model credit_risk 1 {0}/model --variant int4", "write one of float32, float16, int8"),
        ("export-model credit_risk 9 {0}/model", "credit_risk has no version 9"),
        ("rebuild credit_risk 9 --json", "credit_risk has no version 9"),
        ("rebuild nothing 1", "there is no product 'nothing'"),
        ("trace yesterday", "'yesterday' is not a decision id; it looks like"),
        ("trace 0198c0de-7c1f-7abc-8def-0123456789ab --json", "0198c0de-7c1f-7abc-8def-0123456789ab"),
        ("bundle export credit_risk 9 {0}/file", "credit_risk has no version 9"),
        ("bundle import {0}/none --by Ada --reason x", "is no file of `loopline bundle export`"),
        ("bundle import {0}/none --by Ada", "Missing option '--reason'"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_mistake_is_one_sentence(command: str, said: str, tmp_path: Path, refused: Refused) -> None:
    assert said in refused(command.format(tmp_path))
