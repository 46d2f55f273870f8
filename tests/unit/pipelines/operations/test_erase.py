"""`loopline erase`: a person goes from posted rows, exposed, decisions and the online store; others stay."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assets.bundle.contract import ColumnRule, SourceRules
from assets.feedback.decisions import answered_of
from assets.feedback.exposed import keep_exposed
from assets.privacy.tokens import tokenise
from assets.product import PostedOutcomes, PostedReviews
from assets.rollout.moves import advanced, rolled_back
from assets.serving.decision import Decision
from assets.serving.log.decision_log import scan_day
from assets.serving.log.posted_log import PostedLog
from assets.serving.log.writer import DecisionLog
from assets.serving.requests.posted import PostedRow
from pipelines.operations.data import erase as operation
from pipelines.operations.data.erase import NotErased, erase_subject
from pipelines.operations.rollout import keeper_of
from pipelines.products import load_product
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.lake import Lake
from resources.lake.origins import Reading, made_from, read_from, recorded_origin
from resources.lake.partitioning import with_slot
from resources.slots import Hour, slots_between
from tests.support.models.decision_samples import another, write
from tests.unit.rollout.rollout_samples import WHO, under_way
from tests.unit.serving.http.test_posted import OUTCOMES as RULES
from tests.unit.serving.http.test_posted import REVIEWS

CREDIT = load_product("credit_risk")
PRODUCT = replace(
    CREDIT,
    sources=(*CREDIT.sources, PostedOutcomes("loan_outcomes", row_id="application_id", value="defaulted"),
             PostedReviews("reviews")),
)  # fmt: skip
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = NOW.date()
TERMS: Mapping[str, str] = {"by": "Ada Risk", "reason": "she asked for it"}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(operation, "load_product", lambda name: PRODUCT)
    return load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})


def decided(person: str, row: str, **changes: Any) -> Decision:
    inputs = {"amount": 100.0, "purpose": f"the wedding of {person}"}
    keys = {"customer_id": person}
    return another(row_id=row, keys=keys, inputs=inputs, decided_at=NOW, as_of=NOW, **changes)


def post(log: PostedLog, source: str, rules: SourceRules, row_id: str, **columns: Any) -> str:
    assert rules.posted is not None
    row = PostedRow(row_id, columns, NOW)
    return log.keep("credit_risk", source, rules, rules.posted, row, NOW).result


def posted_rows(environment: Environment, source: str) -> list[dict[str, Any]]:
    files = sorted((environment.posted / "credit_risk" / source).rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().strip(b"\0").splitlines()]


def everything(environment: Environment) -> bytes:
    """The bytes of both logs."""
    return b"".join(path.read_bytes() for path in sorted(environment.decision_log.rglob("*.jsonl")))


def outcome_of(row: str, number: str) -> dict[str, Any]:
    return {"outcome_id": number, "application_id": row, "defaulted": 1, "event_time": NOW.isoformat()}


def test_a_person_goes_from_everything_that_decisions_left_and_nobody_else_does(environment: Environment) -> None:
    anna, other = (
        decided("ANNA", "A1", outcome="review", bundle="2", rollout="rollout-2", role="challenger"),
        decided("BERT", "B1", outcome="review", bundle="2", rollout="rollout-2", role="challenger"),
    )
    write(environment.decision_log, anna, other)
    writer = DecisionLog(environment.posted)
    log, lake = PostedLog(environment.posted, writer, any_time=True), Lake(environment.lake)
    for row, number in (("A1", "O1"), ("B1", "O2")):
        post(log, "loan_outcomes", RULES, number, **outcome_of(row, number))
    for one, why in ((anna, "ANNA has a rich aunt"), (other, "fine")):
        columns = {"decision_id": one.id, "outcome": "approve", "by": "K. Lee", "reason": why}
        post(log, "reviews", REVIEWS, one.id, **columns)
    raw = pa.table(
        {"outcome_id": ["O1", "O2"], "application_id": ["A1", "B1"], "day": pa.array([DAY] * 2, pa.date32())}
    )
    origins = {"raw_loan_outcomes": read_from({DAY: {"lines": 2}})}
    origins["validated_loan_outcomes"] = made_from({"credit_risk/raw_loan_outcomes": Reading(0, 0)})
    for name, origin in origins.items():
        lake.replace(f"credit_risk/{name}", raw, days=[DAY], metadata=origin)
    words = pa.table(
        {"decision_id": [anna.id, other.id], "outcome": ["approve"] * 2, "by": ["K. Lee"] * 2,
         "reason": ["ANNA has a rich aunt", "fine"], "day": pa.array([DAY] * 2, pa.date32())}
    )  # fmt: skip
    lake.replace("credit_risk/validated_reviews", words, days=[DAY])
    lake.replace("credit_risk/decisions", answered_of(PRODUCT, lake, environment.decision_log, DAY), days=[DAY])
    state = replace(
        rolled_back(advanced(under_way(), WHO), replace(WHO, at=NOW + timedelta(hours=1))), product="credit_risk"
    )
    assert keep_exposed(lake, environment.decision_log, state) == 2

    found = erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)
    assert (found.decisions, found.posted, found.exposed, found.days) == (1, 2, 1, (DAY,))
    assert found.rows == {
        "credit_risk/raw_loan_outcomes": 1, "credit_risk/validated_loan_outcomes": 1,
        "credit_risk/validated_reviews": 1,
    }  # fmt: skip
    assert b"ANNA" not in everything(environment)
    assert b"BERT" in everything(environment)
    assert [row["application_id"] for row in posted_rows(environment, "loan_outcomes")] == ["B1"]
    assert [row["reason"] for row in posted_rows(environment, "reviews")] == ["(erased)", "fine"]
    assert [row["outcome"] for row in posted_rows(environment, "reviews")] == ["approve", "approve"]
    for name, origin in origins.items():
        assert lake.read(f"credit_risk/{name}")["outcome_id"].to_pylist() == ["O2"]
        assert recorded_origin(lake, f"credit_risk/{name}", DAY) == origin
    assert lake.read("credit_risk/validated_reviews")["reason"].to_pylist() == ["(erased)", "fine"]
    assert lake.read("credit_risk/exposed")["decision_id"].to_pylist() == [other.id]
    assert keep_exposed(lake, environment.decision_log, state) == 0
    for text in ("keys", "inputs"):
        assert "ANNA" not in "".join(lake.read("credit_risk/decisions")[text].to_pylist())
    (entry,) = keeper_of(environment).audit.entries()
    assert (entry.actor, entry.action, "ANNA" in str(entry)) == ("Ada Risk", "erase", False)

    # The service, which had the files open, goes on, and takes the same outcome anew.
    assert post(log, "loan_outcomes", RULES, "O2", **outcome_of("B1", "O2")) == "known"
    assert post(log, "loan_outcomes", RULES, "O1", **outcome_of("A1", "O1")) == "added"
    writer.close()
    again = erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)
    assert (again.decisions, again.exposed) == (0, 0)


def test_an_erasure_that_was_interrupted_goes_on(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision log, by which the person's rows are known, is the last of the logs."""
    anna = decided("ANNA", "A1")
    write(environment.decision_log, anna)
    writer = DecisionLog(environment.posted)
    post(PostedLog(environment.posted, writer, any_time=True), "loan_outcomes", RULES, "O1", **outcome_of("A1", "O1"))
    writer.close()

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(operation, "erase_posted_tables", ended)
        with pytest.raises(KeyboardInterrupt):
            erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)
    assert scan_day(environment.decision_log, "credit_risk", DAY).decisions[0].keys == {"customer_id": "ANNA"}
    assert erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS).decisions == 1
    assert scan_day(environment.decision_log, "credit_risk", DAY).decisions[0].keys == {}


