"""Cases for people over HTTP: the published queue, one case in words, a word on it; and the page that shows them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import BundleParts
from assets.serving.queued import CaseKind, QueuedCase, ReviewQueue
from resources.rollout_store.store import RolloutStore
from tests.support.browser import find_chromium, open_browser
from tests.support.models.serving_samples import PRODUCT, REQUEST
from tests.unit.serving.http.test_access import Guarded
from tests.unit.serving.http.test_posted import REVIEW, TAKING, referred
from tests.unit.serving.http.test_routes import Served, started

CHROMIUM = find_chromium()
WHY = "its score 0.2 is next to a threshold"


@pytest.fixture
def served(tmp_path: Path, parts: BundleParts) -> Iterator[Served]:
    with started(tmp_path, replace(parts, contract=TAKING)) as running:
        yield running


def publish(served: Served, *decisions: str, kind: CaseKind = "informative") -> None:
    environment = served.workspace.environment
    cases = tuple(
        QueuedCase(one, kind, (WHY,), "2026-03-01T00:00:00+00:00", "1", "approve", 0.2, 0) for one in decisions
    )
    store = RolloutStore.open(environment.rollout, environment.home / "fetched")
    store.write_review_queue(PRODUCT, ReviewQueue(PRODUCT, date(2026, 3, 1), cases).to_json())


def waiting(served: Served) -> list[str]:
    (product,) = json.loads(served.get("/reviews"))["products"]
    assert product["product"] == PRODUCT
    return [case["decision_id"] for case in product["cases"]]


def case(served: Served, decision: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(served.get(f"/reviews/{decision}"))
    return found


def test_a_queued_case_waits_until_somebody_gives_a_word(served: Served) -> None:
    assert waiting(served) == []
    decided = [str(served.decide()["decision_id"]) for _ in range(2)]
    assert served.post("/reviews", {"decision_id": decided[0], **REVIEW})[0] == 409, "nobody is asked about it"
    publish(served, *decided)
    assert waiting(served) == decided
    status, text = served.post("/reviews", {"decision_id": decided[0], **REVIEW})
    assert status == 200, text
    assert waiting(served) == decided[1:]


def test_a_case_has_its_features_in_words_and_no_personal_data(served: Served) -> None:
    decided = str(served.decide()["decision_id"])
    publish(served, decided)
    found = case(served, decided)
    assert found["queued"]["reasons"] == [WHY]
    assert found["answers"] == ["approve", "decline"]
    record = json.loads(served.get(f"/decisions/{decided}"))
    assert found["reasons"] == record["reasons"]
    assert {one["feature"]: one["value"] for one in found["features"]} == record["decision"]["features"]
    assert all(one["words"] for one in found["features"])
    assert "EUR" in {one["unit"] for one in found["features"]}
    text = json.dumps(found)
    assert {"keys", "inputs", "row_id"}.isdisjoint(found)
    assert str(REQUEST["customer_id"]) not in text
    served.post("/reviews", {"decision_id": decided, **REVIEW})
    assert REVIEW["by"] not in json.dumps(case(served, decided)), "nobody follows another person's word"


def test_a_case_that_nobody_was_told_of_is_unknown(served: Served) -> None:
    for change in ({"role": "shadow", "shadow_of": "x"}, {"void": True}):
        gone = referred(served, **change)
        with pytest.raises(OSError, match="404"):
            served.get(f"/reviews/{gone}")


def test_a_damaged_queue_is_told_and_hides_nothing_else(served: Served) -> None:
    environment, decided = served.workspace.environment, str(served.decide()["decision_id"])
    store = RolloutStore.open(environment.rollout, environment.home / "fetched")
    store.write_review_queue(PRODUCT, b"{}")
    with pytest.raises(OSError, match="503"):
        served.get("/reviews")
    assert served.post("/reviews", {"decision_id": decided, **REVIEW})[0] == 503
    assert served.post("/reviews", {"decision_id": referred(served), **REVIEW})[0] == 200
    assert json.loads(served.get(f"/decisions/{decided}"))["decision"]["decision_id"] == decided


def test_who_reads_cases_may_not_answer_them(tmp_path: Path, parts: BundleParts) -> None:
    with Guarded(tmp_path, replace(parts, contract=TAKING)) as guarded:
        body = {"decision_id": referred(guarded), **REVIEW}
        asked = {
            role: (
                guarded.ask("/reviews", headers={"X-API-Key": key})[0],
                guarded.ask("/reviews", headers={"X-API-Key": key}, body=body)[0],
            )
            for role, key in guarded.keys.items()
        }
        assert asked == dict.fromkeys(guarded.keys, (403, 403)) | {"explain": (200, 403), "feedback": (403, 200)}
        assert guarded.ask("/review")[0] == 200, "the page has no data of its own"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_person_gives_a_word_on_the_page(served: Served, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    decided = str(served.decide()["decision_id"])
    publish(served, decided)
    with open_browser(CHROMIUM, tmp_path / "browser") as page:
        page.open(f"http://127.0.0.1:{served.workspace.port}/review")
        page.wait_for_text(WHY)
        page.click_text("Open")
        page.wait_for_text("Give this word")
        assert str(REQUEST["customer_id"]) not in page.text
        page.click("input[value='decline']")
        for label, text in (("your name", "K. Lee"), ("your reason", "the income is not proven")):
            page.click(f"input[aria-label='{label}']")
            page.type_text(text)
        page.click_text("Give this word")
        page.wait_for_text(f"Kept: decline on {decided}.")
    assert waiting(served) == []
