"""A checkout with a third product and without the two examples: the commands, the rules and the tests still work.

The examples are removed by the line that the README gives, run as it stands there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from resources.environments import CHECKOUT

EXAMPLES = ("credit_risk", "card_fraud")
_CODE = ("assets", "infra", "pipelines", "resources", "tests", "pyproject.toml", "README.md", "requirements.lock")
_REMOVAL = re.compile(r"^rm -r pipelines/.*$", re.MULTILINE)


class Copy:
    """A copy of this checkout, beside a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._home = folder / "checkout", folder / "home"
        unused = shutil.ignore_patterns("*-pytest-*.pyc", ".*", "target")  # what is compiled of the product is used
        for name in _CODE:
            source, target = CHECKOUT / name, self.folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=unused)
            else:
                shutil.copy2(source, target)
        (self.folder / "workspace.yaml").symlink_to("infra/dagster/workspace.yaml")

    def add_product(self, name: str) -> None:
        """The smaller example under another name, and its line of the workspace."""
        target = self.folder / "pipelines" / name
        shutil.copytree(self.folder / "pipelines" / "card_fraud", target)
        for file in target.glob("*.*"):
            file.write_text(file.read_text(encoding="utf-8").replace("card_fraud", name), encoding="utf-8")
        line = f"  - python_module: {{module_name: pipelines.{name}.definitions, location_name: {name}}}\n"
        with (self.folder / "workspace.yaml").open("a", encoding="utf-8") as workspace:
            workspace.write(line)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "PYTHONPATH": str(self.folder), "LOOPLINE_HOME": str(self._home)}
        variables.pop("LOOPLINE_ENV", None)
        return subprocess.run(
            command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False, timeout=280
        )

    def loopline(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pipelines.cli", *arguments)


@pytest.fixture(scope="module")
def without_examples(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("without"))
    copy.add_product("third")
    (line,) = _REMOVAL.findall((CHECKOUT / "README.md").read_text(encoding="utf-8"))
    done = copy.run("bash", "-c", line)
    assert (done.returncode, done.stderr) == (0, "")
    assert not [name for name in EXAMPLES if (copy.folder / "pipelines" / name).exists()]
    return copy


def test_the_commands_know_the_third_product_alone(without_examples: Copy) -> None:
    assert "doctor" in without_examples.loopline("--help").stdout
    findings = json.loads(without_examples.loopline("doctor", "--json").stdout)["findings"]
    (products,) = [finding for finding in findings if finding["name"] == "products"]
    assert (products["ok"], products["detail"]) == (True, "third")
    said = without_examples.loopline("tables", "credit_risk").stderr
    assert "there is no product 'credit_risk'; this checkout has third" in said
    loaded = without_examples.run(
        sys.executable, "-c", "from pipelines.workspace import served_products; from pipelines.products import "
        "load_definitions; print(served_products(), load_definitions('third').get_repository_def().job_names)"
    )  # fmt: skip
    assert "('third',)" in loaded.stdout, loaded.stderr
    assert "third_daily" in loaded.stdout


def test_the_rules_hold_for_it(without_examples: Copy) -> None:
    """The contracts name no product: the third is held to them, and the examples are missed by none."""
    bin_ = Path(sys.executable).parent
    style = without_examples.run(str(bin_ / "ruff"), "check", "assets", "pipelines", "resources")
    assert style.returncode == 0, style.stdout
    rules = without_examples.run(str(bin_ / "lint-imports"), "--no-cache", "--no-logo")
    assert rules.returncode == 0, rules.stdout
    shutil.copytree(without_examples.folder / "pipelines" / "third", without_examples.folder / "pipelines" / "fourth")
    features = without_examples.folder / "pipelines" / "fourth" / "features.py"
    features.write_text(features.read_text() + "\nfrom pipelines.third.features import FEATURES as OTHER\n")
    shared = without_examples.folder / "pipelines" / "shared" / "wrong.py"
    shared.write_text("from assets.product import Product\n")
    broken = without_examples.run(str(bin_ / "lint-imports"), "--no-cache", "--no-logo")
    shutil.rmtree(features.parent)
    shared.unlink()
    assert broken.returncode != 0
    assert "pipelines.fourth.features -> pipelines.third.features" in broken.stdout
    assert "pipelines.shared.wrong -> assets.product" in broken.stdout


def test_the_tests_that_need_no_example_pass(without_examples: Copy) -> None:
    wanted = ["tests/unit/vocabulary", "tests/unit/metrics"]
    done = without_examples.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *wanted)
    assert done.returncode == 0, done.stdout[-2_000:]


@pytest.mark.parametrize("folder", ["assets", "pipelines", "resources", "infra", "pyproject.toml", "Makefile"])
def test_nothing_knows_an_example_by_its_name(folder: str) -> None:
    """But for its own folder, its line of the workspace, demonstration, benchmark, and the game day with its bank."""
    root = CHECKOUT / folder
    files = [root] if root.is_file() else sorted(root.rglob("*"))
    known = {
        "infra/dagster/workspace.yaml",
        "pipelines/cli/models/benchmark.py",
        "pipelines/cli/render/benchmark.py",
        "pipelines/cli/loop.py",
        *(f"pipelines/operations/benchmark/{name}.py" for name in ("card_fraud", "published_cards", "sandbox")),
        "pipelines/operations/gameday/scenarios.py",
        *(f"resources/sandbox/planned/{name}.py" for name in ("dates", "incidents")),
        *(f"resources/sandbox/answering/{name}.py" for name in ("bank", "fraud", "loans")),
        "resources/sandbox/judge/record.py",
    }
    found = []
    for file in files:
        path = file.relative_to(CHECKOUT)
        own = len(path.parts) > 2 and path.parts[1] in EXAMPLES
        if file.is_file() and file.suffix not in (".pyc", ".lock") and not own and str(path) not in known:
            text = file.read_text(encoding="utf-8", errors="replace")
            found += [str(path) for name in EXAMPLES if re.search(rf"\b{name}\b", text)]
    assert found == []
