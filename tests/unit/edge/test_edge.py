"""An exported model scores without this project, and as its bundle does."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from assets.bundle.bundle import Bundle
from assets.bundle.calibration import Calibration
from assets.bundle.encoder import Encoder
from assets.edge.export import EdgeError, export_model
from assets.edge.graph import whole_graph
from assets.edge.score import Model, check
from assets.edge.variants import measured, variant_of
from assets.product import AllOf, AnyOf, Compare, IsNull, Not, OneOf, Rule
from assets.serving.engine import Engine
from tests.support.models.serving_samples import bundle_of, sample_features, sample_parts

KEY = b"k" * 32
ALONE = """
import importlib.util, runpy, sys
sys.path.append(sys.argv.pop(1))
for name in ("assets", "pipelines", "resources"):
    assert importlib.util.find_spec(name) is None, name
runpy.run_path(sys.argv[0], run_name="__main__")
"""
CONDITIONS = (
    Compare("amount", ">", 15_000), Compare("amount", ">=", 5, per="income_monthly"), OneOf("purpose", ("home",)),
    IsNull("income_monthly"), Not(Compare("amount", "<", 9_000)),
    AllOf((Compare("amount", "!=", 1), AnyOf((IsNull("purpose"), Compare("spent_30d", "<=", 100))))),
)  # fmt: skip


def rule(number: int, kind: str, outcome: str, **terms: Any) -> Rule:
    when = terms.pop("when", CONDITIONS[number])
    return Rule(f"r{number}", kind, when, "why", "risk", date(2020, 1, 1), outcome, **terms)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Three answers, exploration, and rules of every kind."""
    parts = sample_parts("1")
    policy = replace(
        parts.policy, refer="review", refer_threshold=0.3, exploration=0.3, explore_by="refer",
        explore_keys=("customer_id",),
    )  # fmt: skip
    rules = (
        rule(0, "knock_out", "refuse", when=AllOf((CONDITIONS[0], CONDITIONS[2]))), rule(1, "limit", "refer"),
        rule(2, "limit", "refuse", valid_until=date(2020, 2, 1)), rule(3, "refer", "refer"),
        rule(4, "limit", "refuse", mode="shadow"), rule(5, "limit", "refer"),
    )  # fmt: skip
    return bundle_of(replace(parts, policy=policy, rules=rules))


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rows = sample_features(400, seed=9)
    customers = [f"C{number % 50}" for number in range(400)]
    purposes = [
        None if n % 11 == 0 else "boat" if n % 13 == 0 else value for n, value in enumerate(rows["purpose"].to_pylist())
    ]
    rows = rows.set_column(rows.column_names.index("purpose"), "purpose", pa.array(purposes, pa.string()))
    moments = pa.array([bundle_of(sample_parts("1")).parts.created_at] * 400, pa.timestamp("us", tz="UTC"))
    return (
        rows.append_column("customer_id", pa.array(customers)).append_column("as_of", moments)
        .append_column("application_id", pa.array(range(400)))
    )  # fmt: skip


def as_json(table: pa.Table) -> list[dict[str, Any]]:
    rows = [row | {"as_of": row["as_of"].isoformat()} for row in table.to_pylist()]
    return [{n: None if isinstance(v, float) and np.isnan(v) else v for n, v in row.items()} for row in rows]


