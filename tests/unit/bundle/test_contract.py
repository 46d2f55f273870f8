"""The rules of contracts that travel in a bundle."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.bundle.bundle import BundleError, BundleParts
from assets.bundle.contract import BundleContract, ColumnRule, ContractRecordError, SourceRules
from assets.bundle.files import MANIFEST, load_bundle, write_bundle

KEY = b"a key of at least thirty-two bytes"
NUMBER = ColumnRule("number", low=0.5, high=20)
WHOLE = ColumnRule("integer", low=3, high=120)
CAR = ColumnRule("string", members=("car", "home"))
CONTRACT = BundleContract(
    spine="applications",
    sources={
        "applications": SourceRules("at", "known_at", {"amount": NUMBER, "purpose": CAR, "email": None}),
        "cards": SourceRules("event_time", "known_at", {"code": ColumnRule("string", patterns=("^[A-Z]",))}),
    },
)


@pytest.mark.parametrize("value", [0.5, 1, 20, 20.0])
def test_a_value_within_the_range_keeps_it(value: float) -> None:
    assert NUMBER.breach(value) is None


@pytest.mark.parametrize("value", [0.49, -1, 21, 20.000001, 1e308, 10**400, -(10**30)])
def test_a_value_beyond_the_range_breaks_it(value: float) -> None:
    assert NUMBER.breach(value) == "it must be from 0.5 to 20"


@pytest.mark.parametrize(
    ("rule", "value", "message"),
    [
        (ColumnRule("number", low=0), -1, "it must be at least 0"),
        (ColumnRule("number", high=5), 6, "it must be at most 5"),
        (ColumnRule("number", low=0, low_open=True), 0, "it must be above 0"),
        (ColumnRule("number", low=0, high=5, high_open=True), 5, "it must be at least 0 and below 5"),
        (WHOLE, 12.5, "it must be a whole number"),
        (WHOLE, "36", "it must be a whole number"),
        (WHOLE, True, "it must be a whole number"),
        (replace(WHOLE, required=False), [], "it must be a whole number, or null"),
        (NUMBER, None, "it must not be null, but a number"),
        (CAR, "yacht", "it must be one of car, home"),
        (CAR, "", "it must be one of car, home"),
        (CAR, 5, "it must be a text"),
        (ColumnRule("integer", members=(1, 2)), 3, "it must be one of 1, 2"),
        (ColumnRule("string", excluded=("x",)), "x", "it must be none of x"),
        (ColumnRule("string", shortest=2, longest=3), "abcd", "it has 4 characters; it must have 2 to 3"),
        (ColumnRule("string", shortest=2), "a", "it has 1 characters; it must have 2 or more"),
        (ColumnRule("string", patterns=("^[A-Z]",)), "a", "it must match ^[A-Z]"),
        (ColumnRule("string", excluded_patterns=("[0-9]",)), "a1", "it must not match [0-9]"),
        (ColumnRule("boolean"), 2, "it must be true or false"),
        (ColumnRule("boolean"), "true", "it must be true or false"),
    ],
)
def test_a_breach_says_what_the_value_must_be(rule: ColumnRule, value: object, message: str) -> None:
    assert rule.breach(value) == message


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (WHOLE, 36.0),
        (replace(WHOLE, required=False), None),
        (CAR, "home"),
        (ColumnRule("boolean"), True),
        (ColumnRule("boolean"), 0),
        (ColumnRule("string", longest=3), "äöü"),
        (ColumnRule("number"), 1e300),
        (ColumnRule("number"), 10**400),
        (ColumnRule("integer"), -(10**400)),
    ],
)
def test_what_a_contract_allows_is_no_breach(rule: ColumnRule, value: object) -> None:
    assert rule.breach(value) is None


def test_contracts_come_back_from_a_bundle(parts: BundleParts, tmp_path: Path) -> None:
    write_bundle(replace(parts, contract=CONTRACT), tmp_path / "bundle", KEY)
    assert load_bundle(tmp_path / "bundle", KEY, None).parts.contract == CONTRACT


def test_a_bundle_of_before_contracts_still_loads(parts: BundleParts, tmp_path: Path) -> None:
    """It has the files of then, and no other."""
    write_bundle(parts, tmp_path / "bundle", KEY)
    assert "contract.json" not in json.loads((tmp_path / "bundle" / MANIFEST).read_bytes())["files"]
    assert load_bundle(tmp_path / "bundle", KEY, None).parts.contract is None


@pytest.mark.parametrize("change", ["flipped", "missing"])
def test_an_altered_contract_is_refused(parts: BundleParts, tmp_path: Path, change: str) -> None:
    write_bundle(replace(parts, contract=CONTRACT), tmp_path / "bundle", KEY)
    file = tmp_path / "bundle" / "contract.json"
    if change == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b"20", b"99"))
    with pytest.raises(BundleError, match=r"contract\.json"):
        load_bundle(tmp_path / "bundle", KEY, None)


@pytest.mark.parametrize(
    "change",
    [
        {"spine": "other"},
        {"sources": []},
        {"sources": {"applications": {"columns": {}}}},
        {"sources": {"applications": {"event_time": "e", "known_at": "k", "columns": {"a": {"type": "date"}}}}},
        {
            "sources": {
                "applications": {"event_time": "e", "known_at": "k", "columns": {"a": {"type": "number", "x": 1}}}
            }
        },
        {
            "sources": {
                "applications": {
                    "event_time": "e",
                    "known_at": "k",
                    "columns": {"a": {"type": "string", "patterns": ["("]}},
                }
            }
        },
    ],
)
def test_a_record_that_is_none_of_contracts_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ContractRecordError):
        BundleContract.from_dict(CONTRACT.to_dict() | change)
