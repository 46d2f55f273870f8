import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from resources.notifications import (
    Alert,
    ConsoleNotifier,
    NotificationFailed,
    WebhookNotifier,
)
from tests.support.servers.http_server import QuietHandler, serving

ALERT = Alert(
    kind="run_failed",
    severity="error",
    title="daily failed",
    product="credit_risk",
    message="validated_transactions: 7% of the rows broke their contract",
    run_id="0b7c",
    partition="2026-03-01",
    runbook="pipelines/credit_risk/RUNBOOK.md",
)


@dataclass
class Receiver:
    """A webhook that answers with the given statuses in turn, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    seen: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    delay: float = 0.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.seen.append((dict(self.headers), body))
            time.sleep(state.delay)
            status = state.statuses.pop(0) if state.statuses else 200
            self.answer(status, headers={"Location": f"{state.url}/elsewhere"} if 300 <= status < 400 else {})

    with serving(Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/hooks/secret-token"
        yield state


def webhook(receiver: Receiver, pauses: list[float] | None = None, **changes: Any) -> WebhookNotifier:
    sleep = pauses.append if pauses is not None else (lambda _: None)
    return WebhookNotifier(receiver.url, sleep=sleep, **changes)


def test_the_console_leaves_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleNotifier().send(ALERT)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "[error] credit_risk: daily failed",
        "validated_transactions: 7% of the rows broke their contract",
        "run: 0b7c",
        "partition: 2026-03-01",
        "runbook: https://github.com/loopline/loopline/blob/main/pipelines/credit_risk/RUNBOOK.md",
        "case: credit_risk/run_failed/daily-failed",
    ]


def test_a_webhook_gets_the_fields_and_a_text(receiver: Receiver) -> None:
    webhook(receiver).send(ALERT)
    ((headers, body),) = receiver.seen
    assert body["severity"] == "error"
    assert body["partition"] == "2026-03-01"
    assert body["text"] == ALERT.text
    assert (body["case"], body["runbook_url"]) == (ALERT.case, ALERT.runbook_url)
    assert body["key"] == headers["Idempotency-Key"] == ALERT.key
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again_with_growing_pauses(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status, status]
    pauses: list[float] = []
    webhook(receiver, pauses, pause=0.5).send(ALERT)
    assert pauses == [0.5, 1.0]
    assert [body["key"] for _, body in receiver.seen] == [ALERT.key] * 3


@pytest.mark.parametrize("status", [302, 400, 401, 404])
def test_what_will_not_pass_is_told_at_once(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]
    with pytest.raises(NotificationFailed, match=f"refused 'daily failed': HTTP {status}"):
        webhook(receiver).send(ALERT)
    assert len(receiver.seen) == 1


def test_after_the_last_attempt_it_has_failed(receiver: Receiver) -> None:
    receiver.statuses = [500] * 9
    with pytest.raises(NotificationFailed, match="in 3 attempts: HTTP 500") as failure:
        webhook(receiver).send(ALERT)
    assert len(receiver.seen) == 3
    assert "secret-token" not in str(failure.value)


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(receiver: Receiver) -> None:
    receiver.delay = 0.4
    with pytest.raises(NotificationFailed, match="in 2 attempts: ReadTimeout"):
        webhook(receiver, timeout=0.1, attempts=2).send(ALERT)
    assert len(receiver.seen) == 2


def test_a_receiver_that_is_not_there(receiver: Receiver) -> None:
    gone = replace(webhook(receiver, attempts=2), url="http://127.0.0.1:9/hooks/secret-token")
    with pytest.raises(NotificationFailed, match=r"127\.0\.0\.1 did not take .*ConnectError") as failure:
        gone.send(ALERT)
    assert "secret-token" not in str(failure.value)
    assert "secret-token" not in repr(gone)


def test_alerts_are_told_apart_by_their_key() -> None:
    assert ALERT.key == replace(ALERT).key
    assert ALERT.key != replace(ALERT, partition="2026-03-02").key


def test_a_receiver_of_this_machine_is_told_past_any_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not answer keeps no alert from a webhook on a loopback address."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    WebhookNotifier(receiver.url, attempts=1).send(ALERT)
    assert len(receiver.seen) == 1
