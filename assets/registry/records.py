"""What is recorded of a model version, gathered for its documents.

Belongs here: reading registry, bundle, rollout state, audit log, the tables of outcomes and monitors, and the product's
declaration into named records. Does not belong here: what documents say (`assets.governance.documents`), the inventory
(`inventory.py`).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from assets.bundle.bundle import BundleParts
from assets.bundle.registration import Approval, Registration
from assets.governance.documents.records import Record
from assets.product import Product
from assets.product.names import (
    BATCH_PERFORMANCE,
    CONSISTENCY,
    DRIFT,
    ESTIMATED_PERFORMANCE,
    KPIS,
    PERFORMANCE,
    RETRAINING,
    table_name,
)
from assets.registry.standing import next_review, role_of, standing_objection
from assets.rollout.keeper import Keeper
from assets.rollout.permits import answers_on
from resources.code_version import code_version
from resources.environments import CHECKOUT
from resources.lake import Lake

_OUTCOMES = (PERFORMANCE, BATCH_PERFORMANCE)
_MONITORS = (DRIFT, ESTIMATED_PERFORMANCE, KPIS, CONSISTENCY, RETRAINING)
_VERSION_COLUMN = "model_version"
_ROWS, _MOVES, _ENTRIES = 12, 20, 40
_LOCK = CHECKOUT / "infra" / "requirements-runtime.lock"
_PACKAGE = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s\\;]+)")
_TOLD = ("bentoml", "dagster", "deltalake", "fairlearn", "great-expectations", "mlflow", "numpy", "onnxruntime",
         "optuna", "pyarrow", "pyspark", "scikit-learn", "shap", "xgboost")  # fmt: skip


@dataclass(frozen=True)
class VersionRecords:
    """The records of a version.

    Attributes:
        now: The moment at which approvals are judged.
    """

    product: Product
    version: str
    keeper: Keeper
    lake: Lake
    now: datetime

    @cached_property
    def registration(self) -> Registration:
        """The version's own record.

        Raises:
            TrackingError, RegistrationError: There is no such version, or it has no readable record.
        """
        return Registration.from_tags(self._tags)

    @cached_property
    def parts(self) -> BundleParts:
        """The parts of the published bundle, verified; published again from the registry if it is damaged."""
        release = self.keeper.release(self.product.name, self.version)
        return self.keeper.published(self.product.name, release)[0].parts

    @cached_property
    def answers(self) -> tuple[Approval, ...]:
        """Every answer on the version, the oldest first."""
        return answers_on(self.keeper.audit, self.product.name, self.version, self._tags)

    @cached_property
    def read(self) -> Mapping[str, Record]:
        """All records, by the keys under which documents name them. What was not recorded is left out."""
        name, version = self.product.name, self.version
        found = {
            "product": Record(f"the declaration of {name}, code {code_version()}", declared(self.product)),
            "registration": Record(
                f"tags of {name} version {version} in MLflow",
                {"version": version, **json_values(asdict(self.registration))},
            ),
            "bundle": Record(f"bundle of version {version}, digest {self.registration.digest}", self._bundle()),
            "answers": Record(f"answers on version {version}, in MLflow and in the audit log", self._answers()),
            "rollout": self._rollout(),
            "audit": self._audit(),
            "outcomes": self._tables(_OUTCOMES, "realised figures"),
            "monitors": self._tables(_MONITORS, "figures of the monitors"),
            "software": software(),
        }
        return {key: record for key, record in found.items() if record is not None}

    @cached_property
    def _tags(self) -> Mapping[str, str]:
        return self.keeper.tracking.version(self.product.name, self.version).tags

    def _bundle(self) -> dict[str, Any]:
        parts, features = self.parts, self.parts.kernel.features
        units = features.units()
        gates = parts.metrics.get("gates", {}).get("results", ())
        return json_values(
            {
                "version": parts.version, "created_at": parts.created_at, "digest": self.registration.digest,
                "feature_set": features.digest, "metrics": parts.metrics, "pins": parts.pins,
                "policy": asdict(parts.policy), "gates": {str(gate["name"]): gate for gate in gates},
                "features": {name: f"{features.describe(name)} ({units[name]})" for name in features.names},
                "rules": {rule.id: f"{rule.mode} from {rule.valid_from} until {rule.valid_until or 'further notice'}: "
                          f"{rule.when.words}; {rule.reason}" for rule in parts.rules},
            }
        )  # fmt: skip

    def _answers(self) -> dict[str, Any]:
        author = self.registration.author
        given = {str(number): asdict(one) for number, one in enumerate(self.answers, start=1)}
        why = standing_objection(self.product, self.version, author, self.answers, share=1.0, now=self.now)
        review = next_review(self.product, self.registration, self.answers)
        return json_values({"given": given, "objection": why, "next_review": review})

    def _rollout(self) -> Record | None:
        state = self.keeper.state(self.product.name)
        if state is None:
            return None
        role, share = role_of(state, self.version)
        moves = {str(one.generation): asdict(one) for one in state.moves[-_MOVES:]}
        data = {
            "role": role, "share": share, "champion": state.champion.version, "stage": state.stage, "hold": state.hold,
            "generation": state.generation,
            "moves": {number: {**move, "details": ""} for number, move in moves.items()},
        }  # fmt: skip
        return Record(f"rollout state of {self.product.name}, generation {state.generation}", json_values(data))

    def _audit(self) -> Record | None:
        log = self.keeper.audit
        entries = [one for one in log.entries(last="skipped") if one.product == self.product.name]
        mine = [one for one in entries if one.version in (self.version, "")][-_ENTRIES:]
        if not mine:
            return None
        told = {
            str(one.number): {"at": one.at, "who": one.actor, "action": one.action, "why": one.reason} for one in mine
        }
        head = log.head()
        return Record(f"the audit log up to the entry {head[:12]}", json_values({"entries": told, "head": head}))

    def _tables(self, names: Sequence[str], what: str) -> Record | None:
        """The newest day's rows of tables of the lake, of this version where they say of which they are."""
        rows, read = {}, []
        for name in names:
            table = table_name(self.product.name, name)
            if not self.lake.exists(table) or not self.lake.days(table):
                continue
            day, version = max(self.lake.days(table)), self.lake.version(table)
            newest = self.lake.read(table, days=[day], version=version)
            if _VERSION_COLUMN in newest.column_names:
                newest = newest.filter(pc.equal(newest[_VERSION_COLUMN], self.version))
            for number, row in enumerate(newest.slice(0, _ROWS).to_pylist(), start=1):
                rows[f"{name} {number}"] = {key: value for key, value in row.items() if value is not None}
            read.append(f"{table} of {day} at version {version}")
        return Record(f"{what}: {'; '.join(read)}", {"rows": json_values(rows)}) if rows else None


