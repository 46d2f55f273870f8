"""The judge: which observations speak of an incident, and the verdict on each."""

from datetime import UTC, date, datetime, time, timedelta

from resources.sandbox.judge.record import Observation, Record, Seen
from resources.sandbox.judge.timeline import Judged, judge
from resources.sandbox.planned.incidents import PlannedIncident

FIRST = date(2026, 3, 1)
FEED = PlannedIncident(
    kind="bad_feed", day=date(2026, 3, 10), last_day=date(2026, 3, 10), product="card_fraud", source="card_transactions"
)
CONCEPT = PlannedIncident(kind="concept_drift", day=date(2026, 4, 1), last_day=date(2026, 6, 1), product="card_fraud")
CHALLENGER = PlannedIncident(
    kind="bad_challenger", day=date(2026, 5, 1), last_day=date(2026, 5, 10), product="card_fraud"
)


def seen(what: Seen, on: date, *, product: str = "card_fraud", **terms: object) -> Observation:
    at = datetime.combine(on, time(3), UTC)
    return Observation(at=at, seen=what, product=product, **terms)  # type: ignore[arg-type]


def verdict(incident: PlannedIncident, *observations: Observation) -> Judged:
    record = Record(first=FIRST, last=FIRST + timedelta(days=150), observations=observations, figures=())
    return judge([incident], record).judged[0]


def test_what_nobody_speaks_of_was_not_noticed() -> None:
    found = verdict(FEED)
    assert (found.verdict, found.noticed, found.after, found.done) == ("not noticed", None, None, ())


def test_an_alert_that_names_the_source_on_time_is_right() -> None:
    alert = seen("alert", FEED.day + timedelta(days=1), about="validated_card_transactions", text="too many rows")
    found = verdict(FEED, alert)
    assert (found.verdict, found.after, found.done) == ("right", 1, ("alert",))
    assert found.words == "too many rows"


def test_an_alert_of_another_source_or_product_or_time_is_of_another_thing() -> None:
    day = FEED.day + timedelta(days=1)
    other = seen("alert", day, about="validated_fraud_labels")
    elsewhere = seen("alert", day, product="credit_risk", about="validated_card_transactions")
    before = seen("alert", FEED.day - timedelta(days=1), about="validated_card_transactions")
    found = judge([FEED], Record(first=FIRST, last=FIRST, observations=(before, other, elsewhere), figures=()))
    assert found.judged[0].verdict == "not noticed"
    assert found.unexplained == (before, other, elsewhere), "they are alarms about nothing that was planned"


def test_a_model_that_is_trained_on_a_fault_of_the_data_is_wrong() -> None:
    alert = seen("alert", FEED.day + timedelta(days=1), about="validated_card_transactions")
    found = verdict(FEED, alert, seen("retrain", FEED.day + timedelta(days=2), cause="drift"))
    assert found.verdict == "wrong"
    assert verdict(FEED, alert, seen("retrain", FEED.day + timedelta(days=2), cause="schedule")).verdict == "right"


def test_a_change_of_the_world_is_answered_by_a_model_and_not_by_the_calendar() -> None:
    assert verdict(CONCEPT, seen("retrain", CONCEPT.day, cause="schedule")).verdict == "not noticed"
    assert verdict(CONCEPT, seen("retrain", CONCEPT.notice_by, cause="performance")).verdict == "right"
    late = CONCEPT.notice_by + timedelta(days=1)
    assert verdict(CONCEPT, seen("retrain", late, cause="performance")).verdict == "late"


def test_a_bad_challenger_is_taken_out_by_a_rollback_alone() -> None:
    day = CHALLENGER.day + timedelta(days=3)
    assert verdict(CHALLENGER, seen("alert", day, text="slow")).verdict == "not noticed"
    assert verdict(CHALLENGER, seen("roll_back", day, about="7")).verdict == "right"


def test_a_rollback_without_an_incident_is_told() -> None:
    moved = seen("roll_back", date(2026, 3, 20))
    assert judge([], Record(first=FIRST, last=FIRST, observations=(moved,), figures=())).unexplained == (moved,)


def test_the_words_about_another_day_of_the_source_are_not_about_this_one() -> None:
    """A day that failed before is still tried again, and still told."""
    late = PlannedIncident(
        kind="late_feed", day=FEED.day + timedelta(days=1), last_day=FEED.day + timedelta(days=1),
        product="card_fraud", source="card_transactions", strength=2.0,
    )  # fmt: skip
    about = "validated_card_transactions"
    before = seen("alert", late.day + timedelta(days=1), about=about, day=FEED.day, text="too many rows")
    own = seen("alert", late.day + timedelta(days=1), about=about, day=late.day, text="no file")
    assert verdict(late, before).verdict == "not noticed"
    assert verdict(late, before, own).words == "no file"


def test_an_outage_is_noticed_by_words_about_what_is_down() -> None:
    outage = PlannedIncident(
        kind="outage", day=date(2026, 3, 20), last_day=date(2026, 3, 20), product="card_fraud", dependency="landing"
    )
    other = seen("alert", outage.day, about="evaluation", text="refused by auc")
    assert verdict(outage, other).verdict == "not noticed"
    assert verdict(outage, other, seen("waits", outage.day, text="2026-03-19 lacks files: a")).done == ("wait",)


def test_an_alert_of_another_table_on_the_day_is_a_consequence_by_which_nobody_has_noticed() -> None:
    after = FEED.day + timedelta(days=2)
    lacking = seen("alert", after, about="data_faults", text=f"fraud_labels lacks the day {FEED.day}")
    figure = seen("alert", after, about="kpis", day=FEED.day, text="approval rate 0.6")
    other = seen("alert", after, about="kpis", day=after, text="approval rate 0.6")
    record = Record(first=FIRST, last=FIRST, observations=(lacking, figure, other), figures=())
    found = judge([FEED], record)
    assert found.judged[0].verdict == "not noticed"
    assert found.unexplained == (other,)


def test_a_store_that_lost_its_events_is_rightly_loaded_again() -> None:
    outage = PlannedIncident(
        kind="outage", day=date(2026, 3, 20), last_day=date(2026, 3, 20), product="card_fraud",
        dependency="online_store",
    )  # fmt: skip
    reloaded = seen("reloaded", outage.day, about="online_store", text="online store: everything: the store was empty")
    found = verdict(outage, reloaded)
    assert (found.verdict, found.done) == ("right", ("reload",))
    assert (
        verdict(outage, seen("reloaded", date(2026, 3, 10), text="online store: everything")).verdict == "not noticed"
    )


def test_what_is_down_for_one_product_explains_the_words_of_the_others() -> None:
    """They have noticed nothing for it: that is judged by its own product's words."""
    outage = PlannedIncident(
        kind="outage", day=FEED.day, last_day=FEED.day, product="card_fraud", dependency="decisions"
    )
    after = seen("alert", FEED.day + timedelta(days=1), product="credit_risk", text="0 answered decisions")
    other = seen("alert", FEED.day + timedelta(days=1), product="credit_risk", text="approval rate is low")
    late = seen("alert", FEED.day + timedelta(days=9), product="credit_risk", text="0 answered decisions")
    found = judge([outage], Record(first=FIRST, last=FIRST, observations=(after, other, late), figures=()))
    assert found.judged[0].verdict == "not noticed"
    assert found.unexplained == (other, late)
