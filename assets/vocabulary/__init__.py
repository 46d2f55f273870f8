"""The vocabulary in which a product declares its features. Products import from here; no computation, no NumPy.

Belongs here: declarations, their checks, units and wording, and their JSON records, with the standard library only.
Does not belong here: any arithmetic on data (`assets.features.kernel`), products (`assets.product`).
"""

from assets.vocabulary.aggregates import ALGEBRAIC, COUNTED, SUMMED, TIMED
from assets.vocabulary.clock import DayOfWeek, Hour, Night, Weekend
from assets.vocabulary.conditions import Bound, FeatureError, Predicate, at_least, below, days, hours, predicates
from assets.vocabulary.derived import (
    Clip,
    Difference,
    Log,
    Log1p,
    Missing,
    Multiply,
    Ratio,
    SignedLog,
    Sum,
    Trend,
)
from assets.vocabulary.events import Events
from assets.vocabulary.feature_set import FeatureSet
from assets.vocabulary.groups import FeatureGroup
from assets.vocabulary.history import History
from assets.vocabulary.records import Derived, Feature, holds_text
from assets.vocabulary.request import Category, HashedCategory, LearnedCategory, Number, Text
from assets.vocabulary.windows import (
    Calendar,
    LastEvents,
    Window,
    last_events,
    last_months,
    this_month,
    today,
)

__all__ = [
    "ALGEBRAIC", "COUNTED", "SUMMED", "TIMED", "Bound", "Calendar", "Category", "Clip", "DayOfWeek", "Derived",
    "Difference", "Events", "Feature", "FeatureError", "FeatureGroup", "FeatureSet", "HashedCategory", "History",
    "Hour", "LastEvents", "LearnedCategory", "Log", "Log1p", "Missing", "Multiply", "Night", "Number", "Predicate",
    "Ratio", "SignedLog", "Sum", "Text", "Trend", "Weekend", "Window", "at_least", "below", "days", "holds_text",
    "hours", "last_events", "last_months", "predicates", "this_month", "today",
]  # fmt: skip