def test_an_erasure_that_was_interrupted_after_the_log_finds_the_person_in_the_table(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(environment.decision_log, decided("ANNA", "A1"), decided("BERT", "B1"))
    lake = Lake(environment.lake)
    lake.replace("credit_risk/decisions", answered_of(PRODUCT, lake, environment.decision_log, DAY), days=[DAY])

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(operation, "erase_decisions", ended)
        with pytest.raises(KeyboardInterrupt):
            erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)
    again = erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)
    assert (again.decisions, again.days) == (0, (DAY,))
    rows = lake.read("credit_risk/decisions")
    assert [json.loads(keys) for keys in rows["keys"].to_pylist()] == [{}, {"customer_id": "BERT"}]
    assert "ANNA" not in "".join(rows["inputs"].to_pylist())
    assert erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS).days == ()


def test_a_quarantined_row_about_a_person_goes_too(environment: Environment) -> None:
    anna, other = decided("ANNA", "A1"), decided("BERT", "B1")
    write(environment.decision_log, anna, other)
    lake = Lake(environment.lake)
    outcomes, reviews = (
        [{"application_id": row, "malformed": None} for row in ("A1", "B1")],
        [{"decision_id": one.id, "reason": f"{one.row_id} has an aunt"} for one in (anna, other)],
    )
    for source, rows in (("loan_outcomes", outcomes), ("reviews", reviews)):
        texts = [*map(json.dumps, rows), None]  # the last one is of the day
        quarantine = pa.table(
            {"row_ref": ["2026-03-01#0", "2026-03-01#1", "2026-03-01"], "row": texts,
             "day": pa.array([DAY] * 3, pa.date32())}
        )  # fmt: skip
        lake.replace(f"credit_risk/quarantine_{source}", quarantine, days=[DAY])
    found = erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)
    assert found.rows == {"credit_risk/quarantine_loan_outcomes": 1, "credit_risk/quarantine_reviews": 1}
    for source in ("loan_outcomes", "reviews"):
        left = lake.read(f"credit_risk/quarantine_{source}")["row_ref"].to_pylist()
        assert left == ["2026-03-01#1", "2026-03-01"]


