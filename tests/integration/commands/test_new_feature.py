"""A feature that is added with one line appears in training, serving, catalogue, drift and documents by itself."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.bundle.bundle import Bundle
from assets.materialising import asset_key
from assets.serving.log.decision_log import find_decision
from assets.vocabulary import Log1p, days
from pipelines.build import build_pipeline
from pipelines.jobs import daily_name
from pipelines.operations.data.catalogue import catalogue_of, write_page
from pipelines.operations.decisions.replay import replay_decision
from pipelines.operations.loop.run_job import run_job
from pipelines.operations.pages import NoPage
from pipelines.shared.card import transactions as card
from resources.environments import Environment, load_environment
from tests.integration.commands.test_loop import DATA, Home
from tests.integration.commands.test_loop import PRODUCT as WITHOUT
from tests.integration.conftest import LAST, SETTINGS
from tests.integration.demo_home import run_loopline
from tests.support.servers.ports import free_port
from tests.support.servers.serving_process import Service

pytestmark = pytest.mark.slow
NAME = "card_max_amount_7d"
ADDED = card.max("amount", days(7), name=NAME, unit="EUR", description="Largest amount of the card in a week")
PRODUCT = replace(
    WITHOUT,
    features=replace(WITHOUT.features, history=(*WITHOUT.features.history, ADDED)),
    # One more window that fills up while the model learns, in a bank of 61 days: scores move more than elsewhere.
    gates=replace(WITHOUT.gates, max_score_psi=5.0),
)


@dataclass(frozen=True)
class Place:
    """What `Service` needs of a home."""

    environment: Environment
    variables: dict[str, str]
    port: int


@pytest.fixture(scope="module")
def home(filled_bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The whole loop with the one line more, up to the newest day's drift."""
    folder = tmp_path_factory.mktemp("new_feature") / "home"
    shutil.copytree(filled_bank, folder)
    environment = load_environment({"LOOPLINE_HOME": str(folder)})
    with dg.DagsterInstance.ephemeral() as instance:
        home = Home(environment, instance)
        definitions = build_pipeline(PRODUCT, environment=environment)
        made = [asset_key(PRODUCT, name) for name in DATA]
        run_job(definitions, instance, daily_name(PRODUCT), days=(SETTINGS.first_day, LAST), selection=made)
        home.retrain(PRODUCT)
        watched = [asset_key(PRODUCT, name) for name in ("scores", "distributions", "drift")]
        run_job(definitions, instance, daily_name(PRODUCT), days=(LAST, LAST), selection=watched)
        yield home


@pytest.fixture(scope="module")
def bundle(home: Home) -> Bundle:
    return home.bundle("1")


def test_it_is_trained_on(home: Home, bundle: Bundle) -> None:
    """In the feature table, the training set, the matrix of the model, and its importances."""
    for table in ("features", "training_set"):
        values = home.lake.read(f"card_fraud/{table}", columns=[NAME])[NAME]
        assert values.null_count < len(values)
    assert NAME in bundle.parts.encoder.columns
    assert NAME in [row["feature"] for row in bundle.parts.metrics["importance"]]


def test_it_is_watched_for_drift(home: Home, bundle: Bundle) -> None:
    """In the reference profile and in the newest day's figures."""
    assert NAME in bundle.parts.reference["numeric"]
    assert NAME in home.lake.read("card_fraud/drift", days=[LAST])["name"].to_pylist()


def test_it_is_in_the_catalogue_with_lineage_values_and_use(home: Home, tmp_path: Path) -> None:
    """In the command's answer, in both pages, and on the asset."""
    found = catalogue_of(PRODUCT, home.environment)
    entry = next(feature for feature in found.to_dict()["features"] if feature["name"] == NAME)
    assert entry["description"] == "Largest amount of the card in a week"
    assert (entry["owner"], entry["unit"], entry["dtype"]) == ("fraud-modelling", "EUR", "float64")
    assert entry["columns"] == (
        "validated_card_transactions.card_id", "validated_card_transactions.amount",
        "validated_card_transactions.event_time", "validated_card_transactions.known_at",
    )  # fmt: skip
    assert entry["contracts"] == ("card_transactions.yaml",)
    assert entry["statistics"]["missing"] == 0.0
    assert entry["statistics"]["quantiles"][-1] >= entry["statistics"]["mean"] > 0
    assert (entry["use"]["versions"], entry["use"]["roles"]) == (("1",), ("champion",))
    for name in ("catalogue.html", "catalogue.md"):
        write_page(found, tmp_path / name)
        assert NAME in (tmp_path / name).read_text(encoding="utf-8")
    with pytest.raises(NoPage, match=r"\.html or \.md"):
        write_page(found, tmp_path / "catalogue.pdf")


