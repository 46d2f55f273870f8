"""The sections on the model itself: features, weak slices, robustness, groups of people, rows, origin.

Belongs here: their pictures, tables and sentences. Does not belong here: the figures (`assets.evaluation`), curves
(`curve_sections.py`).
"""

from html import escape

from assets.evaluation.report.facts import Reported, bar_rows, cards
from assets.evaluation.study.robustness import Robustness
from assets.evaluation.study.slices import Slice
from assets.pages.drawing import data_table, plot_figure, wide_table
from assets.pages.words import fixed, number, percent

_MOST_FEATURES = 15


def features_section(reported: Reported) -> str:
    """Importances, what each group gives, and whether both would be the same on other rows."""
    explained, study = reported.figures.explanation, reported.study
    shares = explained.table().to_pylist()[:_MOST_FEATURES]
    bars = bar_rows([(row["feature"], row["share"], percent(row["share"])) for row in shares], "importance of features")
    lead = shares[0]["feature"]
    worth = bar_rows(
        [(one.group, one.auc_lost, f"{one.auc_lost:.3f}") for one in study.groups], "AUC lost without each group"
    )
    table = data_table(
        ("group", "features", "AUC lost", "95% interval"),
        [
            (one.group, ", ".join(one.features), f"{one.auc_lost:.4f}",
             "–" if one.low is None else f"{one.low:.4f} to {one.high:.4f}")
            for one in study.groups
        ],
    )  # fmt: skip
    steady = study.steadiness
    told = (
        "There are too few features or rows to say whether the importances hold on other rows."
        if steady is None
        else f"Between random halves of the rows the ranks of the importances agree by {steady.agreement:.3f} "
        f"(Spearman; {steady.low:.3f} or more in 95% of halvings), and of the five most important both halves name "
        f"{percent(steady.top)}."
    )
    best = study.groups[0]
    return (
        plot_figure(
            f"'{lead}' moves the score most",
            f"Share of all mean absolute SHAP values of {len(explained.contributions):,} test rows.",
            bars,
        )
        + f"<p>{escape(told)}</p>"
        + plot_figure(
            f"Without {best.group} the AUC falls by {best.auc_lost:.3f}",
            "Each group of features permuted as a whole, so that its values are those of other rows.",
            worth,
            table=table,
        )
    )


def slices_section(reported: Reported) -> str:
    """The slices that both halves found, and those that one half alone did."""
    confirmed = [one for one in reported.study.slices if one.confirmed]
    rest = [one for one in reported.study.slices if not one.confirmed]
    told = (
        "Conditions on up to three features were searched on one half of the entities, for probabilities that are "
        "wrong and for rankings worse than the probabilities say; what was found was tried on the other half, with "
        f"intervals corrected for the {len(reported.study.slices)} slices tried."
    )
    if not confirmed:
        words = f"<p><strong>No weak slice was confirmed.</strong> {told}</p>"
    else:
        words = f"<p>{told}</p>{_slices(confirmed)}"
    if not rest:
        return words
    return f"{words}<details><summary>{len(rest)} that one half alone showed</summary>{_slices(rest)}</details>"


def _slices(shown: list[Slice]) -> str:
    rows = [
        (", ".join(one.conditions), one.weakness, f"{one.rows:,}", percent(one.observed), percent(one.expected),
         fixed(one.auc), f"{one.error:+z.3f} ({one.low:+z.3f} to {one.high:+z.3f})")
        for one in shown
    ]  # fmt: skip
    heads = ("slice", "what is wrong", "rows", "bad", "expected", "AUC", "error of a row")
    return wide_table(heads, rows)


def robustness_section(reported: Reported) -> str:
    """Disturbed features: AUC lost and decisions changed."""
    found = reported.study.robustness
    worst = max(found, key=lambda one: one.flipped)
    rows = [(one.kind, one.what, fixed(one.auc), f"{one.auc_lost:+z.3f}", percent(one.flipped)) for one in found]
    table = data_table(("features are", "which", "AUC", "AUC lost", "decisions that change"), rows)
    bars = bar_rows([(_named(one), one.flipped, percent(one.flipped)) for one in found], "decisions that change")
    least = percent(reported.study.noise_flips)
    title = f"Noise of 1% changes {least} of the decisions; the worst changes {percent(worst.flipped)}"
    note = (
        "Share of decisions that change where features have noise of their standard deviation, are missing, are beyond "
        "the training range, or are moved a tenth of a standard deviation against the model."
    )
    return plot_figure(
        title, note, bars,
        table=table,
    )  # fmt: skip


def _named(one: Robustness) -> str:
    return f"{one.kind}: {one.what}"


def groups_section(reported: Reported) -> str:
    """Figures by group of each protected attribute."""
    parts = []
    for report in reported.figures.fairness:
        rows = [
            (group.group + ("" if group.judged else " (too few to judge)"), f"{group.rows:,}",
             percent(group.accepted_share),
             percent(group.true_positive_rate), percent(group.false_positive_rate), fixed(group.auc))
            for group in report.groups
        ]  # fmt: skip
        heads = (report.attribute, "rows", "accepted", "bad not accepted", "good not accepted", "AUC")
        parts.append(f"<h4>{escape(report.attribute)}</h4>{wide_table(heads, rows)}")
    return "".join(parts)


def rows_section(reported: Reported) -> str:
    """Which rows trained and tested the model, and whether the former stand for the latter."""
    stands, windows = reported.study.representativeness, reported.figures.windows
    told = "can be told" if stands.told_apart else "cannot be told"
    shown = [
        ("Told apart", fixed(stands.auc), f"AUC of a classifier between training and test rows: they {told} apart"),
        ("Outside", percent(stands.outside), "of the test rows hardly occur among the training rows"),
        ("Beyond", percent(stands.beyond), "of the test rows have a number outside of the training range"),
        ("Alike", percent(stands.alike), "effective share of the training rows, weighted like the test rows"),
        ("Score PSI", number(reported.figures.score_psi), "stability index of the score, training against test"),
    ]
    rows = []
    for name, window in windows.items():
        if isinstance(window, dict):
            rows.append((name, str(window["first"])[:10], str(window["end"])[:10], f"{window['rows']:,}"))
    return cards(shown) + wide_table(("part", "from", "to (not included)", "rows"), rows)


def origin_section(reported: Reported) -> str:
    """From which tables, runs and settings the model comes."""
    parts, pins = reported.parts, reported.parts.pins
    facts = [
        ("training set", f"version {pins.get('version', 'not recorded')}"),
        *((f"table {table}", f"version {version}") for table, version in sorted(pins.get("pins", {}).items())),
        ("known at", str(pins.get("as_known_at", "not recorded"))),
        ("MLflow run", str(pins.get("mlflow_run", "not recorded"))),
        ("Dagster run", str(pins.get("dagster_run", "not recorded"))),
        ("features", f"{len(parts.kernel.features.names)}, digest {parts.kernel.features.digest[:16]}"),
        ("calibration", parts.calibration.method),
        ("threshold", f"{parts.policy.threshold:.4g}"),
        ("served otherwise than trained", percent(reported.study.serving_skew)),
    ]
    return wide_table(("", "recorded"), facts)
