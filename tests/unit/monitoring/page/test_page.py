"""The monitoring page: one file that needs nothing else, the same for the same tables, and true to them."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest

from assets.monitoring.page.html import to_html
from assets.monitoring.page.report import MonitoringReport, StandingAlert
from assets.monitoring.page.summary import headline, lines_of
from resources.alerts.life import AlertState, Mark
from resources.lake import Lake
from resources.notifications import Alert
from tests.support.data.watched_days import CLOCK, FAULT, LAST, PRODUCT, WITHHELD, fill_watched, watched_report

ALERT = Alert(
    kind="run_failed", severity="error", title="<b>run</b> & failed", product=PRODUCT.name, message="a <script> broke",
    remedy="loopline run credit_risk", runbook="infra/prometheus/RUNBOOK.md#run_failed",
)  # fmt: skip
_EMPTY = frozenset({"meta", "path", "rect"})


class Outline(HTMLParser):
    """The elements of a page; it fails on one that is not closed, and keeps what pictures say."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.drawings, self.titled = 0, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        self.drawings += tag == "svg"
        self.titled += tag == "title" and self.open[-1] == "svg"
        if tag not in _EMPTY or (tag == "rect" and ("class", "hit") in attrs):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    assert found.open == []
    return found


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Lake]:
    """A lake with a data fault that stands, and one without; nothing changes them."""
    found = {faults: Lake(str(tmp_path_factory.mktemp("lake"))) for faults in (True, False)}
    for faults, lake in found.items():
        fill_watched(lake, faults=faults)
    return found


@pytest.fixture
def report(lakes: dict[bool, Lake], tmp_path: Path) -> Callable[..., MonitoringReport]:
    def make(alerts: dict[str, AlertState] | None = None, *, faults: bool = True) -> MonitoringReport:
        return watched_report(lakes[faults], tmp_path / "log", alerts)

    return make


def test_it_needs_nothing_else(report: Callable[..., MonitoringReport]) -> None:
    """No script, nothing from another host, every picture with words for who does not see it, and small."""
    page = to_html(report())
    found = outline(page)
    assert len(page.encode()) < 2_000_000
    assert "<script" not in page
    assert "url(" not in page
    links = [value for name, value in found.attributes if name in ("src", "href")]
    assert {link for link in links if not link.startswith("#")} == {
        link for link in links if link.startswith("https://github.com/loopline/loopline/")
    }, "anchors, and links to the runbook that nothing loads by itself"
    assert not [name for name, _ in found.attributes if name == "src" or name.startswith("on")]
    assert found.drawings > 10
    assert found.titled == found.drawings
    assert page.count("<details>") >= 7, "the table behind each picture"


def test_the_same_tables_give_the_same_bytes(
    lakes: dict[bool, Lake], tmp_path: Path, report: Callable[..., MonitoringReport]
) -> None:
    """Also of a copy of the lake, read by another process."""
    copy = tmp_path / "copy"
    shutil.copytree(lakes[True].folder("."), copy)
    assert to_html(report()) == to_html(watched_report(Lake(str(copy)), tmp_path / "log"))


def test_texts_of_people_and_of_data_are_texts(report: Callable[..., MonitoringReport]) -> None:
    state = AlertState(ALERT, "on-call@bank.example", "error", CLOCK, CLOCK)
    page = to_html(report({ALERT.case: state}))
    outline(page)
    assert "&lt;b&gt;run&lt;/b&gt; &amp; failed" in page
    assert "the &lt;calibration&gt; has moved since approval" in page
    assert "RUNBOOK.md#run_failed" in page


def test_what_is_withheld_says_since_when_and_why(report: Callable[..., MonitoringReport]) -> None:
    page = to_html(report())
    assert f"<time>{WITHHELD[0]}</time> to <time>{WITHHELD[-1]}</time>: the &lt;calibration&gt; has moved" in page


def test_the_worst_strip_is_the_first(report: Callable[..., MonitoringReport]) -> None:
    """By how many times its limit a column is away at most; the day's own value stands beside it."""
    section = re.search(r'<section id="drift">.*?</section>', to_html(report()), re.S)
    assert section is not None
    names = re.findall(r'<div class="row"><span title="([^"]+)">', section[0])
    assert names == ["amount", "the score", "purpose"]
    assert "amount: 0.8 times its limit on 2026-09-30, by PSI" in section[0]


