"""Running a contract over rows: which are valid, which are quarantined and why, which days may be published.

Belongs here: the order of the rules (malformed, unreadable, missing, mistimed, key that cannot be stored, repeated key,
expectations), the quarantine table, and the verdict on each day. Great Expectations judges the expectations and names
the rows that fail them. Does not belong here: reading contracts, personal data, the lake.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingestion.landing import MALFORMED, ROW_NUMBER
from assets.product import Contract
from assets.validation.entity_keys import refused_keys
from assets.validation.typing import typed
from resources.errors import LooplineError

QUARANTINE_SCHEMA = pa.schema(
    [
        ("row_ref", pa.string()),
        ("rule", pa.string()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("row", pa.string()),
        ("day", pa.date32()),
    ]
)
_HIDDEN = "(personal)"


class ContractCannotRun(LooplineError):
    """An expectation of the contract cannot be evaluated; the message names it."""


@dataclass(frozen=True)
class Failure:
    """The rows, by position, that break one rule on one column."""

    rule: str
    column: str
    rows: np.ndarray


@dataclass(frozen=True)
class DayVerdict:
    """Whether a day may be published: its share of quarantined rows is within the contract's limit.

    Not a `Verdict`: the reason is written for a whole run, from its worst day and the rules that all its days broke.
    """

    day: date
    rows: int
    quarantined: int
    allowed_share: float

    @property
    def share(self) -> float:
        """Quarantined rows over rows; 0 for an empty day."""
        return self.quarantined / self.rows if self.rows else 0.0

    @property
    def blocked(self) -> bool:
        """Whether too many rows failed; then no row of the day is published."""
        return self.share > self.allowed_share


@dataclass(frozen=True)
class Audit:
    """The result of a contract over raw rows.

    Attributes:
        valid: Rows that keep the contract, typed, with `event_time` and `known_at` under these names, and `day`.
        quarantine: One row for each row and rule that it breaks (QUARANTINE_SCHEMA); personal values are hidden.
        failed_by_rule: For each broken rule, how many rows broke it.
    """

    valid: pa.Table
    quarantine: pa.Table
    days: tuple[DayVerdict, ...]
    failed_by_rule: Mapping[str, int]

    @property
    def blocked(self) -> tuple[DayVerdict, ...]:
        """The days that may not be published."""
        return tuple(day for day in self.days if day.blocked)


def audit(contract: Contract, raw: pa.Table, days: Sequence[date]) -> Audit:
    """Runs the contract over the raw rows of the given days.

    Args:
        raw: Columns as `assets.ingestion.landing.RawDay` describes them.

    Raises:
        ContractCannotRun: An expectation could not be evaluated (for example, it names a missing column).
    """
    raw = raw.combine_chunks()
    columns, failures = _typed_columns(contract, raw)
    frame = pa.table({**columns, "day": raw["day"]})
    failures.extend(_mistimed(contract, frame))
    failures.extend(_not_storable(contract, frame))
    suspect = _marked(raw.num_rows, failures)
    failures.extend(_repeated(contract, frame, suspect))
    failures.extend(_failed_expectations(contract, frame, suspect))
    bad = _marked(raw.num_rows, failures)
    return Audit(
        valid=_renamed(contract, frame.filter(pa.array(~bad))),
        quarantine=_quarantine(contract, raw, failures),
        days=_verdicts(contract, raw["day"], bad, days),
        failed_by_rule={f"{f.rule}({f.column})" if f.column else f.rule: len(f.rows) for f in failures},
    )


def _typed_columns(contract: Contract, raw: pa.Table) -> tuple[dict[str, pa.ChunkedArray], list[Failure]]:
    malformed = np.asarray(pc.is_valid(raw[MALFORMED]).to_numpy())
    failures = [Failure("row_is_readable", "", np.flatnonzero(malformed))]
    columns: dict[str, pa.ChunkedArray] = {}
    for column in contract.columns:
        typed_column = typed(column, raw[column.name])
        columns[column.name] = typed_column.values
        failures.append(Failure(f"value_is_{column.type}", column.name, np.flatnonzero(typed_column.unreadable)))
        if column.required:
            absent = np.asarray(pc.is_null(raw[column.name]).to_numpy()) & ~malformed
            failures.append(Failure("value_is_present", column.name, np.flatnonzero(absent)))
    return columns, [failure for failure in failures if len(failure.rows)]


def _repeated(contract: Contract, frame: pa.Table, suspect: np.ndarray) -> list[Failure]:
    """Rows with the key of an earlier row of the same day.

    Where the contract allows corrections, a row of the same key with another known_at is a revision and is valid.
    """
    key = dict.fromkeys([*contract.key, *([contract.known_at] if contract.corrections else ())])
    # Without `integer_object_nulls` a missing key turns integers into floats, and long keys become equal.
    keys = frame.select([*key, "day"]).to_pandas(integer_object_nulls=True)
    repeated = keys.duplicated(keep="first").to_numpy() & ~suspect
    return [Failure("key_is_unique", ",".join(key), np.flatnonzero(repeated))] if repeated.any() else []


def _mistimed(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows with impossible times: known before the event, or on another day than that of their arrival."""
    event_time, known_at = frame[contract.event_time], frame[contract.known_at]
    rules = {
        "known_at_is_not_before_event_time": pc.less(known_at, event_time),
        "known_at_is_on_its_day": pc.not_equal(known_at.cast(pa.date32(), safe=False), frame["day"]),
    }
    failures = [
        Failure(rule, contract.known_at, np.flatnonzero(pc.fill_null(broken, False).to_numpy()))
        for rule, broken in rules.items()
    ]
    return [failure for failure in failures if len(failure.rows)]


