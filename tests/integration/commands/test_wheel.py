"""What a deployment does: the wheel, outside any checkout, runs the commands of the images and of the runbooks.

Every day the packages are lent by the present environment; in the campaign they are those of the runtime lock alone,
and the whole loop runs.
"""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resources.environments import CHECKOUT, load_environment
from resources.processes.ports import answers
from resources.tracking import Tracking
from tests.support.processes.wheel import Installed, build_wheel, image_commands, install_lent, install_locked
from tests.support.servers.ports import free_port, free_ports

PRODUCT = "credit_risk"
REQUEST = {
    "customer_id": "C0013220", "amount": 19100, "term_months": 36, "income_monthly": 3420, "employment_years": 3.5,
    "existing_debt": 15284.05, "dependents": 1, "purpose": "business", "employment": "employed", "housing": "rent",
    "channel": "app", "as_of": "2026-10-01T00:00:00Z",
}  # fmt: skip
campaign = pytest.mark.skipif(
    os.environ.get("LOOPLINE_CAMPAIGN") != "1", reason="installs 3 GB and runs the whole loop: LOOPLINE_CAMPAIGN=1"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def installed(folder: Path) -> Installed:
    work = folder / "app"
    work.mkdir()
    for entry in (CHECKOUT / "infra" / "dagster").glob("workspace.yaml"):
        (work / entry.name).write_bytes(entry.read_bytes())
    return Installed(
        folder / "env", work, {"LOOPLINE_HOME": str(folder / "home"), "LOOPLINE_PORT_BASE": str(free_ports())}
    )


@pytest.fixture(scope="module")
def lent(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    found = installed(tmp_path_factory.mktemp("lent"))
    install_lent(wheel, found.folder)
    return found


@pytest.fixture(scope="module")
def locked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    found = installed(tmp_path_factory.mktemp("locked"))
    install_locked(wheel, found.folder)
    return found


@contextmanager
def image(place: Installed, target: str, path: str, **more: str) -> Iterator[str]:
    """The image's own command, on loopback; the address once `path` answers."""
    port = free_port()
    words = {"0.0.0.0": "127.0.0.1", "4700": str(port), "4702": str(port)}
    command = [words.get(word, word).replace("/app", str(place.work)) for word in image_commands()[target]]
    with (place.work.parent / f"{target}.log").open("w+") as log, subprocess.Popen(
        [str(place.folder / "bin" / command[0]), *command[1:]],
        cwd=place.work, env=place.environ(**more), stdout=log, stderr=log, start_new_session=True,
    ) as process:  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                if answers(f"{address}{path}"):
                    break
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
                log.seek(0)
                raise AssertionError(log.read())
            yield address
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def findings(place: Installed, **more: str) -> dict[str, bool]:
    """The doctor's findings about what the image has; ports and disk are this machine's."""
    done = place.run("loopline", "doctor", "--json", **more)
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)["findings"]
    print([finding for finding in found if not finding["ok"]])
    return {finding["name"]: finding["ok"] for finding in found if finding["name"] != "disk"}


# ---------------------------------------------------------------------- every day


def test_the_code_is_the_wheels_and_knows_its_version(lent: Installed) -> None:
    asked = "import resources.code_version as c, resources.environments as e; print(e.CHECKOUT, c.code_version())"
    place, version = lent.run("python", "-c", asked).stdout.split()
    assert Path(place).is_relative_to(lent.folder)
    number, _, digest = version.partition("+")
    assert (number, len(digest)) == ("0.1.0", 12)
    assert lent.run("python", "-c", asked, LOOPLINE_CODE_VERSION="abc").stdout.split()[1] == "abc"


def test_the_doctor_compares_with_the_lock_of_a_deployment(lent: Installed) -> None:
    found = findings(lent)
    assert found["packages"]
    assert found["code"]
    assert all(ok for name, ok in found.items() if name != "java")


def test_the_doctor_of_the_decision_service_asks_for_no_more_than_it_is_given(lent: Installed, tmp_path: Path) -> None:
    given = {
        "LOOPLINE_ENV": "prod", "LOOPLINE_PART": "decisions", "LOOPLINE_ROLLOUT": str(tmp_path / "rollout"),
        "LOOPLINE_ONLINE_STORE": f"lmdb://{tmp_path}/online", "LOOPLINE_DECISION_LOG": str(tmp_path / "decisions"),
        "LOOPLINE_SIGNING_KEY": "k" * 40, "LOOPLINE_OPEN_METRICS": "1",
    }  # fmt: skip
    assert all(findings(lent, **given).values())
    with image(lent, "decisions", "/livez", **given) as address:
        assert answers(f"{address}/metrics")
    refused = lent.run("loopline", "tables", PRODUCT, **given)
    assert refused.returncode == 1
    assert "run the command where Dagster runs" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_spark_session_of_the_wheel_has_its_log_settings(lent: Installed) -> None:
    asked = "from resources.spark.sessions import _LOGGING; print(_LOGGING.read_text())"
    assert "rootLogger.level = error" in lent.run("python", "-c", asked).stdout


def test_without_a_home_nothing_is_written_among_the_packages(lent: Installed, tmp_path: Path) -> None:
    asked = "from resources.environments import load_environment; print(load_environment().home)"
    there = lent.run("python", "-c", asked, LOOPLINE_HOME="", HOME=str(tmp_path)).stdout.strip()
    assert there == str(tmp_path / ".loopline")


# ---------------------------------------------------------------------- the campaign


@campaign
@pytest.mark.timeout(3600)
def test_the_whole_loop_from_the_runtime_lock_alone(locked: Installed) -> None:
    assert all(findings(locked).values())
    demo = locked.run("loopline", "demo", "--json", seconds=2400)
    assert demo.returncode == 0, demo.stderr
    version = locked.run("python", "-c", "from resources.code_version import code_version; print(code_version())")
    environment = load_environment(locked.variables)
    champion = Tracking.of(environment).champion(PRODUCT)
    assert champion is not None
    assert version.stdout.strip() in champion.tags.values()

    tables = locked.run("loopline", "tables", PRODUCT, "--json")
    assert tables.returncode == 0, tables.stderr
    with image(locked, "decisions", "/readyz", LOOPLINE_PART="decisions") as address:
        body = json.dumps({"product": PRODUCT, "request": REQUEST}).encode()
        answer = json.load(urllib.request.urlopen(f"{address}/decide", body))
        assert (answer["role"], answer["bundle"]) == ("champion", champion.version)

    yesterday = ("--from", "2026-09-30", "--to", "2026-09-30")
    for words in (["load"], ["backfill", *yesterday], ["features"], ["replay", "--decision", answer["decision_id"]]):
        done = locked.run("loopline", words[0], PRODUCT, *words[1:], "--json")
        assert done.returncode == 0, done.stderr
    with image(locked, "dagster", "/server_info", DAGSTER_HOME=str(environment.dagster_home)) as address:
        query = json.dumps({"query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"})
        asked = urllib.request.Request(f"{address}/graphql", query.encode(), {"Content-Type": "application/json"})
        assert len(json.load(urllib.request.urlopen(asked))["data"]["repositoriesOrError"]["nodes"]) == 2
