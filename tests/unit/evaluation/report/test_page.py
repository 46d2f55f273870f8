"""The report of a model: every section, what it says of a refusal, and nothing from outside."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

from assets.evaluation.evaluate import Evaluation
from assets.evaluation.gates import evaluate
from assets.evaluation.report.page import model_page
from tests.support.models.evaluated_bundle import PRODUCT, evaluated_parts

MADE = datetime(2026, 5, 2, 9, 0, tzinfo=UTC)


def page_of(evaluation: Evaluation, latency_ms: float = 1.0) -> str:
    signals = evaluation.signals(first_model=True, future_features=0, latency_ms=latency_ms, bundle_mb=1.0)
    verdict = evaluate(signals, replace(PRODUCT.gates, min_selection_ratio=0.5))
    assert evaluation.study is not None
    return model_page(PRODUCT, evaluated_parts(), evaluation, evaluation.study, verdict, made=MADE)


class Tags(HTMLParser):
    """The tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "path", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_has_every_section_and_is_whole(evaluation: Evaluation) -> None:
    page, tags = page_of(evaluation), Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.ids == [
        "gates", "ranking", "calibration", "profit", "ageing", "features", "slices", "robustness", "groups", "rows",
        "origin",
    ]  # fmt: skip
    linked = set(re.findall(r'href="#(\w+)"', page))
    assert linked <= set(tags.ids), "every link leads somewhere"
    assert "nan" not in re.sub(r"<[^>]+>", " ", page).split()


def test_it_needs_nothing_from_elsewhere(evaluation: Evaluation) -> None:
    page = page_of(evaluation)
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#)', page) == []
    assert "@import" not in page


def test_it_says_what_refused_the_model(evaluation: Evaluation) -> None:
    assert "Passed all 17 gates it was asked" in page_of(evaluation)
    refused = page_of(evaluation, latency_ms=99.0)
    assert "Refused by 1 of 18 gates" in refused
    assert refused.index("in ms, is 99; at most 10 is required") < refused.index('id="ranking"')


def test_it_is_the_same_each_time(evaluation: Evaluation) -> None:
    assert page_of(evaluation) == page_of(evaluation)


def test_a_model_of_rows_without_time_has_no_age(evaluation: Evaluation) -> None:
    assert evaluation.study is not None
    timeless = replace(evaluation, study=replace(evaluation.study, ageing=None))
    assert 'id="ageing"' not in page_of(timeless)
