"""What a person needs to know of a report: a headline, what needs somebody today, and a line for each monitor.

Belongs here: sentences on a report, the same for the page and the terminal. Does not belong here: the report
(`report.py`), its forms.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assets.monitoring.page.report import FIGURES, Line, LineName, LineState, MonitoringReport, StandingAlert
from assets.pages.words import business, fixed, minute, percent
from assets.product.names import CALIBRATION, CONSISTENCY, GROUP_PERFORMANCE, KPIS, VINTAGES
from resources.notifications import AlertKind

_ALERTED: Mapping[LineName, tuple[AlertKind, ...]] = {
    "data": ("data_fault",), "business figures": ("kpi",), "performance": ("performance",), "estimate": ("estimated",),
    "drift": ("drift",), "rollout": ("rollout_paused", "approval_wanted", "rolled_back"), "training": ("run_failed",),
}  # fmt: skip
"""The kinds of alerts that say the same as a line."""
_ASKED = {
    "retrain": "a new model is asked for", "wait": "a new model is asked for and waits", "alert": "people are asked",
    "unknown": "whether a new model is needed is not known",
}  # fmt: skip
"""A verdict on a retraining, in words; "none" needs none."""
_LEAST_COMPLETE = 0.5


def needing(report: MonitoringReport) -> tuple[StandingAlert, ...]:
    """The alerts that nobody looks after."""
    return tuple(one for one in report.alerts if not one.hands and one.severity != "info")


def worth_a_look(report: MonitoringReport) -> tuple[Line, ...]:
    """The lines that ask for a look and that no alert says."""
    alerted = {one.alert.kind for one in report.alerts}
    return tuple(
        line for line in lines_of(report) if line.state == "look" and not alerted & set(_ALERTED.get(line.name, ()))
    )


def headline(report: MonitoringReport) -> str:
    """What needs a person, or that nothing does, and how much is unknown."""
    count = len(needing(report)) + len(worth_a_look(report))
    unknown = sum(line.state == "unknown" for line in lines_of(report))
    need = {0: "Nothing needs a person", 1: "One thing needs a person"}.get(count, f"{count} things need a person")
    if not unknown:
        return need
    return f"{need}; {unknown} of {len(lines_of(report))} monitors cannot tell"


def lines_of(report: MonitoringReport) -> tuple[Line, ...]:
    """A line for each monitor, in the order of the page."""
    made = (
        _data(report), _of_cause(report, "business figures", _business(report)), _of_cause(report, "performance"),
        _of_cause(report, "estimate"), _of_cause(report, "drift"), _calibration(report), _vintages(report),
        _groups(report), _consistency(report), _rollout(report), _training(report), _budget(report),
    )  # fmt: skip
    return tuple(line for line in made if line is not None)


def shortened(text: str, most: int = 150) -> str:
    """A sentence, cut where it would take more than a line."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def last_rows(report: MonitoringReport, table: str) -> list[dict[str, Any]]:
    """The rows of a table's last day; empty without one."""
    found = report.tables.get(table)
    if found is None or not found.num_rows:
        return []
    return found.filter(pc.equal(found["day"], pa.scalar(report.last(table), pa.date32()))).to_pylist()


def _of_cause(report: MonitoringReport, name: LineName, calm: str = "") -> Line:
    state, reasons = report.causes[name]
    more = f", and {len(reasons) - 2} more" if len(reasons) > 2 else ""
    told = calm if calm and state == "good" else "; ".join(reasons[:2]) + more
    return Line(name, state, told)


def _data(report: MonitoringReport) -> Line:
    if report.fingerprinted is None:
        return Line("data", "unknown", "no day was judged yet")
    standing = report.standing
    if not standing:
        return Line("data", "good", f"no data fault stands; judged to {report.fingerprinted}")
    more = f", and {len(standing) - 1} more faults" if len(standing) > 1 else ""
    return Line("data", "look", f"{standing[-1].sentence}{more}")


def _business(report: MonitoringReport) -> str:
    """The figures of the last day that people ask for first."""
    rows = {row["figure"]: row for row in last_rows(report, KPIS)}
    told = [
        f"{figure.replace('_', ' ')} {business(figure, rows[figure]['value'])}"
        for figure in ("decisions", "approval_rate", "expected_loss", "profit")
        if figure in rows and rows[figure]["value"] is not None
    ]
    return f"{', '.join(told)}; each as expected" if told else ""


def _calibration(report: MonitoringReport) -> Line:
    rows = last_rows(report, CALIBRATION)
    if not rows:
        return Line("calibration", "unknown", "no figures yet")
    states: Mapping[bool | None, LineState] = {True: "look", False: "good", None: "unknown"}
    return Line("calibration", states[rows[-1]["moved"]], rows[-1]["reason"])