def run_alone(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The folder's runner in a process that cannot import this project."""
    packages = str(Path(np.__file__).parents[1])
    code = ALONE.replace("sys.argv[0]", repr(str(folder / "score.py")))
    command = [sys.executable, "-I", "-S", "-c", code, packages, *arguments]
    kept = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(command, capture_output=True, text=True, env=kept, cwd="/", timeout=120, check=False)


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration(slope=0.9, intercept=-0.1),
        Calibration("beta", slope=0.8, fall=1.3, intercept=-0.1),
        Calibration("piecewise", knots=((0, 0.01), (0.2, 0.1), (0.6, 0.5), (1, 0.9))),
    ],
)
def test_the_runner_alone_answers_as_the_bundle_bit_for_bit(
    bundle: Bundle, table: pa.Table, tmp_path: Path, calibration: Calibration
) -> None:
    bundle = replace(bundle, parts=replace(bundle.parts, calibration=calibration))
    export_model(bundle, tmp_path / "model", KEY, "float32")
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in as_json(table)))
    done = run_alone(tmp_path / "model", str(tmp_path / "rows.jsonl"))
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = Engine(bundle, None).score_table(table)
    scores = np.array([np.nan if one["score"] is None else one["score"] for one in answers])
    assert scores.tobytes() == wanted.scores.tobytes()
    assert tuple(one["outcome"] for one in answers) == wanted.outcomes
    assert [one["explored"] for one in answers] == wanted.answers.explored.tolist()
    active = [one.id for one in bundle.parts.rules if one.mode == "active"]
    assert [one["rules"] for one in answers] == [
        [name for name in active if wanted.answers.hits[name][n]] for n in range(len(answers))
    ]
    assert len(set(wanted.outcomes)) == 3
    assert any(wanted.answers.explored)
    assert np.isnan(scores).any()


