"""What MLflow keeps of an evaluation, beside its figures and pictures.

Belongs here: the code, the packages and the configuration by which a candidate was made, its curves, and the way back
to Dagster. Does not belong here: MLflow itself (`resources.tracking`), the figures (`evaluate.py`).
"""

import hashlib
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any, Protocol

from assets.evaluation.gates import GateVerdict
from assets.evaluation.study.study import Study
from assets.product import Product, Target
from resources.tracking.run import TrackedRun

NOTE = "mlflow.note.content"
"""MLflow shows the text of this tag as the description of a run."""
COMMIT = "mlflow.source.git.commit"


class Recorded(Protocol):
    """What is recorded of an evaluated candidate; `assets.evaluation.targets.Appraised` is one."""

    @property
    def verdict(self) -> GateVerdict: ...

    @property
    def report(self) -> Mapping[str, Any]: ...

    @property
    def pictures(self) -> Mapping[str, bytes]: ...

    @property
    def metrics(self) -> Mapping[str, float | None]: ...

    @property
    def curves(self) -> Mapping[str, Any]: ...


def record_evaluation(
    run: TrackedRun,
    product: Product,
    found: Recorded,
    *,
    code: str,
    dagster_run: str,
    dagster_url: str,
) -> None:
    """Records an evaluated candidate in its run: figures, gates, pictures, documents, and what made it.

    Args:
        found: The candidate.
        code, dagster_run, dagster_url: As for `origin_tags`.
    """
    packages, verdict = installed_packages(), found.verdict
    run.metrics(found.metrics)
    run.metrics({f"gate_{gate.name}": gate.value for gate in verdict.results if gate.passed is not None})
    run.plots(found.pictures)
    run.documents({"evaluation": found.report, **documents(product, found.curves, packages)})
    run.tags(origin_tags(code=code, packages=packages, dagster_run=dagster_run, dagster_url=dagster_url))


def origin_tags(*, code: str, packages: Mapping[str, str], dagster_run: str, dagster_url: str) -> dict[str, str]:
    """The tags that say what made a run.

    Args:
        code: Version of the code: a commit, or a wheel's version.
        packages: As `installed_packages` returns them.
        dagster_run: The Dagster run.
        dagster_url: Address of Dagster's pages; empty if it is not known.
    """
    page = f"{dagster_url.rstrip('/')}/runs/{dagster_run}" if dagster_url else ""
    told = f"[{dagster_run}]({page})" if page else f"`{dagster_run}`"
    return {
        COMMIT: code,
        "python": platform.python_version(),
        "packages": packages_digest(packages),
        "dagster_run_url": page or "not known",
        NOTE: f"Made by Dagster run {told}, code `{code}`. The report is `documents/model_report.html`.",
    }


def installed_packages() -> dict[str, str]:
    """The version of each installed package, by name."""
    found = {package.name: package.version for package in metadata.distributions()}
    return dict(sorted(found.items()))


def packages_digest(packages: Mapping[str, str]) -> str:
    """SHA-256 of names and versions: two environments with the same digest have the same packages."""
    text = "\n".join(f"{name}=={version}" for name, version in sorted(packages.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def documents(product: Product, curves: Mapping[str, Any], packages: Mapping[str, str]) -> dict[str, Any]:
    """The documents: the configuration, the curves, the packages."""
    profit = asdict(product.decision.profit)
    return {
        "configuration": {
            "model": asdict(product.model) | {"target": _target_record(product.model.target)},
            "gates": asdict(product.gates),
            "decision": {"profit": profit, "max_refused": product.decision.max_refused},
            "features": list(product.features.names),
        },
        "curves": dict(curves),
        "packages": dict(packages),
    }


def _target_record(target: Target) -> dict[str, Any]:
    """The kind of target with its declarations; a threshold that refuses nobody is no number of JSON."""
    record: dict[str, Any] = {"kind": target.kind, **asdict(target)}
    if record.get("threshold") == math.inf:
        record["threshold"] = "none"
    return record


def study_metrics(study: Study) -> dict[str, float | None]:
    """The figures on the test rows with their intervals, as metrics."""
    found: dict[str, float | None] = {}
    for name, figure in study.figures.items():
        found |= {f"test_{name}": figure.value, f"test_{name}_low": figure.low, f"test_{name}_high": figure.high}
    return found
