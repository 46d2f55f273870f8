"""Who is told what: targets of LOOPLINE_ALERTS, through real receivers of this machine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email import message_from_string
from typing import Any

import pytest

from resources.alerts.policy import AlertError
from resources.alerts.targets import AppriseNotifier, Target, targets_of
from resources.environments import load_environment
from resources.notifications import Alert, ConsoleNotifier, NotificationFailed, WebhookNotifier
from tests.support.servers.http_server import QuietHandler, serving
from tests.support.servers.smtp_server import taking_mail

ALERT = Alert(
    kind="run_failed", severity="error", title="daily failed", product="credit_risk",
    message="7% of the rows broke their contract", owner="risk@bank.example",
    runbook="pipelines/credit_risk/RUNBOOK.md", remedy="loopline run credit_risk",
)  # fmt: skip


@dataclass
class Chat:
    """A chat service of this machine."""

    port: int = 0
    status: int = 200
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def chat() -> Iterator[Chat]:
    state = Chat()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.posts.append((self.path, body))
            elsewhere = {"Location": f"http://127.0.0.1:{state.port}/elsewhere"}
            self.answer(state.status, b"ok", headers=elsewhere if state.status == 307 else {})

    with serving(Handler) as server:
        state.port = server.server_port
        yield state


def targets(*entries: dict[str, str], **variables: str) -> tuple[Target, ...]:
    """Those of LOOPLINE_ALERTS, without the console."""
    given = {"LOOPLINE_ALERTS": json.dumps(entries), **variables}
    return targets_of(load_environment(given), given)[1:]


def test_without_settings_it_is_the_console_and_the_webhook_is_told_as_before(chat: Chat) -> None:
    (console,) = targets_of(load_environment({}), {})
    assert console.notifier == ConsoleNotifier()
    variables = {"LOOPLINE_WEBHOOK": f"http://127.0.0.1:{chat.port}/hook"}
    _, webhook = targets_of(load_environment(variables), variables)
    webhook.notifier.send(ALERT)
    ((_, body),) = chat.posts
    assert (body["title"], body["owner"], body["key"]) == ("daily failed", "risk@bank.example", ALERT.key)
    assert body["text"] == ALERT.text


def test_a_slack_webhook_gets_text_alone_and_its_path_is_a_secret_by_reference(chat: Chat) -> None:
    url = f"slack+http://127.0.0.1:{chat.port}/services/${{SLACK_PATH}}"
    (slack,) = targets({"url": url}, SLACK_PATH="T0/B0/secret")
    slack.notifier.send(ALERT)
    assert chat.posts == [("/services/T0/B0/secret", {"text": ALERT.text})]
    assert "secret" not in repr(slack)


def test_an_e_mail_arrives_with_title_remedy_and_runbook() -> None:
    with taking_mail() as box:
        url = f"mailto://127.0.0.1:{box.port}?from=loopline@bank.example&to=risk@bank.example&mode=insecure"
        (mail,) = targets({"url": url})
        mail.notifier.send(ALERT)
    ((_, receivers, text),) = box.letters
    letter = message_from_string(text)
    assert receivers == ["risk@bank.example"]
    assert "[error] credit_risk: daily failed" in str(letter["Subject"])
    content = next(part for part in letter.walk() if not part.is_multipart()).get_payload(decode=True)
    assert isinstance(content, bytes)
    for words in (ALERT.message, ALERT.remedy, ALERT.runbook):
        assert words in content.decode()


def test_a_mail_server_that_refuses_is_told_without_its_password() -> None:
    with taking_mail() as box:
        box.refuses = True
        url = f"mailto://bot:secret@127.0.0.1:{box.port}?from=a@bank.example&to=risk@bank.example&mode=insecure"
        with pytest.raises(NotificationFailed, match=r"mailto at 127\.0\.0\.1 did not take 'daily failed'") as failure:
            AppriseNotifier(url).send(ALERT)
    assert box.letters == []
    assert "secret" not in str(failure.value)
    assert "secret" not in repr(AppriseNotifier(url))


def test_a_chat_of_apprise_is_told_and_follows_no_redirect(chat: Chat) -> None:
    (mattermost,) = targets({"url": f"mmost://127.0.0.1:{chat.port}/hookid"})
    mattermost.notifier.send(ALERT)
    assert ALERT.message in chat.posts[0][1]["text"]
    chat.status = 307
    with pytest.raises(NotificationFailed, match="did not take"):
        mattermost.notifier.send(ALERT)
    assert [path for path, _ in chat.posts] == ["/hooks/hookid", "/hooks/hookid"]


def test_each_target_hears_its_severities_and_owners() -> None:
    url = "https://hooks.bank.example/x"
    every, errors, risk = targets({"url": url}, {"url": url, "severity": "error"}, {"url": url, "owner": ALERT.owner})
    assert isinstance(every.notifier, WebhookNotifier)
    warning, other = replace(ALERT, severity="warning"), replace(ALERT, owner="fraud@bank.example")
    assert [one.wants(ALERT) for one in (every, errors, risk)] == [True, True, True]
    assert [one.wants(warning) for one in (every, errors, risk)] == [True, False, True]
    assert [one.wants(other) for one in (every, errors, risk)] == [True, True, False]
    assert len({every.name, errors.name, risk.name}) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "is no JSON"),
        ("{}", "no JSON list"),
        ('["https://x"]', "entry 1: write an object"),
        ('[{"url": "https://x", "to": "a"}]', "entry 1: write an object with url"),
        ('[{"url": "https://x", "severity": "high"}]', "'high'; write one of info, warning, error"),
        ('[{"url": "risk@bank.example"}]', "has no scheme"),
        ('[{"url": "https://x/${NOT_SET}"}]', "refers to NOT_SET, which is not set"),
    ],
)
def test_settings_that_are_wrong_are_refused(text: str, words: str) -> None:
    with pytest.raises(AlertError, match=words):
        targets_of(load_environment({"LOOPLINE_ALERTS": text}), {})


def test_a_scheme_that_apprise_does_not_know_is_refused() -> None:
    with pytest.raises(NotificationFailed, match="carrier-pigeon at coop is no address of apprise"):
        AppriseNotifier("carrier-pigeon://coop").send(ALERT)
