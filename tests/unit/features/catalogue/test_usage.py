"""Use of features by models, and the catalogue's page."""

from datetime import date

import pyarrow as pa

from assets.features.catalogue.entries import catalogue
from assets.features.catalogue.render import to_html, to_markdown
from assets.features.catalogue.statistics import feature_statistics
from assets.features.catalogue.survey import FeatureSurvey
from assets.features.catalogue.usage import ModelUse, feature_use, unused
from assets.vocabulary import Category, Events, FeatureSet, Log1p, Number, Ratio, days

payments = Events("payments", key="customer_id")
FEATURES = FeatureSet(
    owner="risk <team>",
    request=[Number("amount", description="Amount & more"), Category("purpose", values=("car", "home"))],
    history=[payments.sum("paid", days(30), name="paid_30d"), payments.count(days(7), name="idle_7d")],
    derived=[Ratio("share", numerator="paid_30d", denominator="amount"), Log1p("share_log", of="share")],
)
OLD = ModelUse("1", (), ("amount", "purpose"), {})
CHAMPION = ModelUse(
    "2", ("champion",), ("amount", "purpose", "paid_30d", "idle_7d", "share"),
    {"amount": 0.4, "purpose": 0.0, "paid_30d": 0.0, "idle_7d": 0.0, "share": 0.6},
)  # fmt: skip


def test_a_feature_is_used_itself_or_through_a_derived_one() -> None:
    """`paid_30d` has no importance itself, but `share`, which is derived from it, has."""
    uses = feature_use(FEATURES, [OLD, CHAMPION])
    assert {name: use.state for name, use in uses.items()} == {
        "amount": "used", "purpose": "used", "paid_30d": "used", "idle_7d": "idle", "share": "used", "share_log": "new",
    }  # fmt: skip
    assert unused(uses) == ("idle_7d", "share_log")
    assert (uses["amount"].versions, uses["amount"].roles, uses["amount"].importance) == (
        ("1", "2"),
        ("champion",),
        0.4,
    )
    assert (uses["share_log"].versions, uses["share_log"].importance) == ((), None)


def test_a_feature_of_unknown_importance_counts_as_used() -> None:
    """A model without recorded importances may use every feature that it computes."""
    assert feature_use(FEATURES, [OLD])["purpose"].state == "used"
    assert feature_use(FEATURES, [CHAMPION])["purpose"].state == "idle"


def test_lineage_goes_through_derived_features_to_columns_and_contracts() -> None:
    """`share_log` is derived from `share`, and that from a sum and a request column: two tables."""
    entries = {entry.name: entry for entry in catalogue(FEATURES, spine="applications")}
    assert entries["share_log"].inputs == ("share",)
    assert entries["share_log"].columns == (
        "validated_payments.customer_id", "validated_payments.paid", "validated_payments.event_time",
        "validated_payments.known_at", "validated_applications.amount",
    )  # fmt: skip
    assert entries["share_log"].contracts == ("payments.yaml", "applications.yaml")


def survey_of(*models: ModelUse) -> FeatureSurvey:
    rows = pa.table({"amount": [1.0, 2.0, None], "purpose": ["car", "car", "home"], "paid_30d": [0.5, 1.5, 2.5]})
    return FeatureSurvey(
        "loans", "Loans & credit", "risk@bank.example", 4, (date(2026, 9, 1), date(2026, 9, 2)), 3,
        catalogue(FEATURES, spine="applications"), feature_statistics(rows, FEATURES.names),
        feature_use(FEATURES, models), models,
    )  # fmt: skip


def test_the_page_is_self_contained_and_escapes_texts() -> None:
    """Every feature has a section; there is no script, no other host, no markup of a description."""
    page = to_html(survey_of(OLD, CHAMPION))
    assert all(f'<section id="{name}">' in page for name in FEATURES.names)
    assert "Loans &amp; credit" in page
    assert "risk &lt;team&gt;" in page
    assert not any(word in page for word in ("<script", "http://", "https://", "<team>"))
    assert 'Used by no model: <a href="#idle_7d">' in page
    assert "No values yet" in page


def test_the_markdown_has_a_line_for_each_feature_with_its_statistics() -> None:
    """Missing share, mean, spread and use, in the order of the features."""
    text = to_markdown(survey_of(OLD, CHAMPION))
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(lines) == len(FEATURES.names)
    assert "| 33.3% | 1.5 |" in lines[0]
    assert "Used by no model: `idle_7d`, `share_log`." in text


def test_without_a_model_no_feature_is_unused() -> None:
    """Before the first training no model could use one."""
    found = survey_of()
    assert found.unused == ()
    assert "There is no model yet." in to_html(found)
