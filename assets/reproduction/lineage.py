"""The way from one decision back to its data: answer, rollout, bundle, training set, tables, code, approvals.

Belongs here: building the tree from what is recorded; nothing is inferred, and what is not recorded is not there. Does
not belong here: finding the records (`pipelines.operations.decisions.trace`), the forms of a tree (`tree.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assets.bundle.bundle import Bundle
from assets.bundle.registration import Approval, Registration
from assets.governance.audit_entries import AuditEntry
from assets.product.names import TRAINING_SET, table_name
from assets.reproduction.tree import Node
from assets.serving.decision import Decision
from resources.lake import Lake, LakeError
from resources.lake.origins import source_origins, versions_read


@dataclass(frozen=True)
class Records:
    """What is recorded of a decision beside itself.

    Attributes:
        bundle: The verified bundle that decided.
        registration: The record of its version in the registry.
        answers: People's approvals and rejections of the version, the oldest first.
        actions: The entries of the audit log about the version, the oldest first.
    """

    bundle: Bundle
    registration: Registration
    answers: tuple[Approval, ...]
    actions: tuple[AuditEntry, ...]


def lineage_of(decision: Decision, records: Records, lake: Lake) -> Node:
    """The tree of a decision."""
    return Node(
        "decision",
        f"decision {decision.id} of {decision.product}",
        {
            "outcome": decision.outcome, "score": decision.score, "row": decision.row_id,
            "as of": decision.as_of.isoformat(), "decided at": decision.decided_at.isoformat(),
            "threshold": decision.threshold, "refer from": decision.refer_threshold, "rules": list(decision.rules),
            "explored": decision.explored, "fallback": decision.fallback, "problem": decision.problem,
            "reasons": [reason.text for reason in decision.reasons], "online store": decision.store_version,
            "shadow of": decision.shadow_of, "void": decision.void, "erased": decision.erased,
        },
        (_rollout(decision, records.actions), _bundle(decision, records, lake)),
    )  # fmt: skip


def _rollout(decision: Decision, actions: Sequence[AuditEntry]) -> Node:
    """The arm that decided, and what was done with the version up to then."""
    before = [entry for entry in actions if entry.at <= decision.decided_at]
    return Node(
        "rollout",
        f"{decision.role} with a share of {decision.share:.0%}",
        {"rollout": decision.rollout or None, "role": decision.role, "share": decision.share},
        tuple(_action(entry) for entry in before),
    )


def _action(entry: AuditEntry) -> Node:
    told = {"by": entry.actor, "reason": entry.reason, "at": entry.at.isoformat(), "entry": entry.number}
    return Node("action", f"{entry.action} of version {entry.version}", {**told, "hash": entry.hash})


def _bundle(decision: Decision, records: Records, lake: Lake) -> Node:
    bundle, record = records.bundle, records.registration
    parts = bundle.parts
    return Node(
        "bundle",
        f"version {bundle.version}, trained {parts.created_at:%Y-%m-%d %H:%M} UTC",
        {"digest": bundle.digest, "bytes": bundle.size, "author": record.author, "Dagster run": record.dagster_run,
         "MLflow run": parts.pins.get("mlflow_run")},
        (_training_set(bundle, lake), _features(decision, bundle), _code(record), _configuration(bundle),
         _gates(record), _approvals(records.answers)),
    )  # fmt: skip


def _training_set(bundle: Bundle, lake: Lake) -> Node:
    pins = bundle.parts.pins
    table, version = table_name(bundle.product, TRAINING_SET), int(pins["version"])
    seen: set[tuple[str, int]] = set()
    is_here = lake.exists(table) and pins.get("table", lake.identity(table)) == lake.identity(table)
    gone = {"readable": "it is a table of another environment, or was made again since"}
    return Node(
        "training set",
        f"{table} at version {version}",
        {"table": table, "version": version, "rows": pins.get("rows"), "as known at": pins["as_known_at"],
         "provenance": pins.get("provenance"), "pins": pins["pins"],
         **(_readable(lake, table, version) if is_here else gone)},
        tuple(_table(lake, name, int(of), seen) for name, of in pins["pins"].items() if is_here),
    )  # fmt: skip


def _table(lake: Lake, table: str, version: int, seen: set[tuple[str, int]]) -> Node:
    """A version of a table, and the versions of others that its content was made from; of each the newest further on.

    Args:
        seen: The versions that are in the tree already; their own origin is not repeated.
    """
    title, known = f"{table} at version {version}", (table, version) in seen
    seen.add((table, version))
    facts = {"table": table, "version": version}
    if known or not lake.exists(table):
        why = {"see": "above"} if known else {"readable": f"there is no table {table} any more"}
        return Node("table", title, facts | why)
    commit = next((one for one in lake.history(table) if one["version"] == version), {})
    read = versions_read(lake, table, version)
    facts |= {**_commit(commit), **_readable(lake, table, version), **_sources(lake, table)}
    facts |= {f"read of {other}": _versions(of) for other, of in read.items()}
    return Node("table", title, facts, tuple(_table(lake, other, of[-1], seen) for other, of in read.items()))


def _commit(commit: Mapping[str, Any]) -> dict[str, Any]:
    """What the commit of a version recorded; nothing where it is no longer in the log."""
    made = commit.get("timestamp")
    at = None if made is None else datetime.fromtimestamp(int(made) / 1000, UTC).isoformat()
    return {"committed at": at, "run": commit.get("run_id"), "feature set": commit.get("feature_set")}


def _readable(lake: Lake, table: str, version: int) -> dict[str, Any]:
    """Whether the version's files are there: one that was vacuumed is a fact of the trace."""
    try:
        lake.paths(table, version=version)
        return {"rows of its files": sum(file.rows for file in lake.files(table, version=version))}
    except LakeError as error:
        return {"readable": str(error)}


