"""The model card: every recorded figure, and no other."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from assets.bundle.registration import Approval
from assets.governance.model_card import CardError, model_card
from assets.product import Compare, Rule
from tests.support.models.evaluated_bundle import FEATURES, NOW, PRODUCT, evaluated_parts, evaluation

APPROVAL = Approval(version="4", answer="approve", by="R. Officer", reason="reviewed", at=NOW)


def test_the_card_shows_what_was_recorded() -> None:
    card = model_card(PRODUCT, evaluated_parts(), digest="ab" * 32)
    for words in (
        "# Small loans: model version 4",
        "Trained on 2026-05-01 08:30 UTC. The gates refused it. Nobody has approved or rejected it yet.",
        "| question | Will this loan default? |",
        "| threshold | 0.21 |",
        "| at or above it | decline |",
        "| loans/features | 41 |",
        "| training set | 7 |",
        "| auc | 0.7812 | 0.7812 |",
        "| profit | 12,346 | 12,346 |",
        "There was no champion.",
        "**sex**: selection ratio 0.97, odds gap 0.03, lowest auc 0.78. Legal basis: equal treatment act.",
        "| male (too few to judge) | 90 | 11 | 0.87 | 0.61 | 0.11 | unknown |",
        "| amount | 62.5% |",
        "| latency ms | unknown | ≤ 10 | failed | 99th percentile",
        "- sex: too few rows to judge male.",
        "- Could not be computed: explanation agreement.",
        "| payments_count_30d |",
        "| risk team |",
        f"| bundle | {'ab' * 32} |",
        f"| feature set | {FEATURES.digest} |",
    ):
        assert words in card


def test_every_table_is_whole() -> None:
    lines = model_card(PRODUCT, evaluated_parts()).splitlines()
    for here, after in pairwise(lines):
        if here.startswith("|") and after.startswith("|"):
            assert here.replace("\\|", "").count("|") == after.replace("\\|", "").count("|")


def test_a_comparison_and_an_approval_are_shown() -> None:
    found = {**evaluation(), "champion": "3", "comparison": {"difference": 0.004, "low": -0.01, "high": 0.018}}
    card = model_card(PRODUCT, evaluated_parts(found), approval=APPROVAL)
    assert "Approved by R. Officer on 2026-05-01: reviewed." in card
    assert "against version 3." in card
    assert "| high | 0.018 |" in card
    skipped = model_card(PRODUCT, evaluated_parts({**found, "comparison": None}))
    assert "Not compared with version 3." in skipped


def test_a_model_tested_on_random_rows_says_what_cannot_be_known() -> None:
    by_time = model_card(PRODUCT, evaluated_parts())
    at_random = model_card(replace(PRODUCT, model=replace(PRODUCT.model, split="random")), evaluated_parts())
    assert "no figure says how the model will age" in at_random
    assert "no figure says how the model will age" not in by_time
    assert "Between training and test rows lie" not in at_random


def test_words_cannot_break_the_page() -> None:
    product = replace(PRODUCT, question="Will | this\n<script>default?")
    assert "| question | Will \\| this &lt;script>default? |" in model_card(product, evaluated_parts())


@pytest.mark.parametrize("part", sorted(evaluation()))
def test_what_was_not_recorded_is_named_and_not_guessed(part: str) -> None:
    found = {name: value for name, value in evaluation().items() if name != part}
    with pytest.raises(CardError, match=f"'{part}' was not recorded"):
        model_card(PRODUCT, evaluated_parts(found))


def test_another_products_bundle_is_refused() -> None:
    with pytest.raises(CardError, match="the product is other"):
        model_card(replace(PRODUCT, name="other"), evaluated_parts())


def test_a_gate_that_was_not_asked_has_no_value() -> None:
    found = evaluation()
    results = [
        {**result, "passed": None, "value": None, "reason": "odds_gap: not asked: no protected attribute is declared"}
        if result["name"] == "odds_gap"
        else result
        for result in found["gates"]["results"]
    ]
    card = model_card(PRODUCT, evaluated_parts({**found, "gates": {**found["gates"], "results": results}}))
    first = "this is the first model, so there is no champion to compare with"
    assert f"| champion comparison |  | ≤ 0.02 | not asked | not asked: {first} |" in card
    assert "| odds gap |  | ≤ 0.2 | not asked | not asked: no protected attribute is declared |" in card


def test_the_card_lists_the_rules_with_their_owners_and_the_third_answer() -> None:
    parts = evaluated_parts()
    assert "No rule stands beside the model." in model_card(PRODUCT, parts)
    rule = Rule(
        "too_large", "knock_out", Compare("amount", ">", 50_000), "The loan is too large", "policy@bank.example",
        date(2026, 1, 1), mode="shadow",
    )  # fmt: skip
    three = replace(parts.policy, refer="review", refer_threshold=0.15, exploration=0.02)
    card = model_card(PRODUCT, replace(parts, rules=(rule,), policy=three))
    for words in (
        "| too_large | knock out | amount > 50000 | decline | The loan is too large | policy@bank.example | 2026-01-01 "
        "|  | shadow |",
        "| refer threshold | 0.15 |",
        "| between them | review |",
        "| explored share of the refused | 0.02 |",
    ):
        assert words in card


def test_the_card_counts_from_where_labels_and_features_are() -> None:
    parts = evaluated_parts()
    assert "was not yet recorded when this model was trained" in model_card(PRODUCT, parts)
    counts = {"rows": 9, "label_source": {"payments": 8, "absence of an event": 1}, "revised": 2, "reviewed": 3}
    card = model_card(PRODUCT, replace(parts, pins={**parts.pins, "provenance": counts}))
    for words in (
        "| rows with a label from payments | 8 |",
        "| rows with a label from absence of an event | 1 |",
        "| revised | 2 |",
    ):
        assert words in card


def test_the_card_shows_fairness_by_the_products_policy() -> None:
    share = {"value": 0.71, "low": 0.65, "high": 0.76, "rows": 300, "independent": 280.0}
    group = {
        "group": "female", "rows": 300, "positives": 40, "accepted": share, "true_positive_rate": share,
        "false_positive_rate": None, "observed": share, "predicted": 0.135, "calibration_error": 0.01,
    }  # fmt: skip
    small = {"groups": ["other"], "missing": "12 of 100 rows", "p_value": 0.4}
    proxy = {
        "group": "female", "together": 0.81, "gap": -0.21, "through_proxies": 0.18,
        "features": [{"feature": "shoe_size", "auc": 0.93, "through": 0.18}],
    }  # fmt: skip
    record = {
        "confidence": 0.95,
        "jurisdictions": [
            {"name": "eu", "legal_basis": "the directive", "limits": ["selection_ratio"]},
            {"name": "us", "legal_basis": "the rule", "limits": []},
        ],
        "attributes": [
            {
                "attribute": "sex", "crossed": False, "groups": [group],
                "measures": {"selection_ratio": {"judged": [], "unjudged": small}},
            }
        ],
        "proxies": [{"attribute": "sex", "groups": [proxy]}],
        "gates": [],
    }  # fmt: skip
    parts = evaluated_parts({**evaluation(), "fairness_policy": record})
    mitigated = replace(parts, pins={**parts.pins, "mitigation": {"words": "penalty of strength 1: less"}})
    text = model_card(PRODUCT, mitigated)
    for expected in (
        "| eu | the directive | selection ratio |",
        "| us | the rule | none: reported only |",
        "| female | 300 | 40 | 71.0% (65.0% to 76.0%) | 71.0% (65.0% to 76.0%) | no rows |",
        "Not judged by selection ratio: other together have 12 of 100 rows.",
        "| sex | female | 0.810 | shoe_size 0.930 | -21.0% | +18.0% |",
        "Mitigation: penalty of strength 1: less.",
    ):
        assert expected in text
    assert "Training had no mitigation." in model_card(PRODUCT, parts)
    assert "jurisdiction" not in model_card(PRODUCT, evaluated_parts())
