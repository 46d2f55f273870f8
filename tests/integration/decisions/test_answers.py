"""`approve`, `reject` and `repair` as a person runs them, over a home with registered versions, which then moves."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from assets.bundle.registration import Approval
from resources.sandbox.systems.filling import fill_bank
from resources.sandbox.world.settings import BankSettings
from tests.integration.demo_home import Answer
from tests.support.models.registered import AUTHOR, RegisteredHome, flip
from tests.support.processes.in_process import answer_of
from tests.support.servers.ports import free_ports

PRODUCT = "credit_risk"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisteredHome]:
    """Version 1 is approved and decides."""
    home = RegisteredHome(tmp_path_factory.mktemp("answers") / "home", PRODUCT)
    environment = home.environment
    fill_bank(
        BankSettings.of_size(customers=50, first_day=date(2026, 9, 20), last_day=date(2026, 9, 30)),
        database_url=environment.database_url,
        landing=environment.landing,
        stream=environment.stream,
        bureau_data=environment.bank / "bureau",
    )
    home.register()
    answer = loopline(home, "approve", "1", "--by", "Ada Risk", "--reason", "reviewed")
    assert answer.status == 0, answer.people
    assert (home.decides, home.alias) == ("1", "1")
    yield home
    shutil.rmtree(home.home)


def loopline(home: RegisteredHome, command: str, *rest: str) -> Answer:
    variables = {"LOOPLINE_HOME": str(home.home), "LOOPLINE_PORT_BASE": str(free_ports())}
    return answer_of([command, PRODUCT, *rest, "--json"], variables)


def answers(home: RegisteredHome, version: str) -> list[tuple[str, str]]:
    """Everybody's answers on a version, as the registry has them."""
    tags = home.keeper.tracking.version(PRODUCT, version).tags
    return [(answer.by, answer.answer) for answer in Approval.all_from_tags(tags)]


def test_rejecting_the_live_champion_says_that_it_goes_on_deciding(home: RegisteredHome) -> None:
    rejected = loopline(home, "reject", "1", "--by", "Bea Chief", "--reason", "unfair to the young")
    assert rejected.status == 1
    assert "it is the champion now and stays it" in rejected.people
    assert "no champion came before" in rejected.people
    assert "credit_risk_retrain" in rejected.people
    assert (home.decides, home.alias) == ("1", "1")
    assert answers(home, "1") == [("Ada Risk", "approve"), ("Bea Chief", "reject")]


def test_a_rejection_stands_until_a_reason_is_recorded_against_it(home: RegisteredHome) -> None:
    home.register(compared_with="1")
    assert loopline(home, "reject", "2", "--by", "Ada Risk", "--reason", "May is wrong").status == 0
    audited = len(list(home.keeper.audit.entries()))

    plain = loopline(home, "approve", "2", "--by", "Bea Chief", "--reason", "looks fine")
    assert plain.status == 1
    assert "Ada Risk rejected it" in plain.people
    assert "May is wrong" in plain.people
    assert "--overturn TEXT" in plain.people
    own = loopline(home, "approve", "2", "--by", f" {AUTHOR.upper()}", "--reason", "mine", "--overturn", "it is right")
    assert own.status == 1
    assert "may not overturn it" in own.people
    assert home.decides == "1"
    assert answers(home, "2") == [("Ada Risk", "reject")]
    assert len(list(home.keeper.audit.entries())) == audited

    why = "May was delivered again"
    overturned = loopline(home, "approve", "2", "--by", "Bea Chief", "--reason", "looks fine", "--overturn", why)
    assert overturned.status == 0, overturned.people
    state = home.keeper.state(PRODUCT)
    assert state is not None
    assert (state.stage, state.candidate and state.candidate.version, home.decides) == ("shadow", "2", "1")
    assert answers(home, "2") == [("Ada Risk", "reject"), ("Bea Chief", "approve")]
    (entry,) = [entry for entry in home.keeper.audit.entries() if entry.details.get("overturns")]
    assert (entry.actor, entry.action, entry.details["overturns"]) == ("Bea Chief", "approve", why)


