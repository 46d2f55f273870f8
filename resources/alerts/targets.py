"""The targets of alerts: who is told what, through which service.

Belongs here: reading the targets that the environment declares, choosing those of an alert, sending through `apprise`.
Does not belong here: the webhook that posts itself, with its retries (`resources.notifications`), when to tell
(`life.py`).

LOOPLINE_ALERTS is a JSON list of objects:

    [{"url": "mailto://smtp.bank.example:25?from=loopline@bank.example&to=risk@bank.example", "severity": "warning"},
     {"url": "slack+https://hooks.slack.com/services/${SLACK_PATH}", "severity": "error", "owner": "risk@bank.example"}]

`url` is one of apprise (mailto, mmost, msteams, pagerduty, …); `http`, `https` is a webhook that gets the alert's
fields, and with `slack+` before it one that gets `text` alone. `${NAME}` stands for the variable NAME: no secret has to
be written here. `severity` is the least that it is told, `info` if left out; with `owner` it is told the alerts of this
owner alone.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import urlsplit

from resources.alerts.policy import AlertError
from resources.environments import Environment
from resources.notifications import (
    Alert,
    ConsoleNotifier,
    NotificationFailed,
    Notifier,
    Severity,
    WebhookNotifier,
)

_RANKS = get_args(Severity)
_REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_KEYS = {"url", "severity", "owner"}
_FORM = 'write [{"url": "mailto://…", "severity": "warning", "owner": "…"}], severity and owner only if wanted'


@dataclass(frozen=True)
class AppriseNotifier:
    """Sends through a service of the library apprise, which knows more than a hundred.

    Attributes:
        url: An address of apprise; secret, it is never printed. Its `cto` and `rto` are the longest waits in seconds
            for a connection and an answer, 4 each if left out.
    """

    url: str = field(repr=False)

    def send(self, alert: Alert) -> None:
        """Sends title and text.

        Raises:
            NotificationFailed: The service did not take it, or the address is none of apprise's.
        """
        import apprise  # it loads its services

        kinds = {"info": apprise.NotifyType.INFO, "warning": apprise.NotifyType.WARNING}
        # A redirect would give the alert to another receiver.
        settings = apprise.AppriseAsset(app_id="Loopline", http_redirects=False)
        service = apprise.Apprise.instantiate(self.url, asset=settings)
        if service is None:
            raise NotificationFailed(f"{place(self.url)} is no address of apprise; correct LOOPLINE_ALERTS")
        done = service.notify(
            title=f"[{alert.severity}] {alert.product}: {alert.title}",
            body=alert.text,
            notify_type=kinds.get(alert.severity, apprise.NotifyType.FAILURE),
        )
        if not done:
            raise NotificationFailed(f"{place(self.url)} did not take '{alert.title}'")


@dataclass(frozen=True)
class Target:
    """One receiver of alerts.

    Attributes:
        name: How messages and the book name it; without secrets.
        severity: The least severity that it is told.
        owner: Whose alerts it is told; empty for everybody's.
    """

    name: str
    notifier: Notifier
    severity: Severity = "info"
    owner: str = ""

    def wants(self, alert: Alert) -> bool:
        """Whether it is told this alert."""
        return _RANKS.index(alert.severity) >= _RANKS.index(self.severity) and self.owner in ("", alert.owner)


def targets_of(environment: Environment, variables: Mapping[str, str] = os.environ) -> tuple[Target, ...]:
    """The console, the environment's webhook if it has one, and the targets of LOOPLINE_ALERTS.

    Raises:
        AlertError: LOOPLINE_ALERTS is no such list, or names a variable that is not set.
    """
    found = [Target("console", ConsoleNotifier())]
    if environment.webhook:
        found.append(Target("webhook", WebhookNotifier(environment.webhook)))
    for number, entry in enumerate(_entries(environment.alerts), start=1):
        url = _with_secrets(entry["url"], number, variables)
        name = f"{number}: {place(url)}"
        found.append(Target(name, _notifier(url), entry.get("severity", "info"), entry.get("owner", "")))
    return tuple(found)


def place(url: str) -> str:
    """Service and host of an address: what stands before and behind the host may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme or 'target'} at {parts.hostname}"


def _notifier(url: str) -> Notifier:
    scheme = url.partition("://")[0]
    if scheme in ("http", "https"):
        return WebhookNotifier(url)
    if scheme in ("slack+http", "slack+https"):
        return WebhookNotifier(url.removeprefix("slack+"), form="text")
    return AppriseNotifier(url)


def _entries(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text or "[]")
    except ValueError as error:
        raise AlertError(
            f"LOOPLINE_ALERTS is no JSON ({error}); write a list as in resources/alerts/targets.py"
        ) from error
    if not isinstance(found, list):
        raise AlertError(f"LOOPLINE_ALERTS is no JSON list; {_FORM}")
    for number, entry in enumerate(found, start=1):
        where = f"LOOPLINE_ALERTS, entry {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("url"), str) or not set(entry) <= _KEYS:
            raise AlertError(f"{where}: write an object with url, and if wanted severity and owner")
        if entry.get("severity", "info") not in _RANKS:
            raise AlertError(f"{where}: severity is {entry['severity']!r}; write one of {', '.join(_RANKS)}")
        if "://" not in entry["url"]:
            raise AlertError(f"{where}: its url has no scheme; write mailto://…, https://… or another of apprise")
    return found


def _with_secrets(url: str, number: int, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if not variables.get(match.group(1)):
            raise AlertError(f"LOOPLINE_ALERTS, entry {number} refers to {match.group(1)}, which is not set; set it")
        return variables[match.group(1)]

    return _REFERENCE.sub(value, url)
