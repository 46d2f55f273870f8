"""Counting decisions without reading them gives what reading them gives."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from assets.serving.decision import Decision
from assets.serving.log.counting import Counted, counted_day
from assets.serving.log.decision_log import scan_day
from assets.serving.log.writer import DecisionLogError
from tests.support.models.decision_samples import DAY, FIRST, another, write

PLAIN = (FIRST, another(fallback="scorecard"), another(role="challenger", fallback="policy"), another(role="shadow"))
ODD: Mapping[str, Callable[[Decision], tuple[Decision, ...]]] = {
    "void": lambda one: (one, replace(one, void=True)),
    "void and a fallback": lambda one: (replace(one, fallback="policy"), replace(one, fallback="policy", void=True)),
    "features like fields": lambda one: (replace(one, features={"fallback": None, "role": "shadow"}),),
    "texts like fields": lambda one: (replace(one, inputs={"purpose": '"role":"shadow","fallback":"policy"'}),),
}


@pytest.mark.parametrize("odd", ["", *ODD])
def test_it_counts_what_is_read(tmp_path: Path, odd: str) -> None:
    write(tmp_path, *PLAIN, *(ODD[odd](another()) if odd else ()))
    read = [one for one in scan_day(tmp_path, "credit_risk", DAY).decisions if not one.void and one.role != "shadow"]
    assert counted_day(tmp_path, "credit_risk", DAY) == Counted(len(read), sum(bool(one.fallback) for one in read))
    assert counted_day(tmp_path, "credit_risk", DAY).answered >= 3


def test_a_line_that_is_no_decision_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    (file,) = (tmp_path / "credit_risk" / DAY.isoformat()).iterdir()
    file.write_bytes(b'{"role":"champion"}\n')
    with pytest.raises(DecisionLogError, match="line 1"):
        counted_day(tmp_path, "credit_risk", DAY)


def test_a_day_without_a_log_has_none(tmp_path: Path) -> None:
    assert counted_day(tmp_path, "credit_risk", DAY) == Counted()