def test_a_person_moves_a_rollout_and_each_move_is_one_line_of_the_audit_log(home: RegisteredHome) -> None:
    who = ("--by", "Ada Risk", "--reason", "it was looked at")
    asked = loopline(home, "rollout")
    assert (asked.told["stage"], asked.told["shadow"], asked.told["verdict"]) == ("shadow", "2", "hold")
    nameless = loopline(home, "rollout", "pause")
    assert nameless.status == 1
    assert "say who you are and why: --by NAME --reason TEXT" in nameless.people
    for verb, hold in (("pause", "paused"), ("resume", "none"), ("freeze", "frozen"), ("resume", "none")):
        assert loopline(home, "rollout", verb, *who).told["hold"] == hold
    promoted = loopline(home, "rollout", "promote", *who)
    assert (promoted.told["champion"], promoted.told["former"], promoted.told["rollout"]) == ("2", ["1"], "")
    assert (home.decides, home.alias) == ("2", "2")

    back = loopline(home, "rollback", *who)
    assert back.status == 0, back.people
    assert "credit_risk: version 1 decides alone" in back.people
    assert (home.decides, home.alias) == ("1", "1")
    nowhere = loopline(home, "rollback", *who)
    assert nowhere.status == 1
    assert "credit_risk cannot be rolled back: no champion came before" in nowhere.people

    started = loopline(home, "rollout", "start", "2", *who)
    assert (started.status, started.told["shadow"]) == (0, "2"), started.people
    assert "version 2 is the shadow of version 1; it ends by" in loopline(home, "rollout", "start", "2", *who).people
    assert loopline(home, "rollout", "advance", *who).told["challengers"][0]["version"] == "2"
    assert loopline(home, "rollout", "promote", *who).status == 0
    moves = [entry for entry in home.keeper.audit.entries() if "generation" in entry.details]
    state = home.keeper.state(PRODUCT)
    assert state is not None
    assert [entry.details["generation"] for entry in moves] == list(range(1, state.generation + 1))
    assert [entry.action for entry in moves[-6:]] == ["resume", "promote", "roll_back", "start", "advance", "promote"]
    assert {entry.actor for entry in moves[-6:]} == {"Ada Risk"}


def test_a_rollback_needs_no_registry(home: RegisteredHome, tmp_path: Path) -> None:
    """MLflow is down: serving goes back at once, and the aliases follow when it is up again."""
    copy = RegisteredHome(Path(shutil.copytree(home.home, tmp_path / "home")), PRODUCT)
    database = copy.home / "mlflow" / "mlflow.db"
    away = database.rename(tmp_path / "mlflow.db")
    back = loopline(copy, "rollback", "--by", "Ada Risk", "--reason", "it refuses everybody")
    assert back.status == 0, back.people
    away.rename(database)
    assert (copy.decides, copy.alias, back.told["champion"]) == ("1", "2", "1")
    assert "aliases follow later" in back.told["behind"]
    assert loopline(copy, "repair").told["repaired"] == ["the alias champion was moved"]
    assert copy.alias == "1"


def test_a_rejected_champion_is_taken_out_of_serving(home: RegisteredHome, tmp_path: Path) -> None:
    copy = RegisteredHome(Path(shutil.copytree(home.home, tmp_path / "home")), PRODUCT)
    rejected = loopline(copy, "reject", "2", "--by", "Ada Risk", "--reason", "it is unfair")
    assert rejected.status == 0, rejected.people
    assert (copy.decides, copy.alias) == ("1", "1")
    refused = loopline(copy, "rollout", "start", "2", "--by", "Bea Chief", "--reason", "again")
    assert refused.status == 1
    assert "Ada Risk rejected it: it is unfair" in refused.people


def test_a_damaged_bundle_is_not_approved_when_it_is_whole_nowhere(home: RegisteredHome) -> None:
    home.register(compared_with="2")
    flip(home.published("3") / "policy.json")
    flip(home.registry_copy("3") / "kernel.json")
    refused = loopline(home, "approve", "3", "--by", "Ada Risk", "--reason", "reviewed")
    assert refused.status == 1
    assert "credit_risk version 3 is whole nowhere" in refused.people
    assert (home.decides, home.alias, answers(home, "3")) == ("2", "2", [])


def test_the_damaged_bundle_of_the_champion_is_repaired_by_a_command(home: RegisteredHome) -> None:
    flip(home.published("2") / "encoder.json")
    shutil.rmtree(home.published("1"))
    repaired = loopline(home, "repair")
    assert repaired.status == 0, repaired.people
    assert repaired.told["repaired"] == ["the bundle of version 2 was published again from the registry"]
    assert loopline(home, "repair").told == {"product": PRODUCT, "champion": "2", "repaired": []}


