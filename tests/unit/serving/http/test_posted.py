"""Outcomes and reviews over HTTP: held to their contract, kept before they are acknowledged, counted once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import BundleParts
from assets.bundle.contract import BundleContract, ColumnRule, PostedRules, SourceRules
from assets.serving.decision import new_id
from resources.durable_files import replace_file, whole_lines
from resources.sources.posted import PostedReader
from tests.support.models.decision_samples import another, write
from tests.support.models.serving_samples import PRODUCT
from tests.unit.serving.http.test_contract import CONTRACT
from tests.unit.serving.http.test_routes import Served, started

OUTCOMES = SourceRules(
    "event_time",
    "known_at",
    {
        "outcome_id": ColumnRule("string", longest=20),
        "application_id": ColumnRule("string"),
        "defaulted": ColumnRule("integer", members=(0, 1)),
        "collector": ColumnRule("string", required=False, tokenised=True),
        "event_time": ColumnRule("timestamp"),
        "known_at": ColumnRule("timestamp"),
    },
    PostedRules(
        "outcomes", "outcome_id", {"outcome_id": "outcome_id", "row_id": "application_id", "value": "defaulted"}, True
    ),
)
REVIEWS = SourceRules(
    "reviewed_at",
    "known_at",
    {name: ColumnRule("string") for name in ("decision_id", "outcome", "by", "reason")}
    | {name: ColumnRule("timestamp") for name in ("reviewed_at", "known_at")},
    PostedRules("reviews", "decision_id", {}, True),
)
TAKING = BundleContract(CONTRACT.spine, {**CONTRACT.sources, "loan_outcomes": OUTCOMES, "reviews": REVIEWS})
OUTCOME: dict[str, object] = {"outcome_id": "O1", "row_id": "A1", "value": 1, "event_time": "2026-03-05T00:00:00Z"}
REVIEW = {"outcome": "approve", "by": "K. Lee", "reason": "income is proven"}


@pytest.fixture
def served(tmp_path: Path, parts: BundleParts) -> Iterator[Served]:
    with started(tmp_path, replace(parts, contract=TAKING)) as running:
        yield running


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory, parts: BundleParts) -> Iterator[Served]:
    """For posts that are refused."""
    with started(tmp_path_factory.mktemp("home"), replace(parts, contract=TAKING)) as running:
        yield running


def post(served: Served, **change: object) -> tuple[int, dict[str, Any]]:
    body = {name: value for name, value in ({"product": PRODUCT} | OUTCOME | change).items() if value != "absent"}
    status, text = served.post("/outcomes", body)
    return status, json.loads(text)


def kept(served: Served, source: str = "loan_outcomes") -> list[dict[str, Any]]:
    """The rows as the lake reads them, of all days."""
    folder = served.workspace.environment.posted / PRODUCT / source
    days = sorted(date.fromisoformat(path.name) for path in folder.iterdir() if path.is_dir())
    return [row for day in PostedReader(source, folder, "known_at").read(days) for row in day.rows.to_pylist()]


def referred(served: Served, **change: Any) -> str:
    """The id of a recorded decision that neither accepted nor refused."""
    now = datetime.now(UTC)
    terms = {"id": new_id(now), "product": PRODUCT, "outcome": "review", "decided_at": now, "row_id": "A9"}
    decision = replace(another(), **{**terms, **change})
    write(served.workspace.environment.decision_log, decision)
    return decision.id


def test_an_outcome_is_kept_with_every_column_of_its_contract(served: Served) -> None:
    before = datetime.now(UTC)
    status, answer = post(served)
    assert (status, answer["product"], answer["source"], answer["id"]) == (200, PRODUCT, "loan_outcomes", "O1")
    assert before <= datetime.fromisoformat(answer["known_at"]) <= datetime.now(UTC)
    (row,) = kept(served)
    assert row == {
        "outcome_id": "O1", "application_id": "A1", "defaulted": "1", "collector": None,
        "event_time": "2026-03-05T00:00:00+00:00", "known_at": answer["known_at"],
    }  # fmt: skip
    assert served.metric('loopline_posted_rows_total{result="added",route="outcomes"}') == 1


def test_the_same_outcome_again_is_answered_as_the_first_time(served: Served) -> None:
    first = post(served)
    assert post(served) == first
    assert post(served, event_time="2026-03-05T01:00:00+01:00") == first, "the same moment, written otherwise"
    assert len(kept(served)) == 1
    assert served.metric('loopline_posted_rows_total{result="known",route="outcomes"}') == 2


def test_another_content_of_an_id_is_a_later_correction(served: Served) -> None:
    first, second = post(served)[1], post(served, value=0)[1]
    assert (first["revision"], second["revision"]) == (0, 1)
    assert second["known_at"] > first["known_at"]
    assert post(served)[1] == first, "a request that was sent twice corrects nothing back"
    assert post(served, value=0)[1] == second
    assert [row["defaulted"] for row in kept(served)] == ["1", "0"]


def test_ids_are_known_to_every_process_and_after_a_restart(tmp_path: Path, parts: BundleParts) -> None:
    with started(tmp_path, replace(parts, contract=TAKING)) as running:
        first = post(running)
        with Served(running.workspace.beside()) as other:
            assert post(other) == first
            second = post(other, value=0)
            assert post(running, value=0) == second
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: post(running, outcome_id=f"O{n // 4}", row_id="A7"), range(40, 80)))
        assert {status for status, _ in answers} == {200}
        assert len({answer["known_at"] for _, answer in answers}) == 10
        assert len(kept(running)) == 12
    with Served(running.workspace) as again:
        assert post(again) == first


def test_without_corrections_another_content_is_refused(tmp_path: Path, parts: BundleParts) -> None:
    posted = OUTCOMES.posted
    assert posted is not None
    once = replace(OUTCOMES, posted=replace(posted, corrections=False))
    contract = replace(TAKING, sources={**TAKING.sources, "loan_outcomes": once})
    with started(tmp_path, replace(parts, contract=contract)) as running:
        first = post(running)
        status, answer = post(running, value=0)
        assert status == 409
        assert "corrections: true" in answer["error"]
        assert post(running) == first
        assert len(kept(running)) == 1


def test_an_outcome_may_name_the_decision_in_place_of_the_row(served: Served) -> None:
    decided = served.decide(application_id="A55")
    assert post(served, row_id="absent", decision_id=decided["decision_id"])[0] == 200
    assert kept(served)[0]["application_id"] == "A55"
    status, answer = post(served, outcome_id="O2", decision_id=decided["decision_id"])
    assert (status, "is not the row" in answer["problems"][0]) == (400, True)
    status, answer = post(served, row_id="absent", decision_id=new_id(datetime.now(UTC)))
    assert (status, "is not in" in answer["error"]) == (404, True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"value": 2}, "field 'value' is 2 (number); it must be one of 0, 1"),
        ({"value": "absent"}, "field 'value' is null (null); it must not be null, but a whole number"),
        ({"value": 1e300}, "field 'value' is 1e+300 (number); it must be one of 0, 1"),
        ({"outcome_id": "x" * 21}, "field 'outcome_id' is a text of 21 characters; it has 21 characters"),
        ({"outcome_id": "O\n1"}, "field 'outcome_id' is a text of 3 characters; it must be a text of 1 to 255 bytes"),
        ({"outcome_id": None}, "field 'outcome_id' is null"),
        ({"row_id": 17}, "field 'row_id' is a number; it must be a text"),
        ({"event_time": "absent"}, "field 'event_time' is missing"),
        ({"event_time": "yesterday"}, "field 'event_time' is \"yesterday\""),
        ({"event_time": "2199-01-01T00:00:00Z"}, "is after"),
        ({"collector": ["a"]}, "field 'collector' is a list; it must be a text or an integer"),
        ({"more": 1}, 'unknown field "more"; known: collector, event_time, known_at, outcome_id, row_id, value'),
        ({"product": 5}, "field 'product' must be a text"),
    ],
)
def test_an_outcome_that_breaks_its_contract_is_refused(
    refusing: Served, change: dict[str, object], problem: str
) -> None:
    status, answer = post(refusing, **change)
    assert status == 400
    assert problem in answer["problems"][0]


def test_only_the_service_says_when_an_outcome_became_known_but_in_local(served: Served) -> None:
    """The sandbox posts outcomes of its own days."""
    known = {"known_at": "2026-03-06T00:00:00Z"}
    assert post(served, **known)[1]["known_at"] == "2026-03-06T00:00:00+00:00"
    status, answer = post(served, value=0, known_at="2026-03-05T12:00:00Z")
    assert (status, "becomes known later" in answer["error"]) == (409, True)
    assert post(served, value=0, known_at="2026-03-07T00:00:00Z")[1]["revision"] == 1


def test_a_product_that_takes_no_outcomes_says_what_to_declare(tmp_path: Path, parts: BundleParts) -> None:
    with started(tmp_path, replace(parts, contract=CONTRACT)) as running:
        status, answer = post(running)
        assert status == 404
        assert "Declare PostedOutcomes(…)" in answer["error"]
        assert post(running, product="other")[0] == 404
        status, text = running.post("/reviews", {"decision_id": referred(running), **REVIEW})
        assert (status, "Declare PostedReviews(…)" in text) == (404, True)


def test_a_review_is_kept_once_and_may_be_revised(served: Served) -> None:
    body = {"decision_id": referred(served), **REVIEW}
    first = served.post("/reviews", body)
    assert (first[0], json.loads(first[1])["revision"]) == (200, 0)
    assert served.post("/reviews", body) == first
    status, text = served.post("/reviews", body | {"outcome": "decline"})
    assert (status, json.loads(text)["revision"]) == (200, 1)
    rows = kept(served, "reviews")
    assert [(row["outcome"], row["by"]) for row in rows] == [("approve", "K. Lee"), ("decline", "K. Lee")]
    assert all(row["reviewed_at"] == row["known_at"] for row in rows)
    assert served.metric('loopline_posted_rows_total{result="revised",route="reviews"}') == 1


def test_what_cannot_be_reviewed_is_refused(served: Served) -> None:
    decided = str(served.decide()["decision_id"])
    status, text = served.post("/reviews", {"decision_id": decided, **REVIEW})
    assert (status, "neither 'approve' nor 'decline'" in text) == (409, True)
    shadow, void = referred(served, role="shadow"), referred(served, void=True)
    for gone in (new_id(datetime.now(UTC)), shadow, void, "no-id"):
        assert served.post("/reviews", {"decision_id": gone, **REVIEW})[0] == 404
    open_case = referred(served)
    for change in ({"outcome": "perhaps"}, {"by": " "}, {"reason": None}, {"more": 1}):
        assert served.post("/reviews", {"decision_id": open_case, **REVIEW, **change})[0] == 400
    assert served.post("/reviews", REVIEW)[0] == 400
    assert served.metric('loopline_posted_rows_total{result="refused",route="reviews"}') == 10


def test_a_day_is_read_again_when_rows_came_after_it_was_read(served: Served) -> None:
    """A torn line, which was never acknowledged, is left out."""
    post(served)
    folder = served.workspace.environment.posted / PRODUCT / "loan_outcomes"
    (day,) = (date.fromisoformat(path.name) for path in folder.iterdir() if path.is_dir())
    reader = PostedReader("loan_outcomes", folder, "known_at")
    (read,) = reader.read([day])
    assert reader.changed({day: read.origin}) == frozenset()
    (folder / f"{day}" / "killed.jsonl").write_bytes(b'{"outcome_id":"O9","appli')
    assert reader.changed({day: read.origin}) == frozenset()
    post(served, outcome_id="O2")
    assert reader.changed({day: read.origin}) == {day}
    (empty,) = reader.read([day - timedelta(days=300)])
    assert empty.rows.num_rows == 0


def test_a_file_that_an_erasure_replaced_is_read_anew(served: Served) -> None:
    first, second = post(served), post(served, outcome_id="O2", row_id="A2")
    (file,) = (served.workspace.environment.posted / PRODUCT / "loan_outcomes").glob("*/*.jsonl")
    lines = whole_lines(file.read_bytes())[0]
    replace_file(file, b"".join(line + b"\n" for line in lines if b'"O1"' not in line), mode=0o640)
    assert post(served, outcome_id="O2", row_id="A2") == second
    assert post(served) != first
    assert sorted(row["outcome_id"] for row in kept(served)) == ["O1", "O2"]


def test_rows_beside_what_a_power_cut_took_count_once(served: Served) -> None:
    """A line of which the disk took a part was never acknowledged: posted again, it counts. Whole lines follow it."""
    for number in range(3):
        assert post(served, outcome_id=f"O{number}")[0] == 200
    (file,) = (served.workspace.environment.posted / PRODUCT / "loan_outcomes").glob("*/*.jsonl")
    lines = whole_lines(file.read_bytes())[0]
    lines[1] = lines[1][:10] + bytes(len(lines[1]) - 10)
    replace_file(file, b"".join(line + b"\n" for line in lines), mode=0o640)
    for _ in range(2):
        assert [post(served, outcome_id=f"O{number}")[1]["revision"] for number in range(3)] == [0, 0, 0]
    assert sorted(row["outcome_id"] for row in kept(served)) == ["O0", "O1", "O2"]


def test_rows_beside_a_damaged_line_are_refused_until_the_file_is_restored(tmp_path: Path, parts: BundleParts) -> None:
    """The lines after it were not read: a row of one of them, posted again, would count twice."""
    with started(tmp_path, replace(parts, contract=TAKING)) as running:
        assert [post(running, outcome_id=f"O{number}")[0] for number in range(3)] == [200] * 3
    (file,) = (running.workspace.environment.posted / PRODUCT / "loan_outcomes").glob("*/*.jsonl")
    lines = whole_lines(file.read_bytes())[0]
    whole = b"".join(line + b"\n" for line in lines)
    replace_file(file, whole.replace(lines[1], b"{}"), mode=0o640)
    with Served(running.workspace) as again:
        assert [post(again, outcome_id="O2")[0] for _ in range(2)] == [503] * 2
        replace_file(file, whole, mode=0o640)
        assert post(again, outcome_id="O2")[0] == 200
        assert len(kept(again)) == 3