def _vintages(report: MonitoringReport) -> Line:
    rows = [row for row in last_rows(report, VINTAGES) if row["final_bad_rate"] is not None]
    if not rows:
        return Line("vintages", "unknown", "no vintage can be projected yet")
    old = [row for row in rows if (row["completion"] or 0.0) >= _LEAST_COMPLETE] or rows[:1]
    row = old[-1]
    told = (
        f"decisions of {row['vintage']}: {percent(row['bad_rate'])} bad so far, {percent(row['completion'])} of what "
        f"will be; they end at {percent(row['final_bad_rate'])}"
    )
    if row["final_low"] is not None:
        told += f" ({percent(row['final_low'])} to {percent(row['final_high'])})"
    return Line("vintages", "good", told)


def acceptance_ratios(report: MonitoringReport) -> dict[str, tuple[float, str]]:
    """For each protected attribute the lowest acceptance of a group over the highest, and the group that has it."""
    found = {}
    for protected in report.product.protected:
        rows = [
            row for row in last_rows(report, GROUP_PERFORMANCE)
            if row["part"] == protected.column and row["rows"] >= report.product.gates.min_group_rows
            and row["acceptance"] is not None
        ]  # fmt: skip
        highest = max((row["acceptance"] for row in rows), default=0.0)
        if len(rows) > 1 and highest > 0:
            lowest = min(rows, key=lambda row: row["acceptance"])
            found[protected.column] = (lowest["acceptance"] / highest, str(lowest["group"]))
    return found


def _groups(report: MonitoringReport) -> Line | None:
    if not report.product.protected:
        return None
    ratios, least = acceptance_ratios(report), report.product.gates.min_selection_ratio
    if not ratios:
        return Line("groups", "unknown", "no protected attribute has two groups with enough matured decisions")
    name, (ratio, group) = min(ratios.items(), key=lambda item: item[1][0])
    told = f"{name} {group} is accepted {ratio:.2f} times as often as the most accepted group; at least {least:g}"
    return Line("groups", "look" if ratio < least else "good", told)


def _consistency(report: MonitoringReport) -> Line:
    rows = last_rows(report, CONSISTENCY)
    if not rows:
        return Line("consistency", "unknown", "no answered decision was compared with the lake yet")
    compared = max(row["compared"] for row in rows)
    differing = [row for row in rows if row["mismatched"] or row["missing"] or row["extra"]]
    unexplained = max((row["unexplained"] for row in rows), default=0)
    if not differing:
        return Line("consistency", "good", f"{compared:,} decisions have the features that the lake gives")
    told = (
        f"of {compared:,} decisions {len(differing)} features differ from the lake's; {unexplained:,} without a cause"
    )
    is_bad = unexplained > report.product.monitoring.max_unexplained * compared
    return Line("consistency", "look" if is_bad else "good", told)


def _rollout(report: MonitoringReport) -> Line:
    if report.champion is None:
        return Line("rollout", "unknown", report.history.stands)
    last = report.history.moves[-1]
    told = f"{report.history.stands}; last change: {last.action.replace('_', ' ')} by {last.by}, {minute(last.at)}"
    return Line("rollout", "look" if report.history.paused else "good", told)


def _training(report: MonitoringReport) -> Line:
    trainings = report.history.trainings
    if not trainings:
        return Line("training", "unknown", "no training is recorded")
    last = trainings[0]
    became = f"version {last.version} was registered" if last.version else last.result
    why = f" ({last.why})" if last.why else ""
    judged = report.retraining
    words = "" if judged is None else _ASKED.get(judged.action, "")
    asks = f"; {words}: {judged.reasons[0]}" if judged is not None and words else ""
    return Line("training", "good" if last.version else "look", f"{became}, {minute(last.at)}{why}{asks}")


def _budget(report: MonitoringReport) -> Line:
    known = [(one.left, one) for one in report.budgets if one.left is not None]
    if not known:
        return Line("error budget", "unknown", "; ".join(dict.fromkeys(one.over for one in report.budgets)))
    left, lowest = min(known, key=lambda pair: pair[0])
    told = f"{lowest.objective.name.replace('_', ' ')}: {percent(left)} is left ({lowest.over})"
    unknown = len(report.budgets) - len(known)
    more = f"; of {unknown} more objectives only the service's metrics know" if unknown else ""
    return Line("error budget", "look" if left < 0 else "good", f"{told}{more}")


def figures_in_words(report: MonitoringReport) -> Iterator[str]:
    """The sentences that open the page, after its headline."""
    rows = last_rows(report, FIGURES)
    if rows and rows[-1]["auc"] is not None:
        row = rows[-1]
        yield (
            f"Over the {row['labelled']:,} labels that became final in {report.product.monitoring.window_days} days "
            f"version {report.judged} ranks with an AUC of {fixed(row['auc'])}"
            + (f", {fixed(row['approved_auc'])} at its approval." if row["approved_auc"] is not None else ".")
        )
    if report.champion is not None and report.judged and report.judged != report.champion:
        yield (
            f"The figures are those of version {report.judged}; version {report.champion} decides since then, and the "
            "next run makes the figures again for it."
        )
