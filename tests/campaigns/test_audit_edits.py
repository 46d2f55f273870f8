"""Whoever edits the audit log is found: random edits of its file, each judged by what `loopline audit verify` says."""

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from random import Random

import pytest

from assets.governance.audit_log import AuditLog
from pipelines.operations.audit import verify_audit
from resources.environments import Environment, load_environment
from tests.campaigns.audit_edits import EDITS, hashed_again
from tests.support.processes.in_process import answer_of

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
EDITED, BY_COMMAND = (10_000, 200) if CAMPAIGN else (210, 3)
ENTRIES = 25
NOW = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)

pytestmark = pytest.mark.timeout(3600 if CAMPAIGN else 300)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A home whose log has entries of several kinds; its anchors are elsewhere, and no product has a model."""
    folder = tmp_path_factory.mktemp("audited")
    environment = load_environment(
        {"LOOPLINE_HOME": str(folder / "home"), "LOOPLINE_AUDIT_ANCHORS": str(folder / "anchors")}
    )
    log = AuditLog(Path(environment.records) / "log.jsonl", environment.audit_anchors)
    for number in range(ENTRIES):
        log.append(
            actor=("Ada Risk", "dagster schedule", "Zoë")[number % 3],
            action=("approve", "promote", "reject")[number % 3],
            product=("loans", "cards")[number % 2],
            version=str(number),
            reason=f"reviewed “{number}”",
            at=NOW + timedelta(days=number),
            details={"share": 0.25, "of": ["ä", None]} if number % 4 else {},
        )
    return environment


def test_every_random_edit_of_the_log_is_found(environment: Environment) -> None:
    file = Path(environment.records) / "log.jsonl"
    whole = file.read_bytes()
    lines, random, names = whole.splitlines(keepends=True), Random(29), list(EDITS)
    assert hashed_again([json.loads(line) for line in lines]) == whole, "the generator knows the form"
    assert verify_audit(environment).check.whole
    variables = {
        "LOOPLINE_HOME": str(environment.home), "LOOPLINE_AUDIT_ANCHORS": environment.audit_anchors,
    }  # fmt: skip
    edited, missed, firsts = Counter[str](), [], Counter[bool]()
    while sum(edited.values()) < EDITED:
        name = names[sum(edited.values()) % len(names)]
        data = EDITS[name](lines, random)
        if data == whole:
            continue
        file.write_bytes(data)
        check = verify_audit(environment).check
        if check.whole or check.first is None or not check.fault:
            missed.append(f"{name}: {data!r}")
        else:
            firsts[check.first <= _first_difference(lines, data) + 1] += 1
        if edited[name] < BY_COMMAND // len(names) + 1:
            answer = answer_of(["audit", "verify", "--json"], variables)
            assert answer.status == 1, data
        edited[name] += 1
    file.write_bytes(whole)
    print(f"\n{dict(edited)}; the first entry that does not fit was named: {dict(firsts)}")
    assert missed == []
    assert firsts[False] == 0, "the entry that is named is the first edited one, or one before it"
    assert verify_audit(environment).check.whole


def _first_difference(lines: list[bytes], data: bytes) -> int:
    """The place of the first line that is another."""
    others = data.splitlines(keepends=True)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(lines, others, strict=False))
    return sum(1 for _ in same)
