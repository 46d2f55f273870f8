"""Declined decisions of the live service: every reason is proved, every counterfactual is accepted.

Everyday a few declined decisions of a sample product. The campaign takes a thousand of each product of a home in which
`loopline demo` (and `loopline run card_fraud`) ran, which `LOOPLINE_CAMPAIGN_HOME` names; without one a thousand of the
sample product.
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.released import champion_bundle
from assets.product import Product, Words
from assets.training.candidate import labelled_rows
from pipelines.operations.traffic.rows import requests_of, rows_to_send
from pipelines.products import load_product
from resources.environments import load_environment
from resources.keys import Keys
from resources.lake import Lake
from tests.campaigns.declined import Bench, Declined, exported, judged
from tests.support.models.explained import RECOURSE, explained_parts, requests
from tests.support.models.serving_samples import NOW
from tests.support.models.serving_samples import PRODUCT as SAMPLE
from tests.support.servers.serving_process import Service, Workspace

CAMPAIGN = os.environ.get("LOOPLINE_CAMPAIGN") == "1"
HOME = os.environ.get("LOOPLINE_CAMPAIGN_HOME") if CAMPAIGN else None
DECLINED = 1_000 if CAMPAIGN else 40
_AFTER_THE_HISTORY = datetime(2026, 10, 1, tzinfo=UTC)
_NOT_SERVED = shutil.ignore_patterns("bank", "dagster", "lake", "mlflow", "spark", "services")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if CAMPAIGN else 300)]


def served_products() -> list[str]:
    """The products of the campaign's home, or the sample product."""
    if HOME is None:
        return [SAMPLE]
    return sorted(one.name for one in (Path(HOME) / "rollout").iterdir() if (one / "manifest.json").is_file())


def workspace_of(folder: Path) -> Workspace:
    """A home with the products, whose clock stands."""
    now = NOW if HOME is None else _AFTER_THE_HISTORY
    if HOME is not None:
        shutil.copytree(HOME, folder / "home", ignore=_NOT_SERVED)
    workspace = Workspace(folder / "home")
    if HOME is None:
        workspace.roll_out(workspace.publish(explained_parts()))
    clock = folder / "clock"
    clock.write_text(now.isoformat(), encoding="ascii")
    workspace.variables["LOOPLINE_CLOCK"] = str(clock)
    return workspace


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    workspace = workspace_of(tmp_path_factory.mktemp("declined"))
    with Service(workspace) as service:
        service.wait_until_ready()
        yield service