def test_the_folder_checks_itself_and_finds_an_altered_file(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    export_model(bundle, folder, KEY, "float32")
    done = run_alone(folder, "--check", LOOPLINE_SIGNING_KEY=KEY.decode())
    found = json.loads(done.stdout)
    assert (done.returncode, found["faults"], found["identical"], found["rows"]) == (0, [], 64, 64)
    assert found["largest_difference"] == 0.0
    assert found["largest_difference_of_the_graph"] < 1e-9
    done = run_alone(folder, "--check", LOOPLINE_SIGNING_KEY="another key, of thirty-two characters")
    assert (done.returncode, len(json.loads(done.stdout)["faults"])) == (1, 1)
    scoring = json.loads((folder / "scoring.json").read_text())
    scoring["calibration"]["slope"] *= 1.01
    (folder / "scoring.json").write_text(json.dumps(scoring))
    done = run_alone(folder, "--check")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["faults"] == ["scoring.json is not the file of the manifest"]
    assert found["rows"] == 0, "an altered folder scores nothing"


@pytest.mark.parametrize("how", ["one bit", "half", "gone"])
def test_a_damaged_folder_says_which_file_it_is(
    bundle: Bundle, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words, whatever was done to a file: never as an error of the runtime."""
    monkeypatch.setenv("LOOPLINE_SIGNING_KEY", KEY.decode())
    export_model(bundle, tmp_path / "whole", KEY, "float32")
    assert check(tmp_path / "whole")["faults"] == []
    for file in (tmp_path / "whole").iterdir():
        folder = tmp_path / f"without {file.name}"
        shutil.copytree(tmp_path / "whole", folder)
        data = file.read_bytes()
        damaged = {"one bit": bytes([data[0] ^ 1, *data[1:]]), "half": data[: len(data) // 2]}
        if how == "gone":
            (folder / file.name).unlink()
        else:
            (folder / file.name).write_bytes(damaged[how])
        faults = check(folder)["faults"]
        assert any(file.name in fault for fault in faults), (file.name, faults)


def test_the_same_bundle_gives_the_same_folder_and_an_existing_one_is_kept(bundle: Bundle, tmp_path: Path) -> None:
    assert export_model(bundle, tmp_path / "a", KEY, "float32") == export_model(bundle, tmp_path / "b", KEY, "float32")
    with pytest.raises(EdgeError, match="exists already"):
        export_model(bundle, tmp_path / "a", KEY, "float32")
    with pytest.raises(EdgeError, match="there is no folder"):
        export_model(bundle, tmp_path / "nowhere" / "a", KEY, "float32")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_the_graph_encodes_learned_and_hashed_categories_as_the_encoder(bundle: Bundle, tmp_path: Path) -> None:
    encoder = Encoder(("amount", "shop", "bank"), {"shop": ("bar", "inn")}, frozenset({"shop"}), {"bank": 4})
    rows = pa.table(
        {
            "amount": [1.0, None, -0.0, 1e300],
            "shop": ["bar", "zoo", None, "inn"],
            "bank": ["one", None, "three", "one"],
        }
    )
    graph = _identity(len(encoder.columns))
    # The model of this graph is one row of the matrix: each column in turn is the probability.
    for place in range(len(encoder.columns)):
        parts = replace(bundle.parts, calibration=Calibration())
        whole = whole_graph(_With(parts, encoder), graph(place))
        assert _column(whole, encoder, rows, place) == encoder.encode(rows)[:, place].tobytes()


def test_trees_do_not_get_smaller_and_rounding_changes_scores(bundle: Bundle) -> None:
    matrix = bundle.parts.encoder.encode(sample_features(800, seed=4))
    found = {one.variant: one for one in measured(bundle.parts, matrix)}
    assert found["float32"].largest_difference == 0.0
    assert found["float32"].bytes == len(bundle.parts.model)
    for variant in ("float16", "int8"):
        assert found[variant].bytes > 0.95 * found["float32"].bytes
        assert found[variant].zipped < found["float32"].zipped
        assert found[variant].largest_difference > 0
        assert not found[variant].pays
    assert variant_of(bundle.parts.model, "float32") == bundle.parts.model


@pytest.mark.filterwarnings("error")
def test_a_split_of_known_from_missing_values_is_on_no_scale(bundle: Bundle) -> None:
    """Its threshold is the largest float32: as a step of a scale it would leave no other step for the feature."""
    largest = float(np.finfo(np.float32).max)
    graph = onnx.load_model_from_string(bundle.parts.model)
    (values,) = (one for node in graph.graph.node for one in node.attribute if one.name == "nodes_values")
    kept = list(values.floats)
    place = next(n for n, value in enumerate(kept) if value > 1_000)
    values.floats[place] = largest
    rounded = onnx.load_model_from_string(variant_of(graph.SerializeToString(), "int8"))
    (found,) = (one for node in rounded.graph.node for one in node.attribute if one.name == "nodes_values")
    assert found.floats[place] == largest
    others = np.delete(np.array(kept), place), np.delete(np.array(found.floats), place)
    assert np.abs(others[0] - others[1]).max() <= np.ptp(others[0]) / 254


def test_a_variant_is_exported_with_its_own_scores(bundle: Bundle, tmp_path: Path) -> None:
    export_model(bundle, tmp_path / "model", KEY, "int8")
    done = run_alone(tmp_path / "model", "--check")
    assert done.returncode == 0, done.stdout
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["variant"] == "int8"


def test_a_row_that_lacks_a_feature_is_refused_by_name(bundle: Bundle, table: pa.Table, tmp_path: Path) -> None:
    export_model(bundle, tmp_path / "model", KEY, "float32")
    (row,) = as_json(table.slice(1, 1))
    model = Model(tmp_path / "model")
    with pytest.raises(ValueError, match="the row has no 'spent_30d'"):
        model.decide([{name: value for name, value in row.items() if name != "spent_30d"}])
    with pytest.raises(ValueError, match="mean_spent_90d is 'much'; write a text for a category, else a number"):
        model.decide([row | {"mean_spent_90d": "much"}])


class _With:
    """A bundle's parts with another encoder, for the graph alone."""

    def __init__(self, parts: Any, encoder: Encoder) -> None:
        self.encoder, self.calibration, self.policy = encoder, parts.calibration, parts.policy


def _identity(width: int) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    def model(place: int) -> bytes:
        nodes = [helper.make_node("Gather", ["input", "place"], ["probabilities"], axis=1)]
        graph = helper.make_graph(
            nodes, "one column",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, width])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 1])],
            [numpy_helper.from_array(np.array([place], np.int64), "place")],
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", 1)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())

    return model


def _column(graph: bytes, encoder: Encoder, rows: pa.Table, place: int) -> bytes:
    import onnxruntime

    model = Model.__new__(Model)
    model.session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    kinds = {"amount": {"kind": "number"}, "shop": {"kind": "text"}, "bank": {"kind": "hashed", "buckets": 4}}
    feeds = {name: model._column({"name": name, **kind}, rows.to_pylist()) for name, kind in kinds.items()}
    return bytes(np.asarray(model.session.run(["raw"], feeds)[0], np.float32).tobytes())
