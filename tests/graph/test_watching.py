"""Rules and dashboards ask only for what the processes expose, and each names its entry of a runbook."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from assets.serving.metrics import Metrics
from pipelines.alerting import alerts
from pipelines.drafting.objectives import BURNS, rules_text
from pipelines.services.figures import FigureMetrics
from pipelines.services.stream_health import StreamMetrics
from resources.environments import CHECKOUT
from resources.lake import Lake
from resources.notifications import AlertKind
from resources.objectives import objectives
from tests.support.servers.prometheus_server import needs_prometheus, promtool

PROMETHEUS = CHECKOUT / "infra" / "prometheus"
DASHBOARDS = sorted((CHECKOUT / "infra" / "grafana" / "dashboards").glob("*.json"))
RULES = (PROMETHEUS / "alerts.yml", PROMETHEUS / "burn_rates.yml")
RUNBOOK = PROMETHEUS / "RUNBOOK.md"
SCRAPED = frozenset({"instance", "job"})
"""The labels that a scrape adds."""
_SELECTOR = re.compile(r"\b((?:loopline[_:]|up\b)[\w:]*)(?:\{([^}]*)\})?")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def exposed() -> dict[str, frozenset[str]]:
    """Each series that a process exposes, with its labels."""
    metrics = Metrics()
    metrics.show(dict, lambda _: {}, lambda _: True, lambda _: False)
    metrics.show_loops(tuple)
    found: dict[str, frozenset[str]] = {}
    own = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    named = [(one._name, one._type, one._labelnames) for one in own]
    known = {name for name, _, _ in named}
    families = [*metrics.registry.collect(), *StreamMetrics(tuple).collect()]
    families += FigureMetrics([], Lake("nowhere")).collect()
    named += [(one.name, one.type, one._labelnames) for one in families if one.name not in known]  # type: ignore[attr-defined]
    for name, kind, labels in named:
        if kind == "histogram":
            found |= {f"{name}_bucket": frozenset({*labels, "le"})}
            found |= {f"{name}_{part}": frozenset(labels) for part in ("sum", "count")}
        else:
            found[f"{name}_total" if kind == "counter" else name] = frozenset(labels)
    return {name: labels | SCRAPED for name, labels in found.items()} | {"up": SCRAPED}


def rules() -> list[dict[str, Any]]:
    loaded = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in RULES]
    return [rule for file in loaded for group in file["groups"] for rule in group["rules"]]


def recorded() -> dict[str, frozenset[str]]:
    """Each series that a rule records, with the labels that its expression leaves."""
    found: dict[str, set[str]] = {}
    for rule in rules():
        if "record" in rule:
            kept = {label for labels in _LABELS.findall(rule["expr"]) for label in words(labels)}
            found.setdefault(rule["record"], set()).update(kept, rule.get("labels", {}))
    # The budget that is left has the labels of the share that it is made from.
    found["loopline:error_budget_left"] |= found["loopline:error_share:30d"]
    for name in [one for one in found if one.startswith("loopline:error_share")]:
        found[name] |= found["loopline:promise_broken"]
    return {name: frozenset(labels) for name, labels in found.items()}


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            if panel["type"] != "row":
                yield file.stem, panel


def queries() -> list[tuple[str, str]]:
    """Each query with the place where it stands."""
    found = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    found += [(f"{file}: {panel['title']}", one["expr"]) for file, panel in panels() for one in panel["targets"]]
    for file in DASHBOARDS:
        for variable in json.loads(file.read_text(encoding="utf-8"))["templating"]["list"]:
            name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
            found.append((f"{file.stem}: ${variable['name']}", f"max by ({label}) ({name})"))
    return found


def faults(query: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """What a query asks for and nobody exposes."""
    found, all_labels = [], set[str]()
    for name, matchers in _SELECTOR.findall(query):
        if name not in known:
            found.append(f"no process exposes {name}")
            continue
        all_labels |= known[name]
        asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", matchers))
        found += [f"{name} has no label {label}" for label in sorted(asked - known[name])]
    grouped = {label for labels in _LABELS.findall(query) for label in words(labels)}
    return found + [f"no series of the query has the label {label}" for label in sorted(grouped - all_labels)]


def test_every_query_asks_for_series_and_labels_that_there_are() -> None:
    known, asked = exposed() | recorded(), queries()
    assert len(asked) > 100
    assert {(where, fault) for where, query in asked for fault in faults(query, known)} == set()


def test_the_check_of_queries_finds_what_is_wrong() -> None:
    known = exposed()
    assert faults("sum(loopline_decisions)", known) == ["no process exposes loopline_decisions"]
    assert faults('loopline_stream_lag_seconds{topic="x"}', known) == ["loopline_stream_lag_seconds has no label topic"]
    assert faults("sum by (why) (loopline_requests_in_flight)", known) == ["no series of the query has the label why"]
    assert faults('rate(loopline_decision_seconds_bucket{le="0.1"}[5m]) / on (product) up', known) == []


def test_every_series_is_watched_by_a_rule_or_a_panel() -> None:
    text = " ".join(query for _, query in queries())
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in _SELECTOR.findall(text)}
    there = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed()}
    assert sorted(there - asked) == []


def headings(file: Path) -> set[str]:
    """The anchors of a file's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_rule_has_an_owner_a_severity_and_its_entry() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["owner"].endswith("-on-call"), rule["alert"]
            assert rule["labels"]["severity"] in ("critical", "warning", "info")
            file, _, anchor = rule["annotations"]["runbook_url"].rpartition("#")
            assert (file.endswith("/infra/prometheus/RUNBOOK.md"), anchor) == (True, rule["alert"].lower())
            assert anchor in headings(RUNBOOK), f"{rule['alert']} has no entry in {RUNBOOK}"