def declared(product: Product) -> dict[str, Any]:
    """A product's declaration, as far as documents print it."""
    terms, governance = product.terms, product.governance
    risk: dict[str, Any] = {
        "tier": terms.tier, "approvers": terms.sign_off.approvers, "roles": list(terms.sign_off.roles),
        "approvals_hold_days": None if terms.holds is None else terms.holds / timedelta(days=1),
    }  # fmt: skip
    if governance is not None:
        risk |= {
            "materiality": governance.materiality, "exposure": governance.exposure, "purpose": governance.purpose,
            "inherent_risk": governance.inherent_risk, "people": dict(governance.people),
        }  # fmt: skip
    decision, label = product.decision, product.label
    return json_values(
        {
            "title": product.title, "question": product.question, "owner": product.owner, "impact": product.impact,
            "risk": risk,
            "statements": {} if governance is None else asdict(governance.statements),
            "label": {"meaning": label.meaning, "maturity_days": label.maturity / timedelta(days=1)},
            "decision": {
                "accept": decision.accept, "refuse": decision.refuse, "refer": decision.refer,
                "fallback": decision.fallback, "exploration": decision.exploration, "profit": asdict(decision.profit),
            },
            "model": asdict(product.model), "gates": asdict(product.gates), "monitoring": asdict(product.monitoring),
            "retraining": asdict(product.retraining), "rollout": product.rollout.to_record(),
            "protected": [asdict(one) for one in product.protected],
            "sources": [{"name": one.name, "kind": type(one).__name__} for one in product.sources],
        }
    )  # fmt: skip


def software() -> Record | None:
    """The main packages of the runtime lock; `None` where the code has no lock beside it."""
    if not _LOCK.is_file():
        return None
    data = _LOCK.read_bytes()
    matches = [_PACKAGE.match(line) for line in data.decode().splitlines()]
    found = {match[1]: match[2] for match in matches if match}
    packages = {name: found[name] for name in _TOLD if name in found}
    digest = hashlib.sha256(data).hexdigest()
    return Record(f"{Path(*_LOCK.parts[-2:])}, SHA-256 {digest}", {"packages": packages})


def json_values(value: Any) -> Any:
    """A value as JSON has it: moments as text, spans in seconds."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
