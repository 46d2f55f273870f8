"""Shared features over two products: the same numbers, one search, and what a change touches."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

import pipelines
from assets.features.kernel.kernel import compile_features
from assets.product import Product
from assets.registry.checks import shared_features_check
from assets.vocabulary import FeatureSet, days
from pipelines import products
from pipelines.operations.check_product import shared_results
from pipelines.operations.data.shared_features import search_features, shared_groups, shared_use
from pipelines.products import BrokenProduct, load_product
from pipelines.shared.card import SPENDING, transactions
from resources.environments import Environment, load_environment
from resources.keys import Keys
from resources.rollout_store.store import RolloutStore
from tests.support.data.card_samples import history
from tests.support.models.champions import crown

OTHER = "card_limits"


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    """A second product on cards, which has the shared group behind features of its own."""
    folder, example = tmp_path / "products", Path(pipelines.__file__).parent / "card_fraud"
    for name, source in ((OTHER, "card_fraud"), ("card_fraud", "card_fraud"), ("shared", "shared")):
        shutil.copytree(example.parent / source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / OTHER).glob("*.py"):
        text = (
            file.read_text().replace("pipelines.card_fraud", f"pipelines.{OTHER}").replace("        *SPENDING,\n", "")
        )
        text = text.replace('name="card_fraud"', f'name="{OTHER}"').replace('owner="fraud-modelling"', 'owner="limits"')
        file.write_text(text.replace("empty=0),\n    ),", _BEHIND))
    monkeypatch.setattr(pipelines, "__path__", [*pipelines.__path__, str(folder)])
    monkeypatch.setattr(products, "PRODUCTS", folder)
    yield load_product(OTHER)
    for name in [name for name in sys.modules if name.startswith(f"pipelines.{OTHER}")]:
        del sys.modules[name]


_BEHIND = "empty=0),\n        *SPENDING,\n    ),"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return load_environment({"LOOPLINE_HOME": str(tmp_path / "home")})


def with_weekly_count(product: Product, days_: int) -> Product:
    """The product with another window of a shared feature."""
    changed = replace(SPENDING, features=tuple(
        replace(one, group="", window=days(days_)) if one.name == "card_count_7d" else replace(one, group="")
        for one in SPENDING
    ))  # fmt: skip
    own = tuple(one for one in product.features.history if one.group != SPENDING.name)
    return replace(product, features=replace(product.features, history=(*own, *changed)))


def test_the_numbers_are_the_same_in_each_product(other: Product) -> None:
    rows, labels = history()
    spine = rows.append_column("as_of", rows["event_time"])
    events = {"card_transactions": rows, "fraud_labels": labels}
    one, two = (
        compile_features(product.features, product.resolutions).compute(events, spine)
        for product in (load_product("card_fraud"), other)
    )
    names = [feature.name for feature in SPENDING]
    assert len(names) == 6
    assert one.column_names.index(names[0]) != two.column_names.index(names[0]), "the products are not the same"
    assert one.select(names) == two.select(names)
    assert {other.features.owner_of(name) for name in names} == {"fraud-modelling"}
    assert other.features.owner_of("terminal_count_1d") == "limits"


def test_sharing_changes_no_name_order_or_computation() -> None:
    product = load_product("card_fraud")
    own = FeatureSet(
        owner="fraud-modelling",
        request=product.features.request,
        history=tuple(replace(feature, group="", owner="") for feature in product.features.history),
        derived=product.features.derived,
    )
    assert own.computation == product.features.computation
    assert product.features.names[:3] == ("amount", "card_count_1d", "card_mean_amount_1d")


def test_a_search_names_products_and_live_bundles(other: Product, environment: Environment, tmp_path: Path) -> None:
    crown(load_product("card_fraud"), environment, tmp_path, version="3")
    crown(with_weekly_count(other, 14), environment, tmp_path, version="5")
    found = {one.name: one for one in search_features("CARD_count", environment).features}
    assert list(found) == ["card_count_1d", "card_count_30d", "card_count_7d"]
    week, day = found["card_count_7d"], found["card_count_1d"]
    assert (week.file, week.group, week.owner) == ("shared/card.py: SPENDING", "card_spending", "fraud-modelling")
    assert week.products == day.products == ("card_fraud", OTHER)
    assert week.bundles == ("card_fraud 3 (champion)",), "the other bundle counts 14 days"
    assert day.bundles == ("card_fraud 3 (champion)", f"{OTHER} 5 (champion)")
    (own,) = [one for one in search_features("saturday", environment).features if one.products == (OTHER,)]
    assert (own.file, own.bundles) == (f"{OTHER}/features.py", (f"{OTHER} 5 (champion)",))


def test_a_change_names_the_products_and_live_bundles_that_it_touches(
    other: Product, environment: Environment, tmp_path: Path
) -> None:
    fraud = load_product("card_fraud")
    crown(fraud, environment, tmp_path, version="3")
    assert [result.state for result in shared_results(shared_use(other, environment))] == ["passed"] * 2
    crown(with_weekly_count(fraud, 14), environment, tmp_path, version="4")
    crown(with_weekly_count(other, 14), environment, tmp_path, version="5")
    result, untouched = shared_results(shared_use(other, environment))
    assert (untouched.name, untouched.state) == ("shared card_usual_amounts", "passed")
    assert (result.name, result.state) == ("shared card_spending", "changed")
    assert result.detail == (
        f"used by card_fraud, {OTHER}; card_count_7d of card_spending is changed from 'Number of card transactions in "
        "the 14 days up to the decision, the request included' to 'Number of card transactions in the 7 days up to the "
        f"decision, the request included': touches card_fraud 4 (champion), {OTHER} 5 (champion)"
    )


def test_what_could_not_be_read_is_told(other: Product, environment: Environment, tmp_path: Path) -> None:
    """A damaged bundle, or a product whose description is wrong, may be touched too."""
    crown(other, environment, tmp_path, version="5")
    (tmp_path / f"home/rollout/{OTHER}/bundles/5/bundle.json").write_bytes(b"{}")
    file = products.PRODUCTS / OTHER / "product.py"
    found = shared_results(shared_use(load_product("card_fraud"), environment))
    assert [result.state for result in found] == ["passed"] * 2 + ["not judged"]
    assert "loopline repair" in found[-1].detail
    assert list(search_features("card_count", environment).unread) == [OTHER]
    # Of another size: Python takes what it compiled of a file of the same size and second.
    file.write_text(file.read_text().replace("PRODUCT = ", "OTHER_PRODUCT = "))
    del sys.modules[f"pipelines.{OTHER}.product"]
    report = search_features("card_count", environment)
    assert "has no PRODUCT" in report.broken[OTHER]
    assert {one.products for one in report.features} == {("card_fraud",)}


def test_the_check_in_dagster_says_the_same(environment: Environment, tmp_path: Path) -> None:
    fraud = load_product("card_fraud")
    check = shared_features_check(fraud)
    assert check is not None
    assert shared_features_check(load_product("credit_risk")) is None

    def evaluated() -> dg.AssetCheckEvaluation:
        rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
        resources = {"rollout": rollout, "keys": Keys.of(environment.home)}
        with dg.DagsterInstance.ephemeral() as instance:
            job = dg.Definitions(asset_checks=[check], resources=resources).resolve_implicit_global_asset_job_def()
            (found,) = job.execute_in_process(instance=instance).get_asset_check_evaluations()
        return found

    crown(fraud, environment, tmp_path, version="3")
    assert evaluated().passed
    crown(with_weekly_count(fraud, 14), environment, tmp_path, version="4")
    found = evaluated()
    assert (found.passed, found.metadata["bundles"].value) == (False, ["card_fraud 4 (champion)"])
    (tmp_path / "home/rollout/card_fraud/bundles/4/bundle.json").write_bytes(b"{}")
    found = evaluated()
    assert not found.passed
    assert "card_fraud" in str(found.description), "a damaged bundle is told, not skipped"


def test_a_shared_module_that_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pipelines.shared as shared

    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "shop.py").write_text("VISITS = FeatureGroup()\n")
    monkeypatch.setattr(shared, "__path__", [str(folder)])
    monkeypatch.setattr(products, "PRODUCTS", tmp_path)
    with pytest.raises(BrokenProduct, match=r"shared/shop.py, line 1: name 'FeatureGroup' is not defined; correct"):
        shared_groups()


def test_two_groups_may_not_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import pipelines.shared.card as card

    assert list(shared_groups()) == ["shared/card.py: SPENDING", "shared/card.py: USUAL_AMOUNTS"]
    again = replace(SPENDING, name="again", features=(transactions.count(days(1), name="card_count_1d"),))
    monkeypatch.setattr(card, "AGAIN", again, raising=False)
    with pytest.raises(BrokenProduct, match="AGAIN and .*SPENDING both declare 'card_count_1d'; give one of them"):
        shared_groups()
