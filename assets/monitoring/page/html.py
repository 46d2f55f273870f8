"""The monitoring page, as one self-contained HTML file: no script, nothing from another host.

Belongs here: the order of the sections, the head of the page and its summary. Does not belong here: a section (the
`…_sections.py`), the sentences (`summary.py`), where the page is kept (`assets.py`).
"""

from collections.abc import Callable, Mapping
from datetime import date
from html import escape

from assets.monitoring.page.amount_sections import amount_groups, amount_section
from assets.monitoring.page.business_sections import business_section
from assets.monitoring.page.drift_sections import drift_section, fault_section
from assets.monitoring.page.history_sections import alert_section, budget_section, rollout_section, training_section
from assets.monitoring.page.label_sections import calibration_section, groups_section, vintage_section
from assets.monitoring.page.performance_sections import performance_section
from assets.monitoring.page.report import Line, LineName, MonitoringReport
from assets.monitoring.page.summary import figures_in_words, headline, lines_of, needing, worth_a_look
from assets.pages.document import document, marked_line, navigation, section
from assets.product import Amount
from resources.notifications import REPOSITORY


def _performance(report: MonitoringReport) -> str:
    """Performance in the metrics of the product's kind of target."""
    target = report.product.model.target
    return amount_section(report, target) if isinstance(target, Amount) else performance_section(report)


def _groups(report: MonitoringReport) -> str:
    target = report.product.model.target
    return amount_groups(report, target) if isinstance(target, Amount) else groups_section(report)


_SECTIONS: tuple[tuple[str, str, Callable[[MonitoringReport], str]], ...] = (
    ("alerts", "Alerts", alert_section),
    ("business", "Business", business_section),
    ("performance", "Performance", _performance),
    ("drift", "Drift", drift_section),
    ("faults", "Data faults", fault_section),
    ("vintages", "Vintages", vintage_section),
    ("calibration", "Calibration", calibration_section),
    ("groups", "Groups", _groups),
    ("rollout", "Rollout", rollout_section),
    ("training", "Trainings", training_section),
    ("budget", "Error budget", budget_section),
)
_PLACES: Mapping[LineName, str] = {
    "data": "faults", "business figures": "business", "performance": "performance", "estimate": "performance",
    "drift": "drift", "calibration": "calibration", "vintages": "vintages", "groups": "groups",
    "consistency": "summary", "rollout": "rollout", "training": "training", "error budget": "budget",
}  # fmt: skip
"""The section on which a line is."""


def to_html(report: MonitoringReport, *, before: date | None = None) -> str:
    """The page.

    Args:
        before: The day of the page before, which lies beside this one; `None` for none.
    """
    product, lines = report.product, lines_of(report)
    shown = [entry for entry in _SECTIONS if entry[0] != "groups" or product.protected or product.monitoring.slices]
    titled = f"{product.title}, {report.day}" if report.day else product.title
    sections = "".join(section(key, title, draw(report)) for key, title, draw in shown)
    back = f' · <a href="{before}.html">the page of {before}</a>' if before else ""
    return document(
        titled,
        f"<header><h1>{escape(product.title)}</h1>"
        f"<p>{escape(_dateline(report))}{back}</p></header>\n"
        f"{_navigation(report, shown)}<main>{_summary(report, lines)}\n{sections}</main>"
        f"<footer>Made of the tables of {escape(product.name)} up to {report.day or 'no day'}; owner "
        f"{escape(product.owner)}. <code>loopline status {escape(product.name)}</code> says the same of this moment; "
        f'what to do about each kind of alert is in <a href="{REPOSITORY}/infra/prometheus/RUNBOOK.md">the runbook</a>.'
        f"</footer>",
    )


def _dateline(report: MonitoringReport) -> str:
    day = f"{report.day:%A, %-d %B %Y}" if report.day else "no day was watched yet"
    decides = "no version decides yet" if report.champion is None else report.history.stands
    return f"{day} · {decides}"


def _navigation(report: MonitoringReport, shown: list[tuple[str, str, Callable[[MonitoringReport], str]]]) -> str:
    looks = {_PLACES[line.name] for line in lines_of(report) if line.state == "look"}
    looks |= {"alerts"} if needing(report) else set()
    return navigation([(key, title) for key, title, _ in shown], looks)


def _summary(report: MonitoringReport, lines: tuple[Line, ...]) -> str:
    need = [one.alert.title for one in needing(report)]
    need += [f"{line.name}: {line.text}" for line in worth_a_look(report)]
    listed = "".join(f"<li>{escape(text)}</li>" for text in need)
    unknown = any(line.state == "unknown" for line in lines)
    kind = " look" if need else " unknown" if unknown else ""
    told = "".join(f"<p>{escape(text)}</p>" for text in figures_in_words(report))
    return (
        f'<section id="summary"><div class="headline{kind}"><strong>{escape(headline(report))}</strong>'
        f"{f'<ul>{listed}</ul>' if listed else ''}</div>{told}"
        f"<ul class=lines>{''.join(_line(line) for line in lines)}</ul></section>"
    )


def _line(line: Line) -> str:
    return marked_line(line.state, line.name, _PLACES[line.name], line.text)
