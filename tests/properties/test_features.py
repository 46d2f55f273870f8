"""The kernel against the oracle, and changes of the input that must not change a feature."""

from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.features import reference
from assets.features.kernel.kernel import Kernel
from assets.features.online.request import compute_one
from tests.properties.histories import RESOLUTIONS, Case, cases, differences


def _computed(case: Case, events: dict[str, pa.Table] | None = None) -> list[dict[str, Any]]:
    return case.kernel.compute(case.events if events is None else events, case.spine).to_pylist()


@given(cases())
def test_the_kernel_is_the_oracle_to_the_last_bit(case: Case) -> None:
    expected = reference.compute(case.features, RESOLUTIONS, case.events, case.spine)
    assert differences(_computed(case), expected) == []


@given(cases(), st.randoms(use_true_random=False), st.integers(1, 7))
def test_order_and_chunks_of_the_events_do_not_matter(case: Case, random: Random, size: int) -> None:
    mixed = {}
    for source, events in case.events.items():
        order = list(range(len(events)))
        random.shuffle(order)
        taken = events.take(pa.array(order, pa.int64()))
        pieces = [taken.slice(at, size) for at in range(0, max(len(taken), 1), size)]
        mixed[source] = pa.concat_tables(pieces)
    assert differences(_computed(case, mixed), _computed(case)) == []


@given(cases(), st.randoms(use_true_random=False))
def test_rows_are_independent_of_each_other(case: Case, random: Random) -> None:
    order = list(range(len(case.spine)))
    random.shuffle(order)
    together = _computed(case)
    some = case.spine.take(pa.array(order[: max(1, len(order) // 2)], pa.int64()))
    alone = case.kernel.compute(case.events, some).to_pylist()
    assert differences(alone, [together[number] for number in order[: len(alone)]]) == []


@given(cases(), st.data())
def test_what_is_known_later_changes_nothing(case: Case, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(case.spine) - 1))
    row = case.spine.slice(number, 1)
    as_of = row["as_of"][0].as_py()
    later = {}
    for source, events in case.events.items():
        later[source] = events.filter(pa.array([k <= as_of for k in events["known_at"].to_pylist()], pa.bool_()))
    before = case.kernel.compute(later, row).to_pylist()
    assert differences(case.kernel.compute(case.events, row).to_pylist(), before) == []


@given(cases())
def test_a_decision_has_the_features_of_training(case: Case) -> None:
    batch = _computed(case)
    for number in range(len(case.spine)):
        row = case.spine.slice(number, 1)
        of_entities: dict[tuple[str, str], pa.Table | None] = {}
        for need in case.kernel.needs:
            events, entity = case.events[need.source], row[need.key][0].as_py()
            of_entity = events.filter(
                pa.array([e == entity and e is not None for e in events[need.key].to_pylist()], pa.bool_())
            )
            of_entities[need.source, need.key] = of_entity.drop_columns(need.key) if len(of_entity) else None
        assert differences([compute_one(case.kernel, of_entities, row)], [batch[number]]) == []


@given(cases(), st.integers(1, 12))
def test_ranges_of_time_do_not_change_a_feature(case: Case, most: int) -> None:
    whole = _computed(case)
    history: dict[str, Any] = {}
    for key in case.features.keys:
        history |= case.kernel.compute_entity(key, case.events, case.spine, most_events=most)
    assert differences(case.kernel.finish(history, case.spine).to_pylist(), whole) == []


@given(cases(), st.integers(1, 12))
def test_batches_of_entities_do_not_change_a_feature(case: Case, most: int) -> None:
    whole = _computed(case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assets.features.kernel.batches._BATCH_SIZE", most)
        assert differences(_computed(case), whole) == []


@given(cases())
def test_a_kernel_is_read_back_from_json(case: Case) -> None:
    again = Kernel.from_dict(case.kernel.to_dict())
    assert again == case.kernel
    assert differences(again.compute(case.events, case.spine).to_pylist(), _computed(case)) == []
