"""What is tried on the past: a bundle with another threshold, other rules, another policy, or another version.

Belongs here: making the bundle that decides in place of the one that decided, reading rules and a policy from JSON.
Does not belong here: deciding with it (`assets.serving.engine`), the rows (`rows.py`), the figures (`comparison.py`).

An alternative has the digest of the bundle that it was made from, so that exploration lets past the same rows.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.bundle.answers import severities
from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.rules import rules_of
from assets.metrics.ranking import EvaluationError
from assets.metrics.review import choose_answers
from assets.product import DecisionPolicy, Product, ProductError, Profit
from assets.product.names import TRAINING_SET, table_name
from assets.product.rules import Rule
from assets.training.rows.learning import LABEL
from resources.errors import LooplineError, listed
from resources.lake import Lake

POLICY_FIELDS = (
    "profit", "max_refused", "refer", "review_cost", "review_accuracy", "review_capacity", "exploration", "explore_by",
)  # fmt: skip
"""The fields of a decision policy that a file may change; words and reasons decide nothing."""


class BadAlternative(LooplineError):
    """What is to be tried cannot decide; the message names the value or the file, and what to write instead."""


@dataclass(frozen=True)
class Alternative:
    """What would have decided.

    Attributes:
        words: What it is, for people.
        bundle: The bundle that decides.
        decision: The policy by whose profit both columns are judged.
    """

    words: str
    bundle: Bundle
    decision: DecisionPolicy


def other_threshold(product: Product, bundle: Bundle, threshold: float) -> Alternative:
    """The champion with another threshold; where people review, those who were referred below it still are.

    Raises:
        BadAlternative: It is no probability.
    """
    if not 0.0 <= threshold <= 1.0:
        raise BadAlternative(f"--threshold {threshold}: write a probability of the bad outcome, from 0 to 1")
    refer = bundle.policy.refer_threshold
    policy = replace(
        bundle.policy, threshold=threshold, refer_threshold=None if refer is None else min(refer, threshold)
    )
    return Alternative(
        f"version {bundle.version} with the threshold {threshold:g}, in place of {bundle.policy.threshold:g}",
        replace(bundle, parts=replace(bundle.parts, policy=policy)),
        product.decision,
    )


def other_rules(product: Product, bundle: Bundle, file: Path) -> Alternative:
    """The champion with the rules of a file in place of its own; each counts on every day, whatever its validity.

    Raises:
        BadAlternative: The file has no rules, or the bundle cannot apply them.
    """
    rules = tuple(replace(rule, valid_from=rule.valid_from.min, valid_until=None) for rule in _rules(file))
    try:
        parts = replace(bundle.parts, rules=rules)
    except BundleError as error:
        raise BadAlternative(f"{file}: {error}") from error
    known = {rule.id for rule in bundle.parts.rules}
    new = [rule.id for rule in rules if rule.id not in known]
    gone = sorted(known - {rule.id for rule in rules})
    told = [*([f"new: {listed(new)}"] if new else []), *([f"without: {listed(gone)}"] if gone else [])]
    words = f"version {bundle.version} with the rules of {file.name} ({'; '.join(told) or 'the same ids'})"
    return Alternative(words, replace(bundle, parts=parts), product.decision)


def other_policy(product: Product, bundle: Bundle, lake: Lake, file: Path) -> Alternative:
    """The champion with another decision policy: its thresholds are chosen again, on its own calibration rows.

    Raises:
        BadAlternative: The file is no policy, or the bundle does not say which rows its threshold was chosen on.
        LakeError: The pinned training set cannot be read.
    """
    values = _json(file, "an object with fields of a decision policy")
    unknown = sorted(set(values) - set(POLICY_FIELDS))
    if unknown or not values:
        raise BadAlternative(f"{file}: {listed(unknown) or 'no field'}; write one or more of {listed(POLICY_FIELDS)}")
    try:
        given = {**values, **({"profit": Profit(**values["profit"])} if "profit" in values else {})}
        decision = replace(product.decision, **given)
    except (TypeError, ProductError) as error:
        raise BadAlternative(f"{file}: {error}") from error
    rows, days = _calibration_rows(product, bundle, lake)
    chosen = _chosen(product, bundle, decision, rows, days)
    policy = replace(
        bundle.policy, threshold=chosen[0], refer=decision.refer, refer_threshold=chosen[1],
        exploration=decision.exploration, explore_by=decision.explore_by,
    )  # fmt: skip
    parts = replace(bundle.parts, policy=policy)
    words = (
        f"version {bundle.version} with the policy of {file.name}: {listed(sorted(values))}; threshold {chosen[0]:g}"
    )
    return Alternative(words, replace(bundle, parts=parts), decision)


def _chosen(
    product: Product, bundle: Bundle, decision: DecisionPolicy, rows: pa.Table, days: float
) -> tuple[float, float | None]:
    """The thresholds that the policy chooses on these rows: from which on a row is refused, and referred."""
    from assets.serving.engine import Engine

    stake = decision.profit.stake
    last = pc.max(rows["as_of"]).as_py().date()
    active = [rule for rule in bundle.parts.rules if rule.mode == "active"]
    try:
        found = choose_answers(
            Engine(bundle, None).score(rows),
            np.asarray(rows[LABEL].to_numpy(), dtype=np.int8),
            decision,
            None if stake is None else np.asarray(rows[stake].to_numpy(), dtype=np.float64),
            ruled=severities(active, rows, last) if active else None,
            days=days,
        )
    except EvaluationError as error:
        raise BadAlternative(f"{product.name}: no threshold follows from the policy: {error}") from error
    return found.threshold, found.refer_from if decision.refer is not None else None


def _calibration_rows(product: Product, bundle: Bundle, lake: Lake) -> tuple[pa.Table, float]:
    """The labelled rows on which the bundle's threshold was chosen, and the days over which they came."""
    pins, windows = bundle.parts.pins, bundle.parts.metrics.get("windows", {})
    window = windows.get("calibrate")
    if "version" not in pins or window is None or window.get("first") == windows.get("test", {}).get("first"):
        raise BadAlternative(
            f"{bundle.full_name} does not say on which rows of its training set the threshold was chosen; try a "
            "threshold of your own: --threshold X"
        )
    table = lake.read(table_name(product.name, TRAINING_SET), version=int(pins["version"]))
    first, end = (np.datetime64(window[name][:-1], "us") for name in ("first", "end"))
    as_of = np.asarray(pc.cast(table["as_of"], pa.timestamp("us")).to_numpy(), dtype="datetime64[us]")
    rows = table.filter(pa.array((as_of >= first) & (as_of < end)))
    return rows, max(1.0, float((end - first) / np.timedelta64(1, "D")))


def _rules(file: Path) -> tuple[Rule, ...]:
    record = _json(file, 'an object {"rules": [...]}')
    try:
        return rules_of(record)
    except (ProductError, KeyError, TypeError, ValueError) as error:
        told = error if isinstance(error, ProductError) else repr(error)
        raise BadAlternative(
            f"{file}: {told}; write the rules as the file rules.json of a bundle has them, with every field"
        ) from error


def _json(file: Path, expected: str) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadAlternative(f"{file}: {error}; write {expected} as JSON") from error
    if not isinstance(found, dict):
        raise BadAlternative(f"{file}: it holds {type(found).__name__}; write {expected} as JSON")
    return found