@pytest.fixture(scope="module", params=served_products())
def bench(request: pytest.FixtureRequest, live: Service, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    name, workspace = request.param, live.workspace
    key = Keys.of(workspace.environment.home).signing
    bundle = champion_bundle(name, workspace.rollout, key)
    assert bundle is not None
    model = exported(bundle, tmp_path_factory.mktemp("exported") / name, key)
    if HOME is None:
        words = {feature: _words(of) for feature, of in bundle.policy.reasons.items()}
        return Bench(live, name, bundle, words, RECOURSE, requests(), model)
    product = load_product(name)
    fields = {one["product"]: one for one in json.loads(live.get("/products")[1])["products"]}[name]["request"][
        "fields"
    ]
    lake = Lake(load_environment({"LOOPLINE_HOME": HOME}).lake)
    drawn = requests_of(rows_to_send(lake, product, fields), seed=7, again=True)
    made_up = (_as_new(row, product, number) for number, row in enumerate(drawn, start=10**9))
    return Bench(live, name, bundle, product.decision.reasons, product.recourse, made_up, model)


def _as_new(row: dict[str, Any], product: Product, number: int) -> dict[str, Any]:
    """The row as another one: without its id, or with the next number where ids order the rows."""
    row_id = product.spine.row_id
    unnamed = {key: value for key, value in row.items() if key != row_id}
    return unnamed if product.spine.sequence is None else {**unnamed, row_id: number}


def _words(of: Any) -> str | Words:
    return of if isinstance(of, str) else Words(high=of.high, low=of.low)


@pytest.fixture(scope="module")
def declined(bench: Bench) -> list[Declined]:
    return bench.declined(DECLINED)


def test_every_reason_is_proved_and_every_counterfactual_is_accepted(bench: Bench, declined: list[Declined]) -> None:
    found = judged(bench, declined)
    print(f"\n{bench.product}: {json.dumps(found.to_dict())}")
    assert found.faults == []
    assert found.decisions == DECLINED
    assert found.reasons > DECLINED
    if bench.recourse is not None:
        assert found.counterfactuals > 0


def test_ids_and_times_are_those_of_the_service(bench: Bench, declined: list[Declined]) -> None:
    ids = {one.answer["decision_id"] for one in declined}
    rows = {one.told["decision"]["row_id"] for one in declined}
    times = {one.told["decision"]["as_of"] for one in declined}
    assert len(ids) == len(rows) == DECLINED
    assert {datetime.fromisoformat(time) for time in times} == {NOW if HOME is None else _AFTER_THE_HISTORY}


def test_a_judge_that_is_deceived_says_so(bench: Bench, declined: list[Declined]) -> None:
    """Each lie about a decision is a fault: the judge can fail."""
    one = next(one for one in declined if _proved(one))
    told = json.loads(json.dumps(one.answer["reasons"]))
    first = next(n for n, reason in enumerate(told) if reason.get("score_if_usual") is not None)
    lies: list[Declined] = []
    for change in ({"score_if_usual": one.answer["score"]}, {"text": "You did nothing wrong"}):
        lies.append(replace(one, answer={**one.answer, "reasons": [*told[:first], {**told[first], **change}]}))
    lies.append(replace(one, answer={**one.answer, "reasons": []}))
    if bench.recourse is not None:
        lies.append(replace(one, told={**one.told, "recourse": None, "recourse_remark": "none"}))
        with_one = next(each for each in declined if (each.told["recourse"] or {}).get("counterfactual"))
        lies.append(_moved(with_one))
    for lie in lies:
        assert judged(bench, [lie]).faults, lie


def _proved(one: Declined) -> bool:
    return any(reason.get("score_if_usual") is not None for reason in one.answer["reasons"])


def _moved(one: Declined) -> Declined:
    """A counterfactual that changes nothing."""
    recourse = json.loads(json.dumps(one.told["recourse"]))
    for change in recourse["counterfactual"]["changes"]:
        change["to"] = change["from"]
    return replace(one, told={**one.told, "recourse": recourse})


@pytest.mark.skipif(HOME is None, reason="a bundle that was trained; the sample product's usual values are invented")
def test_usual_values_are_those_of_the_accepted_training_rows(bench: Bench) -> None:
    """Counted anew: the training rows whose score, by the runner, is accepted; medians and most frequent values."""
    product, accepted = load_product(bench.product), accepted_rows(bench, load_product(bench.product))
    encoder = bench.bundle.parts.encoder
    assert accepted.num_rows > 100
    for name in encoder.features:
        values = accepted[name].drop_null()
        if name not in encoder.categories:
            numbers = values.to_numpy().astype(np.float32)
            assert bench.usual(name) == (float(np.median(numbers[~np.isnan(numbers)])) if len(numbers) else None), name
        elif product.features.categories.get(name) and len(values):
            counts = {one["values"]: one["counts"] for one in values.value_counts().to_pylist()}
            assert counts[bench.usual(name)] == max(counts.values()), name


def accepted_rows(bench: Bench, product: Product) -> pa.Table:
    """The training rows that the bundle accepts."""
    assert HOME is not None
    pins = bench.bundle.parts.pins
    lake = Lake(load_environment({"LOOPLINE_HOME": HOME}).lake)
    table = lake.read(f"{product.name}/training_set", version=pins["version"])
    rows, split, _ = labelled_rows(product, table)
    trained = set(rows.take(split.train).row_ids.tolist())
    kept = table.filter(pa.array([one in trained for one in table[product.spine.row_id].to_pylist()]))
    records = kept.select(bench.bundle.parts.encoder.features).to_pylist()
    whole = [{name: _json(value) for name, value in row.items()} for row in records]
    scores = bench.model.scores(whole)[0]
    return kept.filter(pa.array(scores < bench.bundle.policy.refer_from))


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