def test_a_day_on_which_nobody_is_needed_says_so(report: Callable[..., MonitoringReport]) -> None:
    found = report(faults=False)
    assert {line.name: line.state for line in lines_of(found) if line.state != "good"} == {
        "consistency": "unknown", "error budget": "unknown",
    }  # fmt: skip
    assert headline(found) == "Nothing needs a person; 2 of 12 monitors cannot tell"
    assert 'class="headline unknown"' in to_html(found), "what nobody knows is not good"


def test_what_needs_a_person_is_told_until_one_has_it(report: Callable[..., MonitoringReport]) -> None:
    """A monitor's alert counts although the daemon has not told it yet, and once; not while a person looks after it."""
    found = report()
    assert [one.alert.message[:20] for one in found.alerts] == [FAULT.sentence[:20]]
    assert headline(found).startswith("One thing needs a person; ")
    (alert,) = found.alerts
    known = AlertState(alert.alert, alert.owner, "error", CLOCK, CLOCK)
    assert headline(report({alert.alert.case: known})).startswith("One thing needs a person; ")
    mark = Mark("K. Lee", "the bank is told", CLOCK)
    held = report({alert.alert.case: replace(known, acknowledged=mark)})
    assert headline(held).startswith("Nothing needs a person; ")
    assert "K. Lee looks after it: the bank is told" in to_html(held)
    silent = replace(known, silence=replace(mark, until=CLOCK + timedelta(hours=1)))
    assert headline(report({alert.alert.case: silent})).startswith("Nothing needs a person; ")
    over = replace(known, silence=replace(mark, until=CLOCK - timedelta(hours=1)))
    assert headline(report({alert.alert.case: over})).startswith("One thing needs a person; ")


def test_a_fall_of_performance_is_told(lakes: dict[bool, Lake], tmp_path: Path) -> None:
    copy = tmp_path / "lake"
    shutil.copytree(lakes[False].folder("."), copy)
    lake, name = Lake(str(copy)), f"{PRODUCT.name}/batch_performance"
    day = lake.read(name, days=[LAST])
    fallen = day.set_column(day.schema.get_field_index("auc"), "auc", pa.array([0.55]))
    lake.replace(name, fallen, days=[LAST])
    found = watched_report(lake, tmp_path / "log")
    lines = {line.name: line for line in lines_of(found)}
    assert lines["performance"].state == "look"
    assert "realised AUC 0.550, 0.790 at approval" in lines["performance"].text
    assert [one.alert.kind for one in found.alerts] == ["performance"]
    assert headline(found).startswith("One thing needs a person; "), "the alert and the line are one"
    assert "Realised AUC is 0.550 on 2026-09-30, 0.240 below approval" in to_html(found)


def test_figures_of_another_version_are_told_as_such(report: Callable[..., MonitoringReport]) -> None:
    found = replace(report(), champion="2")
    assert "The figures are those of version 1; version 2 decides since then" in to_html(found)


def test_before_the_first_day_there_is_a_page_too(tmp_path: Path) -> None:
    """Nothing is known, and each section says so."""
    found = watched_report(Lake(str(tmp_path / "lake")), tmp_path / "log")
    assert found.day is None
    page = to_html(found)
    outline(page)
    for words in ("No figure of performance is known yet", "No drift is measured yet", "No day was judged yet"):
        assert words in page


def test_the_gravest_alert_is_the_first(report: Callable[..., MonitoringReport]) -> None:
    mild = replace(ALERT, severity="warning", title="approve")
    states = {
        mild.case: AlertState(mild, "a", "warning", CLOCK - timedelta(days=9), CLOCK),
        ALERT.case: AlertState(ALERT, "a", "error", CLOCK, CLOCK),
    }
    found: tuple[StandingAlert, ...] = report(states, faults=False).alerts
    assert [one.alert.title for one in found] == [ALERT.title, "approve"]
    assert found[0].since == CLOCK
    assert report(states, faults=False).day == LAST