def test_it_is_in_the_documents(home: Home, bundle: Bundle) -> None:
    """In the asset's own description in the UI, and in the model card."""
    graph = build_pipeline(PRODUCT, environment=home.environment).resolve_asset_graph()
    told = graph.get(asset_key(PRODUCT, "features")).metadata["catalogue"]
    assert f"`{NAME}`" in told.value
    run = home.tracking.resumed(home.tracking.version("card_fraud", "1").run_id)
    model_card = run.download("documents/model_card.md", home.environment.home / "documents")
    assert NAME in model_card.read_text(encoding="utf-8")


def test_it_is_served_and_its_decision_replays(home: Home) -> None:
    """Over HTTP, in the log with the value that the lake gives, by the command too, which says zero differences."""
    variables = {"LOOPLINE_HOME": str(home.environment.home)}
    rows = home.lake.read("card_fraud/validated_card_transactions", days=[LAST]).slice(0, 25).to_pylist()
    with Service(Place(home.environment, variables, free_port())) as service:  # type: ignore[arg-type]
        service.wait_until_ready()
        answers = []
        for number, row in enumerate(rows):
            request = {name: row[name] for name in ("card_id", "terminal_id", "amount")}
            # As of the moment that the store was loaded until: it keeps no more than windows reach back from there.
            request |= {"transaction_id": 2_000_000_000 + number, "as_of": f"{LAST + timedelta(days=1)}T00:00:00Z"}
            status, answer = service.post("/decide", {"product": "card_fraud", "request": request})
            assert (status, answer["fallback"]) == (200, None)
            answers.append(answer)
    for row, answer in zip(rows, answers, strict=True):
        record = find_decision(home.environment.decision_log, answer["decision_id"])
        assert record.features[NAME] >= row["amount"]
        assert replay_decision(home.environment, "card_fraud", record.id, print).of("identical")
    said = run_loopline(["replay", "card_fraud", "--json"], variables)
    assert said.status == 0, said.people
    assert (said.told["decisions"], said.told["identical"], said.told["by_feature"]) == (25, 25, {})

    table = "card_fraud/validated_card_transactions"
    whole = home.lake.read(table, days=[LAST])
    home.lake.replace(table, whole.slice(1), days=[LAST])
    found = run_loopline(["replay", "card_fraud", "--json"], variables)
    home.lake.replace(table, whole, days=[LAST])
    assert found.status == 1
    assert found.told["different"] >= 1
    assert {"card_count_7d", "card_count_30d"} <= set(found.told["by_feature"])
    assert "the lake has that day without it" in found.people

    lost = run_loopline(["replay", "card_fraud", "--day", "2020-01-01", "--json"], variables)
    assert (lost.status, lost.told["error"]["kind"]) == (1, "NothingToReplay")
    assert "has no decision on 2020-01-01" in lost.people


def test_a_feature_that_no_model_uses_is_reported_and_holds_nothing_up(home: Home, tmp_path: Path) -> None:
    """One line more, not trained yet: in the command, on the page, and as a warning beside a run that succeeds."""
    derived = (*PRODUCT.features.derived, Log1p("tiny", "amount"))
    more = replace(PRODUCT, features=replace(PRODUCT.features, derived=derived))
    found = catalogue_of(more, home.environment)
    assert "tiny" in found.unused
    assert found.uses["tiny"].state == "new"
    write_page(found, tmp_path / "page.html")
    assert "Used by no model" in (tmp_path / "page.html").read_text(encoding="utf-8")
    key = asset_key(more, "features")
    definitions = build_pipeline(more, environment=home.environment)
    run = run_job(definitions, home.instance, daily_name(more), days=(LAST, LAST), selection=[key])
    events = home.instance.all_logs(run, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    found_checks = [entry.dagster_event.asset_check_evaluation_data for entry in events if entry.dagster_event]
    checks = {check.asset_check_key.name: check for check in found_checks}
    assert checks["shared_features_are_live"].passed
    check = checks["every_feature_is_used"]
    assert (check.asset_check_key.name, check.passed, check.severity) == (
        "every_feature_is_used", False, dg.AssetCheckSeverity.WARN,
    )  # fmt: skip
    assert "tiny" in str(check.description)
    assert "`tiny`" in str(check.metadata["catalogue"].value)
    # The command of the product as it is in the checkout, over the same home.
    said = run_loopline(["features", "card_fraud", "--page", str(tmp_path / "own.html"), "--json"],
                        {"LOOPLINE_HOME": str(home.environment.home)})  # fmt: skip
    assert said.status == 0, said.people
    assert [feature["name"] for feature in said.told["features"]] == list(WITHOUT.features.names)
    assert (tmp_path / "own.html").is_file()
