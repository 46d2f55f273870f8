"""The Data Docs of Great Expectations: a page of rules and of results for each contract.

Belongs here: building the pages from the newest day of each source. Does not belong here: judging days (`audit.py`),
which rows are refused (`loopline quarantine`).

The pages hold counts and figures, never the values of rows; of an expectation on a personal column they hold the rule.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.product import Contract
from assets.product.contracts.expectations import columns_of
from assets.validation.rules.expectations import great_expectations, nullable
from assets.validation.rules.typing import typed

_NO_VALUES = {"result_format": "BASIC", "partial_unexpected_count": 0}


def build_data_docs(contracts: Mapping[str, Contract], newest: Mapping[str, pa.Table], folder: Path) -> Path:
    """Builds the pages of a product's contracts and returns the first page.

    Args:
        contracts: By source name.
        newest: For each source whose results are shown, the raw rows of its newest day.
        folder: It is replaced.
    """
    gx = great_expectations()
    work = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    context = gx.get_context(mode="file", project_root_dir=str(work))
    context.variables.progress_bars = {"globally": False}
    for name, contract in contracts.items():
        suite = context.suites.add(_suite(gx, name, contract.expectations))
        if name in newest and newest[name].num_rows:
            _add_results(gx, context, contract, newest[name], suite)
    context.build_data_docs()
    pages = work / "gx" / "uncommitted" / "data_docs" / "local_site"
    shutil.rmtree(folder, ignore_errors=True)
    pages.rename(folder)
    shutil.rmtree(work)
    return folder / "index.html"


def docs_folder(home: Path, product: str) -> Path:
    """The folder of a product's pages; `index.html` is the first."""
    return home / "data_docs" / product


def _suite(gx: Any, name: str, rules: Sequence[Mapping[str, Any]]) -> Any:
    given = [{"type": rule["type"], "kwargs": dict(rule["kwargs"])} for rule in rules]
    return gx.ExpectationSuite(name=name, expectations=given)


def _add_results(gx: Any, context: Any, contract: Contract, raw: pa.Table, suite: Any) -> None:
    """Validates a day under the contract's expectations on columns that are not personal."""
    personal = {column.name for column in contract.columns if column.personal}
    rules = [e for e in contract.expectations if not personal & set(columns_of(e))]
    if not rules:
        return
    if len(rules) < len(contract.expectations):
        suite = context.suites.add(_suite(gx, f"{contract.source}_not_personal", rules))
    frame = pa.table({column.name: typed(column, raw[column.name]).values for column in contract.columns})
    asset = context.data_sources.add_pandas(contract.source).add_dataframe_asset(contract.source)
    definition = gx.ValidationDefinition(
        name=contract.source, data=asset.add_batch_definition_whole_dataframe("newest day"), suite=suite
    )
    checkpoint = gx.Checkpoint(
        name=contract.source, validation_definitions=[context.validation_definitions.add(definition)],
        result_format=_NO_VALUES,
    )  # fmt: skip
    context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": nullable(frame)})
