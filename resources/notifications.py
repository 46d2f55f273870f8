"""Alerts to people.

Belongs here: the alert as a frozen value, and its own channels: the console and a webhook. Does not belong here: when
to alert (`assets.monitoring.verdicts`, `pipelines.alerting.alerts`), keeping and telling alerts, other channels
(`resources.alerts`).
"""

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, TextIO
from urllib.parse import urlsplit

import httpx

from resources.errors import LooplineError
from resources.loopback import is_loopback

Severity = Literal["info", "warning", "error"]
AlertKind = Literal[
    "run_failed", "approval_wanted", "rollout_paused", "rolled_back", "drift", "performance", "estimated", "kpi",
    "data_fault", "retraining", "alias_moved",
]  # fmt: skip
"""What an alert is about. Each kind has a heading in `infra/prometheus/RUNBOOK.md`."""

REPOSITORY = "https://github.com/loopline/loopline/blob/main"
"""Where people read the files of this repository."""

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 10.0


class NotificationFailed(LooplineError):
    """An alert did not arrive; the message names the receiver, never its secret address."""


@dataclass(frozen=True)
class Alert:
    """One message to the people on call.

    Attributes:
        kind: What it is about.
        title: One line.
        run_id, asset, partition: The Dagster run, and the asset and partition that it worked on; empty without one.
        message: What happened, with figures.
        remedy: What to do once the cause is repaired, most often a command.
        runbook: The runbook's section on it: a file of the repository, and after # the heading.
        link: A page of the Dagster UI.
        subject: What of the product it is about: a job, a version, a table; the title if empty.
        episode: Tells one occurrence from the next: days, a generation; empty where there can be only one at a time.
        owner: The address of the people who answer for it; if empty, the product's owner.
    """

    kind: AlertKind
    severity: Severity
    title: str
    product: str
    message: str
    run_id: str = ""
    asset: str = ""
    partition: str = ""
    remedy: str = ""
    runbook: str = ""
    link: str = ""
    subject: str = ""
    episode: str = ""
    owner: str = ""

    @property
    def case(self) -> str:
        """What makes two alerts one: product, kind, subject and episode; a word that a command line takes."""
        parts = (self.product, self.kind, self.subject or self.title, self.episode)
        return "/".join(_word(part) for part in parts if part)

    @property
    def key(self) -> str:
        """Identifies the message: a receiver that gets it twice may drop the second."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]

    @property
    def runbook_url(self) -> str:
        """The address of that section; empty without one."""
        return f"{REPOSITORY}/{self.runbook}" if self.runbook else ""

    @property
    def text(self) -> str:
        """The alert as a few lines of text, without the empty fields."""
        details = (
            ("run", self.run_id),
            ("asset", self.asset),
            ("partition", self.partition),
            ("owner", self.owner),
            ("remedy", self.remedy),
            ("runbook", self.runbook_url),
            ("look", self.link),
            ("case", self.case),
        )
        lines = [f"[{self.severity}] {self.product}: {self.title}", self.message]
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in details if value)])


def _word(text: str) -> str:
    """A text as one word: letters, digits, points, underscores and hyphens."""
    return re.sub(r"[^\w.:]+", "-", text).strip("-").lower()


class Notifier(Protocol):
    """A channel to the people on call."""

    def send(self, alert: Alert) -> None:
        """Delivers the alert.

        Raises:
            NotificationFailed: The alert did not arrive.
        """


@dataclass(frozen=True)
class ConsoleNotifier:
    """Writes to standard error, or to the given stream."""

    stream: TextIO | None = None

    def send(self, alert: Alert) -> None:
        """Writes the alert's text."""
        stream = self.stream or sys.stderr
        stream.write(f"{alert.text}\n")
        stream.flush()


@dataclass(frozen=True)
class WebhookNotifier:
    """Posts JSON: the alert's fields, its case, `text` for chat services, and `key`, the header `Idempotency-Key` too.

    An attempt is repeated, with growing pauses, after a timeout and after the statuses 408, 425, 429, 500, 502, 503 and
    504; every other refusal is final. A redirect is not followed: it would give the alert to another receiver.

    Attributes:
        url: Secret; it is never printed.
        timeout: Seconds for each attempt.
        attempts: The largest number of attempts.
        pause: Seconds before the second attempt; doubled for each further one.
        form: `fields` as above; `text` for chat services that take `text` alone, as Slack's incoming webhooks.
    """

    url: str = field(repr=False)
    timeout: float = 5.0
    attempts: int = 3
    pause: float = 0.5
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    form: Literal["fields", "text"] = "fields"

    def send(self, alert: Alert) -> None:
        """Posts the alert.

        Raises:
            NotificationFailed: The receiver refused, or did not answer on any attempt.
        """
        body: dict[str, Any] = {"text": alert.text}
        if self.form == "fields":
            body = {**asdict(alert), **body, "key": alert.key, "case": alert.case, "runbook_url": alert.runbook_url}
        problem = ""
        direct = is_loopback(self.url)
        with httpx.Client(timeout=self.timeout, follow_redirects=False, trust_env=not direct) as client:
            for attempt in range(self.attempts):
                if attempt:
                    self.sleep(min(self.pause * 2 ** (attempt - 1), _LONGEST_PAUSE))
                try:
                    answer = client.post(self.url, json=body, headers={"Idempotency-Key": alert.key})
                except httpx.TransportError as error:
                    problem = type(error).__name__
                    continue
                if answer.is_success:
                    return
                problem = f"HTTP {answer.status_code}"
                if answer.status_code not in _TRANSIENT:
                    raise NotificationFailed(f"{self._receiver} refused '{alert.title}': {problem}; check the webhook")
        raise NotificationFailed(
            f"{self._receiver} did not take '{alert.title}' in {self.attempts} attempts: {problem}"
        )

    @property
    def _receiver(self) -> str:
        """The host alone: the path of a webhook is its password."""
        return f"webhook at {urlsplit(self.url).hostname}"