def _not_storable(contract: Contract, frame: pa.Table) -> list[Failure]:
    """Rows whose entity key the online store refuses: training would count events that no decision sees."""
    texts = [c.name for c in contract.columns if c.name in contract.entity_keys and c.type == "string"]
    failures = [Failure("key_can_be_stored", name, np.flatnonzero(refused_keys(frame[name]))) for name in texts]
    return [failure for failure in failures if len(failure.rows)]


def _failed_expectations(contract: Contract, frame: pa.Table, suspect: np.ndarray) -> list[Failure]:
    """Rows that fail an expectation, by Great Expectations, among those that broke no rule before."""
    positions = np.flatnonzero(~suspect)
    if not contract.expectations or not len(positions):
        return []
    used = sorted({str(v) for e in contract.expectations for k, v in e["kwargs"].items() if k.startswith("column")})
    unknown = [name for name in used if name not in frame.column_names]
    if unknown:
        raise ContractCannotRun(f"contract {contract.source}: an expectation names {unknown}, not among its columns")
    failures = []
    for result in _expectation_results(contract, frame.select(used).take(positions).to_pandas()):
        config = result.expectation_config
        if not result.success and "unexpected_index_list" not in result.result:
            raise ContractCannotRun(
                f"contract {contract.source}: {config.type} of {_columns(config.kwargs)} cannot be evaluated"
                f"{_why(contract, config.kwargs, result.exception_info)}; fix it in contracts/{contract.file}"
            )
        rows = positions[np.asarray(result.result.get("unexpected_index_list", []), dtype=np.int64)]
        column = config.kwargs.get("column") or config.kwargs.get("column_A") or ""
        if len(rows):
            failures.append(Failure(config.type, column, rows))
    return failures


def _columns(kwargs: Mapping[str, Any]) -> str:
    names = [value for name, value in kwargs.items() if name.startswith("column") and value]
    return ", ".join(str(name) for value in names for name in (value if isinstance(value, list) else [value]))


def _why(contract: Contract, kwargs: Mapping[str, Any], info: Mapping[str, Any]) -> str:
    """The message of the failed evaluation; empty where it could quote a personal value or an entity key."""
    private = {c.name for c in contract.columns if c.personal} | set(contract.entity_keys)
    if private & set(_columns(kwargs).split(", ")):
        return ""
    # One error, or one for each metric.
    infos = [info] if "exception_message" in info else list(info.values())
    messages = dict.fromkeys(str(one["exception_message"]).strip() for one in infos if one.get("exception_message"))
    return f" ({'; '.join(messages)[:300]})" if messages else ""


def _expectation_results(contract: Contract, frame: pd.DataFrame) -> Sequence[Any]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at the first import; no usage data leave the machine
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        # The import below imports PySpark, which takes a process without `__file__` (a run's worker) for its doctests
        # and ends it.
        main.__file__ = __file__
    import great_expectations as gx  # takes half a second: only where a contract runs
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # Without these defaults each context would leave a folder of documentation pages behind.
    settings = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False))
    context = gx.get_context(mode="ephemeral", project_config=settings)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset(contract.source)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    # Each expectation only names its failing rows; their share is judged by day, in `_verdicts`.
    suite = gx.ExpectationSuite(name=contract.source, expectations=[dict(e) for e in contract.expectations])
    return list(batch.validate(suite, result_format="COMPLETE").results)


def _marked(rows: int, failures: Sequence[Failure]) -> np.ndarray:
    marked = np.zeros(rows, dtype=bool)
    for failure in failures:
        marked[failure.rows] = True
    return marked


def _renamed(contract: Contract, frame: pa.Table) -> pa.Table:
    names = {contract.event_time: "event_time", contract.known_at: "known_at"}
    return frame.rename_columns([names.get(name, name) for name in frame.column_names])


def _quarantine(contract: Contract, raw: pa.Table, failures: Sequence[Failure]) -> pa.Table:
    personal = {column.name for column in contract.columns if column.personal}
    if personal:  # an unreadable line may hold personal values
        personal.add(MALFORMED)
    tables = []
    for failure in failures:
        rows = raw.take(failure.rows)
        shown = [
            {k: _HIDDEN if k in personal and v is not None else v for k, v in row.items()} for row in rows.to_pylist()
        ]
        values = [row.get(failure.column, row[MALFORMED]) for row in shown]
        tables.append(
            pa.table(
                {
                    "row_ref": [f"{row['day']}#{row[ROW_NUMBER]}" for row in shown],
                    "rule": [failure.rule] * len(shown),
                    "column": [failure.column] * len(shown),
                    "value": values,
                    "row": [json.dumps({k: row[k] for k in (*contract.names, MALFORMED)}) for row in shown],
                    "day": rows["day"],
                },
                schema=QUARANTINE_SCHEMA,
            )
        )
    return pa.concat_tables(tables) if tables else QUARANTINE_SCHEMA.empty_table()


def _verdicts(
    contract: Contract, day: pa.ChunkedArray, bad: np.ndarray, days: Sequence[date]
) -> tuple[DayVerdict, ...]:
    table = pa.table({"day": day, "bad": pa.array(bad.astype(np.int64))}).group_by("day")
    counts = {
        row["day"]: (row["bad_count"], row["bad_sum"])
        for row in table.aggregate([("bad", "count"), ("bad", "sum")]).to_pylist()
    }
    return tuple(DayVerdict(d, *counts.get(d, (0, 0)), allowed_share=contract.max_quarantined) for d in days)
