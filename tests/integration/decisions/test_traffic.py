"""`loopline traffic` over a real decision service: the rows of a bank's validated table as customers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assets.serving.decision import Decision
from assets.serving.log.decision_log import days, scan_day
from pipelines.operations.access_keys import add_key
from resources.environments import CHECKOUT
from tests.campaigns.http.target import publish
from tests.integration.conftest import LAST, Small
from tests.support.certificates import write_certificate
from tests.support.processes.in_process import answer_of
from tests.support.processes.killing import kept_variables
from tests.support.servers.serving_process import Service, Workspace

pytestmark = pytest.mark.slow
PRODUCT = "card_fraud"
TABLE = "card_fraud/validated_card_transactions"


class Home:
    """The small bank with two validated days of card transactions, and a decision service with a small model.

    The service speaks TLS, and every request needs a key.
    """

    def __init__(self, bank: Small) -> None:
        bank.make(LAST - timedelta(days=1), LAST, "raw_card_transactions", "validated_card_transactions")
        self.bank, self.environment = bank, bank.environment
        self.workspace = Workspace(self.environment.home, events_each=5)
        self.workspace.port = self.environment.ports.decisions
        publish(self.workspace, PRODUCT, until=datetime.now(UTC))
        base = self.environment.ports.dagster
        certificate, secret = write_certificate(self.environment.home)
        tls = {"LOOPLINE_TLS_CERTIFICATE": str(certificate), "LOOPLINE_TLS_KEY": str(secret)}
        self.workspace.variables |= {**tls, "LOOPLINE_REQUIRE_KEYS": "1"}
        self.variables = {"LOOPLINE_HOME": str(self.environment.home), "LOOPLINE_PORT_BASE": str(base), **tls}

    def take_key(self) -> None:
        """Later traffic sends a key that may decide."""
        key = add_key(self.environment, "customers", ("decide",), by="Ann", reason="a test")[1]
        self.variables["LOOPLINE_API_KEY"] = key

    def traffic(self, *options: str) -> tuple[int, dict[str, Any], str]:
        answer = answer_of(["traffic", PRODUCT, *options, "--json"], self.variables)
        return answer.status, answer.told, answer.people

    def decisions(self) -> list[Decision]:
        """Everything that the service has recorded, in order."""
        log = self.environment.decision_log
        return [decision for day in days(log, PRODUCT) for decision in scan_day(log, PRODUCT, day).decisions]


@pytest.fixture
def home(small: Callable[[str], Small]) -> Home:
    return Home(small(PRODUCT))


def test_the_rows_of_a_table_are_customers(home: Home) -> None:
    """One story, in order, since starting a service takes seconds."""
    status, told, people = home.traffic("--rate", "20", "--for", "1s")
    assert (status, told["error"]["kind"]) == (1, "NoAnswer")
    assert "start it: loopline up" in people
    with Service(home.workspace) as service:
        service.wait_until_ready()
        a_missing_key_is_told(home)
        rows_are_decided_once_as_of_now(home)
        the_seed_decides_the_order(home)
        a_day_with_few_rows_ends_or_is_repeated(home)
        what_cannot_leave_is_held_back(home)
        an_interrupt_ends_it_with_the_summary(home)
        refusals_are_told_with_their_reason(home)
        a_service_that_dies_is_told(home, service)


def a_missing_key_is_told(home: Home) -> None:
    status, told, _ = home.traffic("--rate", "20", "--for", "1s")
    assert (status, told["error"]["kind"]) == (1, "NoAnswer")
    assert "set LOOPLINE_API_KEY to a key" in told["error"]["message"]
    home.take_key()
    deadline = time.monotonic() + 10
    while home.traffic("--rate", "20", "--for", "1s", "--table", "nothing")[1]["error"]["kind"] != "NoRows":
        assert time.monotonic() < deadline, "the service reads its list of keys each second"


def rows_are_decided_once_as_of_now(home: Home) -> None:
    status, told, people = home.traffic("--rate", "40", "--for", "2s", "--seed", "3")
    sent, late = told["sent"], told["held_back"]
    assert (told["planned"], told["ended"], sent + late) == (80, "complete", 80), people
    assert sent >= 10, "on a busy machine the client stalls at times, and holds the requests of that time back"
    assert (status, told["whole"]) == ((1, False) if late else (0, True))
    assert (told["decided"], told["answered"], told["refused"], told["unanswered"]) == (sent, sent, {}, {})
    assert (told["roles"], told["bundles"], told["fallbacks"]) == ({"champion": sent}, {"1": sent}, {})
    assert 1.9 < told["seconds"] < 4.0
    assert 0.0 < told["p50_ms"] <= told["p99_ms"]
    assert f"{sent} of 80 requests sent" in people

    recorded = home.decisions()
    rows = {row["transaction_id"]: row for row in home.bank.lake.read(TABLE).to_pylist()}
    assert len({decision.row_id for decision in recorded}) == len(recorded) == sent
    assert told["outcomes"] == {
        name: sum(d.outcome == name for d in recorded) for name in {d.outcome for d in recorded}
    }
    for decision in recorded:
        row = rows[decision.row_id]
        assert decision.as_of.date() == LAST + timedelta(days=1), "now, by the clock of a history that has ended"
        assert (decision.keys["card_id"], decision.keys["terminal_id"]) == (row["card_id"], row["terminal_id"])
        assert decision.inputs["amount"] == row["amount"]


def the_seed_decides_the_order(home: Home) -> None:
    def sent(seed: str) -> list[str | int]:
        before = len(home.decisions())
        told = home.traffic("--rate", "10", "--for", "0.8s", "--seed", seed)[1]
        found = [decision.row_id for decision in home.decisions()[before:]]
        assert len(found) == told["decided"] > 0
        return found

    first, again, other = sent("5"), sent("5"), sent("6")
    # What is held back takes no row, so the same rows come in the same order.
    assert all(one == same for one, same in zip(first, again, strict=False))
    assert not set(first) & set(other)


def a_day_with_few_rows_ends_or_is_repeated(home: Home) -> None:
    few = home.bank.lake.read(TABLE, days=[LAST]).slice(0, 6)
    home.bank.lake.replace("card_fraud/few", few, days=[LAST])
    chosen = ("--table", "few", "--rate", "20", "--for", "1s")
    status, told, people = home.traffic(*chosen)
    assert (status, told["ended"], told["rows"], told["decided"]) == (1, "out of rows", 6, 6)
    assert "6 rows last for 0.3 s: the traffic ends then; --again repeats them" in people
    _, told, _ = home.traffic(*chosen, "--again")
    assert (told["ended"], told["rows"], told["decided"]) == ("complete", 6, told["sent"])
    assert told["decided"] > 6
    status, told, people = home.traffic("--rate", "20", "--for", "1s", "--from-day", "2030-01-01")
    assert (status, told["error"]["kind"]) == (1, "NoRows")
    assert home.traffic("--rate", "20", "--for", "1s", "--table", "nothing")[1]["error"]["kind"] == "NoRows"


def what_cannot_leave_is_held_back(home: Home) -> None:
    """One at a time at 400 a second: no decision is answered within 2.5 ms."""
    status, told, _ = home.traffic("--rate", "400", "--for", "1s", "--in-flight", "1")
    assert status == 1
    assert told["held_back"] > 0
    assert told["planned"] == told["sent"] + told["held_back"] == 400
    assert told["decided"] == told["sent"]


def heed_interrupts() -> None:
    """A process that a script starts in the background ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def an_interrupt_ends_it_with_the_summary(home: Home) -> None:
    before = len(home.decisions())
    command = [sys.executable, "-m", "pipelines.cli", "traffic", PRODUCT, "--rate", "20", "--for", "1h", "--json"]
    with subprocess.Popen(
        command, env=kept_variables() | home.variables, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=heed_interrupts,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        while "requests, 20 a second" not in process.stderr.readline():
            assert process.poll() is None
        while len(home.decisions()) < before + 5:
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        out, people = process.communicate(timeout=20)
    told = json.loads(out)
    assert (process.returncode, told["ended"], told["whole"]) == (1, "interrupted", False)
    assert told["decided"] == told["sent"] == len(home.decisions()) - before, "what was in flight was awaited"
    assert "Traceback" not in people
    assert "interrupted" in people


def refusals_are_told_with_their_reason(home: Home) -> None:
    wrong = home.bank.lake.read(TABLE, days=[LAST]).slice(0, 10)
    index = wrong.column_names.index("amount")
    negative = [-1.0 if number % 2 else 5.0 for number in range(10)]
    wrong = wrong.set_column(index, "amount", [negative])
    home.bank.lake.replace("card_fraud/wrong", wrong, days=[LAST])
    status, told, people = home.traffic("--table", "wrong", "--rate", "20", "--for", "1s")
    assert (status, told["refused"]["400"] + told["decided"]) == (1, told["sent"])
    assert min(told["refused"]["400"], told["decided"]) >= 1
    assert "field 'amount' is" in told["said"]["400"]
    assert "refused" in people


def a_service_that_dies_is_told(home: Home, service: Service) -> None:
    """The traffic goes on: customers come all the same, and get no answer."""
    command = [sys.executable, "-m", "pipelines.cli", "traffic", PRODUCT, "--rate", "20", "--for", "3s", "--json"]
    before = len(home.decisions())
    with subprocess.Popen(
        command, env=kept_variables() | home.variables, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        while len(home.decisions()) < before + 5:
            assert process.poll() is None
        service.stop()
        out, people = process.communicate(timeout=30)
    told = json.loads(out)
    assert (process.returncode, told["ended"], told["planned"]) == (1, "complete", 60)
    assert told["unanswered"]["connection"] >= 10
    assert told["decided"] >= 5
    assert "connection: " in people