def _sources(lake: Lake, table: str) -> dict[str, Any]:
    """For a raw table, how many of its days have which kind of origin outside of the lake."""
    origins = source_origins(lake, table)
    if not origins:
        return {}
    newest = max(origins, key=str)
    return {"days with a recorded origin": len(origins), f"origin of {newest}": dict(origins[newest])}


def _versions(versions: Sequence[int]) -> str:
    return str(versions[0]) if len(versions) == 1 else f"{len(versions)} versions, {versions[0]} to {versions[-1]}"


def _features(decision: Decision, bundle: Bundle) -> Node:
    """The definitions of the bundle, each with its value in this decision."""
    features = bundle.parts.kernel.features
    return Node(
        "features",
        f"{len(features.names)} feature definitions",
        {"digest": features.digest},
        tuple(
            Node(
                "feature",
                f"{name} = {decision.features[name]}" if name in decision.features else name,
                {"definition": features.define(name), "description": features.describe(name),
                 "owner": features.owner_of(name), "value": decision.features.get(name)},
            )
            for name in features.names
        ),
    )  # fmt: skip


def _code(record: Registration) -> Node:
    return Node("code", f"code {record.code}", {"version": record.code, "feature set": record.features})


def _configuration(bundle: Bundle) -> Node:
    policy, recipe = bundle.policy, bundle.parts.pins.get("recipe", {})
    facts = {
        "threshold": policy.threshold, "refer from": policy.refer_threshold, "accept": policy.accept,
        "refuse": policy.refuse, "refer": policy.refer, "fallback": policy.fallback, "exploration": policy.exploration,
        "most age of events, s": policy.max_age_seconds, "rules": [rule.id for rule in bundle.parts.rules],
        "environment": recipe.get("environment"), "Python": recipe.get("python"), "processor": recipe.get("machine"),
        "libraries": recipe.get("libraries"),
    }  # fmt: skip
    return Node("configuration", "configuration", facts | dict(recipe.get("declared", {})))


def _gates(record: Registration) -> Node:
    facts = {"verdict": record.gates, "reasons": list(record.gate_reasons), **record.metrics}
    return Node("gates", f"gates: {record.gates}", facts | {"compared with": record.compared_with or None})


def _approvals(answers: Sequence[Approval]) -> Node:
    def nodes() -> Iterator[Node]:
        for one in answers:
            told = {"by": one.by, "reason": one.reason, "at": one.at.isoformat(), "overturns": one.overturns or None}
            yield Node("answer", f"{one.answer} by {one.by}", told)

    return Node("approvals", f"{len(answers)} answers of people", {}, tuple(nodes()))
