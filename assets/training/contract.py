"""A product's contracts in the form in which they travel with a bundle.

Belongs here: which expectations of a contract one request can be held to. Does not belong here: holding it to them
(`assets.bundle.contract`), holding days to them (`assets.validation`).
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from assets.bundle.contract import BundleContract, ColumnRule, PostedRules, SourceRules
from assets.product import Column, Contract, PostedOutcomes, PostedReviews, Product, Source
from assets.product.contracts.expectations import holds_for_every_row


def contract_of(product: Product) -> BundleContract:
    """The rules of every source of a product, and its example of a request.

    Expectations of ranges, sets, lengths and patterns become rules. Every other expectation, and one that has a
    `row_condition` or holds for most rows of a day only (`mostly`), is held against days alone.
    """
    sources = {source.name: _rules(source, product.contract(source.name)) for source in product.sources}
    return BundleContract(product.spine.source, sources, product.request_example)


def _rules(source: Source, contract: Contract) -> SourceRules:
    columns = {column.name: _rule(column, contract) for column in contract.columns}
    return SourceRules(contract.event_time, contract.known_at, columns, _posted(source, contract))


def _posted(source: Source, contract: Contract) -> PostedRules | None:
    """How the rows of a source are posted to the service; None for a source that is read elsewhere."""
    id_column = contract.key[0]
    match source:
        case PostedOutcomes():
            fields = {"outcome_id": id_column, "row_id": source.row_id, "value": source.value}
            return PostedRules("outcomes", id_column, fields, contract.corrections)
        case PostedReviews():
            return PostedRules("reviews", id_column, {}, contract.corrections)
    return None


def _rule(column: Column, contract: Contract) -> ColumnRule | None:
    if column.personal == "drop":
        return None
    if column.personal == "token":
        # The expectations are about the values before they are replaced.
        return ColumnRule("string", column.required, tokenised=True)
    rule = ColumnRule(column.type, column.required)
    for expectation in contract.expectations:
        kwargs = expectation.get("kwargs", {})
        if kwargs.get("column") == column.name and holds_for_every_row(expectation):
            rule = _narrowed(rule, expectation["type"], kwargs)
    return rule


def _narrowed(rule: ColumnRule, kind: str, kwargs: Mapping[str, Any]) -> ColumnRule:
    """The rule and one expectation more."""
    match kind:
        case "expect_column_values_to_not_be_null":
            return replace(rule, required=True)
        case "expect_column_values_to_be_between" if rule.type in ("number", "integer"):
            return _between(rule, kwargs)
        # The sets of a time hold moments, which a bundle's JSON does not.
        case "expect_column_values_to_be_in_set" if rule.type != "timestamp":
            wanted = tuple(kwargs["value_set"])
            return replace(rule, members=tuple(m for m in rule.members if m in wanted) if rule.members else wanted)
        case "expect_column_values_to_not_be_in_set" if rule.type != "timestamp":
            return replace(rule, excluded=(*rule.excluded, *kwargs["value_set"]))
        case "expect_column_value_lengths_to_be_between":
            return _lengths(rule, kwargs.get("min_value"), kwargs.get("max_value"))
        case "expect_column_value_lengths_to_equal":
            return _lengths(rule, kwargs["value"], kwargs["value"])
        case "expect_column_values_to_match_regex":
            return replace(rule, patterns=(*rule.patterns, kwargs["regex"]))
        case "expect_column_values_to_not_match_regex":
            return replace(rule, excluded_patterns=(*rule.excluded_patterns, kwargs["regex"]))
    return rule


def _between(rule: ColumnRule, kwargs: Mapping[str, Any]) -> ColumnRule:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    # JSON has no infinity, and nothing is beyond it.
    if low is not None and math.isfinite(low) and (rule.low is None or low >= rule.low):
        rule = replace(rule, low=low, low_open=bool(kwargs.get("strict_min")))
    if high is not None and math.isfinite(high) and (rule.high is None or high <= rule.high):
        rule = replace(rule, high=high, high_open=bool(kwargs.get("strict_max")))
    return rule


def _lengths(rule: ColumnRule, shortest: int | None, longest: int | None) -> ColumnRule:
    least = [bound for bound in (rule.shortest, shortest) if bound is not None]
    most = [bound for bound in (rule.longest, longest) if bound is not None]
    return replace(rule, shortest=max(least, default=None), longest=min(most, default=None))