def test_the_service_forgets_rows_of_days_long_past_with_their_person(environment: Environment) -> None:
    write(environment.decision_log, decided("ANNA", "A1"))
    writer = DecisionLog(environment.posted)
    log = PostedLog(environment.posted, writer, any_time=False)
    assert RULES.posted is not None
    later = NOW + timedelta(days=40)

    def posted(now: datetime) -> str:
        row = PostedRow("O1", outcome_of("A1", "O1"), None)
        return log.keep("credit_risk", "loan_outcomes", RULES, RULES.posted, row, now).result

    assert [posted(NOW), posted(later)] == ["added", "known"]
    assert erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS).posted == 1
    assert [posted(later), posted(later)] == ["added", "known"]
    writer.close()
    assert len(posted_rows(environment, "loan_outcomes")) == 1


def test_a_plain_key_stands_for_the_token_that_is_kept(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contracts = Path(shutil.copytree(CREDIT.contracts, tmp_path / "contracts"))
    applications = contracts / "applications.yaml"
    plain, personal = "the applicant}", "the applicant, personal: token, pii: identity}"
    applications.write_text(applications.read_text().replace(plain, personal))
    monkeypatch.setattr(operation, "load_product", lambda name: replace(PRODUCT, contracts=contracts))
    token = tokenise("ANNA", Keys.of(environment.home).tokenisation, "customer_id")
    write(environment.decision_log, decided(token, "A1"), decided("BERT", "B1"))
    log = PostedLog(environment.posted, DecisionLog(environment.posted), any_time=True)
    rules = replace(RULES, columns={**RULES.columns, "customer_id": ColumnRule("string", required=False)})
    post(log, "loan_outcomes", rules, "O1", **outcome_of("A9", "O1"), customer_id="ANNA")

    found = erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)

    assert (found.decisions, found.posted) == (1, 1)
    assert token.encode() not in everything(environment)
    assert erase_subject("credit_risk", environment, "customer_id", token, **TERMS).decisions == 0


def test_what_is_no_key_and_who_says_no_reason_erases_nothing(environment: Environment) -> None:
    with pytest.raises(NotErased, match="knows no entity by 'name'; its keys: customer_id"):
        erase_subject("credit_risk", environment, "name", "ANNA", **TERMS)
    with pytest.raises(NotErased, match="say whose data, who you are and why"):
        erase_subject("credit_risk", environment, "customer_id", "ANNA", by="Ada Risk", reason=" ")


def test_a_table_that_is_kept_by_the_hour_is_erased_from_by_the_hour(environment: Environment) -> None:
    write(environment.decision_log, decided("ANNA", "A1"))
    lake, hours = Lake(environment.lake), slots_between(Hour.holding(NOW), Hour.holding(NOW + timedelta(hours=1)))
    table = pa.concat_tables(
        with_slot(pa.table({"outcome_id": [f"O{n}"], "application_id": [row]}), hour)
        for n, (row, hour) in enumerate(zip(("A1", "B1"), hours, strict=True))
    )
    lake.replace("credit_risk/validated_loan_outcomes", table, days=hours)
    found = erase_subject("credit_risk", environment, "customer_id", "ANNA", **TERMS)
    assert found.rows == {"credit_risk/validated_loan_outcomes": 1}
    assert lake.slots("credit_risk/validated_loan_outcomes") == hours[1:]
    assert lake.read("credit_risk/validated_loan_outcomes")["outcome_id"].to_pylist() == ["O1"]
