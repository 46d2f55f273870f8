"""A rule fires on a row alone exactly where it fires in a table, and an unknown condition fires nothing."""

import json
from datetime import date

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
from hypothesis import given

from assets.bundle.rules import fires, fires_in, rules_of, rules_record
from assets.product import AllOf, AnyOf, Compare, Condition, IsNull, Not, OneOf, Rule

NUMBERS = ("a", "b")
TESTS = ("<", "<=", ">", ">=", "==", "!=")
EDGES = (0.0, -0.0, 1.0, 3.0, 0.1, 1 / 3, -5.0, 1e12, 5e-324)
DAYS = [date(2025, 1, day) for day in (1, 2, 3)]

comparisons = st.builds(
    Compare,
    st.sampled_from(NUMBERS),
    st.sampled_from(TESTS),
    st.one_of(st.sampled_from(EDGES), st.floats(allow_nan=False, allow_infinity=False)),
    st.sampled_from((None, *NUMBERS)),
)
leaves = st.one_of(
    comparisons,
    st.builds(OneOf, st.just("t"), st.sampled_from([("x",), ("x", "y"), ("z",)])),
    st.builds(IsNull, st.sampled_from((*NUMBERS, "t"))),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
values = st.one_of(st.none(), st.sampled_from(EDGES), st.floats(allow_infinity=False), st.integers(-3, 3).map(float))
rows = st.lists(
    st.fixed_dictionaries({"a": values, "b": values, "t": st.sampled_from([None, "x", "y", "other"])}),
    min_size=1,
    max_size=8,
)


def rule_of(when: Condition) -> Rule:
    return Rule("one", "limit", when, "words", "owner", DAYS[1], valid_until=DAYS[1])


@given(when=conditions, drawn=rows, day=st.sampled_from(DAYS))
def test_a_row_alone_and_in_a_table(when: Condition, drawn: list[dict[str, float | str | None]], day: date) -> None:
    rule = rule_of(when)
    types = {"a": pa.float64(), "b": pa.float64(), "t": pa.string()}
    table = pa.table({name: pa.array([row[name] for row in drawn], kind) for name, kind in types.items()})
    together = fires_in(rule, table, np.array([day] * len(drawn), dtype="datetime64[D]"))
    assert together.tolist() == [fires(rule, row, day) for row in drawn]
    if day != DAYS[1]:
        assert not together.any()


@given(when=conditions, drawn=rows)
def test_a_rule_of_a_bundle_is_the_declared_one(when: Condition, drawn: list[dict[str, float | str | None]]) -> None:
    rule = rule_of(when)
    assert rules_of(json.loads(json.dumps(rules_record([rule])))) == (rule,)


@given(when=conditions.filter(lambda when: "missing" not in when.words))
def test_what_is_unknown_fires_nothing(when: Condition) -> None:
    """Neither a condition nor its opposite is true of a row of which nothing is known."""
    nothing: dict[str, float | str | None] = {"a": None, "b": float("nan"), "t": None}
    assert not fires(rule_of(when), nothing, DAYS[1])
    assert not fires(rule_of(Not(when)), nothing, DAYS[1])