def test_documents_inventory_and_audit_log_say_what_was_done(home: RegisteredHome, tmp_path: Path) -> None:
    """Each command of governance over what the tests before did, and a tail of the log that is cut off."""
    copy = RegisteredHome(Path(shutil.copytree(home.home, tmp_path / "home")), PRODUCT)
    variables = {"LOOPLINE_HOME": str(copy.home), "LOOPLINE_PORT_BASE": str(free_ports())}

    def run(*words: str) -> Answer:
        return answer_of([*words, "--json"], variables)

    newest = copy.register(compared_with=str(copy.decides)).version
    given = ("--by", "Cem Risk", "--reason", "watched closely", "--condition", "weekly review", "--max-share", "0.25")
    approved = run("approve", PRODUCT, newest, *given, "--days", "30")
    listed = run("inventory", "--page", str(tmp_path / "inventory.html"))
    assert listed.status == 0, listed.people
    mine = {one["version"]: one for one in listed.told["entries"] if one["product"] == PRODUCT}
    assert mine[str(copy.decides)]["state"] == "champion"
    assert any("Cem Risk on" in one and "up to a share of 25%" in one for one in mine[newest]["approvals"])
    assert "weekly review" in (tmp_path / "inventory.html").read_text()
    risk = run("document", PRODUCT, newest, "--kind", "risk", "--out", str(tmp_path / "risk.md"))
    assert risk.status == 0, risk.people
    assert "max share: 0.25" in (tmp_path / "risk.md").read_text()
    card = run("document", PRODUCT, newest)
    assert "watched closely" in card.told["text"], approved.people
    run_id = copy.keeper.tracking.version(PRODUCT, newest).run_id
    kept = copy.keeper.tracking.resumed(run_id).download("documents/model_card.md", tmp_path / "kept").read_text()
    assert "watched closely" in kept, "the card in the registry was made again"

    shown = run("audit", "show", "--product", PRODUCT, "--last", "200")
    assert [one["number"] for one in shown.told["entries"]] == sorted(one["number"] for one in shown.told["entries"])
    assert {"approve", "reject", "promote"} <= {one["action"] for one in shown.told["entries"]}
    whole = run("audit", "verify")
    assert (whole.status, whole.told["whole"], whole.told["first"]) == (0, True, None), whole.people
    log = copy.home / "audit" / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-2]))
    cut = run("audit", "verify")
    assert (cut.status, cut.told["whole"], cut.told["first"]) == (1, False, len(lines) - 1)
    assert f"entries {len(lines) - 1} to {len(lines)} are missing" in cut.people
    shutil.rmtree(copy.home / "audit_anchors")
    assert "MLflow, credit_risk" in run("audit", "verify").told["fault"], "the registry has a head of the log too"


def test_a_home_that_has_moved_works_at_its_new_place(home: RegisteredHome, tmp_path: Path) -> None:
    there = RegisteredHome(tmp_path / "elsewhere" / "home", PRODUCT)
    there.home.parent.mkdir()
    shutil.move(home.home, there.home)
    try:
        shutil.rmtree(there.published("2"))
        repaired = loopline(there, "repair")
        assert repaired.status == 0, repaired.people
        assert repaired.told["repaired"] == ["the bundle of version 2 was published again from the registry"]
        release = there.register(compared_with="2")
        assert there.registry_copy(release.version).is_dir()
        approved = loopline(there, "approve", release.version, "--by", "Ada Risk", "--reason", "reviewed")
        assert approved.status == 0, approved.people
        assert not home.home.exists(), "something was written to the old place"
    finally:
        shutil.move(there.home, home.home)


def test_a_database_that_is_gone_is_refused_with_a_remedy(home: RegisteredHome, tmp_path: Path) -> None:
    copy = RegisteredHome(Path(shutil.copytree(home.home, tmp_path / "home")), PRODUCT)
    database = copy.home / "mlflow" / "mlflow.db"
    database.unlink()
    refused = loopline(copy, "repair")
    assert refused.status == 1
    assert "it knows nothing of credit_risk" in refused.people
    assert "Restore the database from a backup" in refused.people
    assert not database.exists()