def test_every_kind_of_alert_has_its_entry() -> None:
    assert set(get_args(AlertKind)) <= headings(RUNBOOK)


def test_every_alert_that_asks_for_something_names_a_runbook() -> None:
    """News alone, of severity `info`, need none."""
    for call in ast.walk(ast.parse(Path(alerts.__file__).read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Alert":
            terms = {one.arg: ast.unparse(one.value) for one in call.keywords}
            assert "runbook" in terms or terms["severity"] == "'info'", ast.unparse(call)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_whole(file: Path) -> None:
    """Units, places without overlap, links to entries that there are."""
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    assert dashboard["uid"] == f"loopline-{file.stem}"
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            for link in panel.get("links", ()):
                assert link["url"].partition("#")[2] in headings(RUNBOOK), (panel["title"], link)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_there_is_a_dashboard_for_each_topic() -> None:
    assert {file.stem for file in DASHBOARDS} == {"service", "data", "model", "business", "fairness"}


# ---------------------------------------------------------------- objectives


def test_the_rules_of_the_objectives_are_those_that_are_written() -> None:
    assert (PROMETHEUS / "burn_rates.yml").read_text(encoding="utf-8") == rules_text(), (
        "python -m pipelines.drafting.objectives > infra/prometheus/burn_rates.yml"
    )


def test_the_rates_are_those_of_the_site_reliability_workbook() -> None:
    """A rate of 14.4 for an hour spends 2% of 30 days' budget; 6 for six hours 5%; 1 for three days 10%."""
    hours = {"1h": 1, "6h": 6, "3d": 72}
    spent = [burn.rate * hours[burn.windows[0]] / (30 * 24) for burn in BURNS]
    assert spent == pytest.approx([0.02, 0.05, 0.1])
    assert all(0.5 < one.objective < 1 and bool(one.errors) != bool(one.bad) for one in objectives())


@needs_prometheus
def test_promtool_takes_rules_configuration_and_every_query(tmp_path: Path) -> None:
    for file in RULES:
        promtool("check", "rules", str(file))
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    entries = [
        {"record": f"query:n{number}", "expr": query.replace("$product", ".*")}
        for number, (_, query) in enumerate(queries())
    ]
    asked = tmp_path / "queries.yml"
    asked.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": entries}]}))
    assert f"{len(entries)} rules found" in promtool("check", "rules", str(asked))


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed: Debian's prometheus-alertmanager")
def test_amtool_takes_the_configuration_of_alertmanager(tmp_path: Path) -> None:
    """The oldest one with `url_file` is 0.26; Debian 12 has 0.25, which is given the address instead."""
    text = (PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")
    (tmp_path / "alertmanager.yml").write_text(text.replace("url_file: /etc/alertmanager/webhook", "url: http://x/"))
    done = subprocess.run(
        ["amtool", "check-config", str(tmp_path / "alertmanager.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_the_burn_rates_alert_when_they_should(tmp_path: Path) -> None:
    cases = CHECKOUT / "tests" / "graph" / "burn_rate_cases.yaml"
    text = cases.read_text(encoding="utf-8").replace("RULES", str(PROMETHEUS))
    (tmp_path / "cases.yaml").write_text(text)
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "cases.yaml"))
