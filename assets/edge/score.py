"""Scores rows of features with the model beside this file. It needs Python, numpy and onnxruntime, and nothing else.

    python score.py ROWS.jsonl     one JSON object a line in, one a line out: score, outcome, rules, explored
    python score.py --check        files against manifest.json, scores against samples.json; exit status 0 if both hold

A row has every feature that scoring.json names: a number, a text, or null where it is missing; beside them `as_of` and
the columns that rules read, where there are rules. Scores are those of the bundle, to the last bit on the same kind of
machine: the model runs in ONNX Runtime, and what follows it is the same float64 arithmetic. `model.onnx` also has an
output `score` of its own, for runtimes without Python; it may differ in the last digits.

With LOOPLINE_SIGNING_KEY set, --check also verifies the manifest's signature.
"""

import hashlib
import hmac
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent
MISSING = "\x01missing"
CLOSE = 1e-9
ACCEPT, REFER, REFUSE = 0, 1, 2
SEVERITY = {"refer": REFER, "refuse": REFUSE}
LARGEST = float(np.finfo(np.float32).max)
Row = Mapping[str, Any]


class Model:
    """The model of a folder: `Model(folder).decide(rows)`."""

    def __init__(self, folder: Path = HERE) -> None:
        self.scoring = json.loads((folder / "scoring.json").read_text(encoding="utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = (folder / "model.onnx").read_bytes()
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def decide(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Score, outcome, fired rules and exploration of each row; the score is null where a knock-out decided."""
        early = [self._knocked_out(row) for row in rows]
        kept = [row for row, answer in zip(rows, early, strict=True) if answer is None]
        scores = iter(self.scores(kept)[0].tolist() if kept else ())
        return [
            self._answer(row, next(scores)) if answer is None else answer
            for row, answer in zip(rows, early, strict=True)
        ]

    def scores(self, rows: Sequence[Row]) -> tuple[Any, Any]:
        """The scores of rows, float64 [n]: those of the bundle, and those that the graph computes by itself."""
        feeds = {feature["name"]: self._column(feature, rows) for feature in self.scoring["features"]}
        raw, score = self.session.run(["raw", "score"], feeds)
        return calibrated(self.scoring["calibration"], np.asarray(raw, np.float64)), np.asarray(score, np.float64)

    def _column(self, feature: Mapping[str, Any], rows: Sequence[Row]) -> Any:
        """The values of a feature as the graph takes them: [n, 1] of float32, of text, or of a bucket's number."""
        name, values = feature["name"], []
        for row in rows:
            if name not in row:
                raise ValueError(f"the row has no '{name}'; it has {', '.join(sorted(row))}")
            value = row[name]
            if value is not None and isinstance(value, str) != (feature["kind"] != "number"):
                raise ValueError(f"{name} is {value!r}; write a text for a category, else a number")
            values.append(value)
        if feature["kind"] == "number":
            numbers = np.array([[math.nan if value is None else value] for value in values], np.float64) + 0.0
            if np.isinf(numbers).any():
                raise ValueError(f"{name} is infinite")
            return np.clip(numbers, -LARGEST, LARGEST).astype(np.float32)
        if feature["kind"] == "hashed":
            buckets = feature["buckets"]
            return np.array([[buckets if v is None else bucket(v, buckets)] for v in values], np.int64)
        return np.array([[MISSING if value is None else value] for value in values], object)

    def _knocked_out(self, row: Row) -> dict[str, Any] | None:
        """The answer of the rules that need no model; null where none of them decides."""
        fired = [rule for rule in self._fired(row) if rule["kind"] == "knock_out"]
        if not fired:
            return None
        answer = max(SEVERITY[rule["outcome"]] for rule in fired)
        return self._told(None, answer, [rule["id"] for rule in fired], False)

    def _answer(self, row: Row, score: float) -> dict[str, Any]:
        """The answer of score, exploration and rules: the severest counts."""
        scoring = self.scoring
        given = int(score >= scoring["refer_from"]) + int(score >= scoring["threshold"])
        fired = self._fired(row)
        ruled = max((SEVERITY[rule["outcome"]] for rule in fired), default=ACCEPT)
        explored = given == REFUSE and ruled < REFUSE and self._is_explored(row)
        if explored:
            given = REFER if scoring["explore_by"] == "refer" else ACCEPT
        return self._told(score, max(given, ruled), [rule["id"] for rule in fired], explored)

    def _told(self, score: float | None, answer: int, rules: list[str], explored: bool) -> dict[str, Any]:
        return {"score": score, "outcome": self.scoring["words"][answer], "rules": rules, "explored": explored}

    def _fired(self, row: Row) -> list[Mapping[str, Any]]:
        """The active rules that fire on the row, on the UTC day of its as-of time."""
        rules = [rule for rule in self.scoring["rules"] if rule["mode"] == "active"]
        if not rules:
            return []
        day = datetime.fromisoformat(row["as_of"]).astimezone(UTC).date()
        return [
            rule
            for rule in rules
            if holds_on(rule, day) and reads(rule["when"]) <= set(row) and truth(rule["when"], row)
        ]

    def _is_explored(self, row: Row) -> bool:
        """Whether a refusal by the score is let past: a hash of bundle and entity."""
        share, keys, digest = self.scoring["exploration"], self.scoring["explore_keys"], self.scoring["digest"]
        if share == 0.0:
            return False
        text = (
            json.dumps([digest, *(str(row[key]) for key in keys)])
            if keys
            else f"{digest}/{row[self.scoring['row_id']]}"
        )
        drawn = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < share * 2.0**64


def calibrated(calibration: Mapping[str, Any], raw: Any) -> Any:
    """The probabilities of raw scores, float64, by the bundle's calibration; amounts as they are."""
    if calibration["method"] == "none":
        if not np.isfinite(raw).all():
            raise ValueError("the model gave no number")
        return raw
    if not ((raw >= 0.0) & (raw <= 1.0)).all():
        raise ValueError("the model gave no probability")
    if calibration["method"] == "piecewise":
        knots = np.array(calibration["knots"], np.float64)
        return np.interp(raw, knots[:, 0], knots[:, 1])
    bounded = np.clip(raw, 1e-7, 1.0 - 1e-7)
    if calibration["method"] == "beta":
        z = calibration["slope"] * np.log(bounded) - calibration["fall"] * np.log1p(-bounded) + calibration["intercept"]
    else:
        z = calibration["slope"] * (np.log(bounded) - np.log1p(-bounded)) + calibration["intercept"]
    shrunk = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, shrunk) / (1.0 + shrunk)


def bucket(value: str, buckets: int) -> int:
    """The bucket of a hashed category."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big") % buckets


def holds_on(rule: Mapping[str, Any], day: date) -> bool:
    """Whether a rule is valid on a day."""
    until = rule["valid_until"]
    return date.fromisoformat(rule["valid_from"]) <= day and (until is None or day <= date.fromisoformat(until))


def reads(condition: Mapping[str, Any]) -> set[str]:
    """The columns that a condition reads."""
    inner = condition.get("conditions", [condition["condition"]] if "condition" in condition else [])
    own = {condition[name] for name in ("column", "per") if condition.get(name) is not None}
    return own.union(*map(reads, inner))


def truth(condition: Mapping[str, Any], row: Row) -> bool | None:
    """Whether a condition is true of a row; null for unknown."""
    kind = condition["is"]
    if kind in ("all_of", "any_of"):
        decides = kind == "any_of"
        found = [truth(each, row) for each in condition["conditions"]]
        return decides if decides in found else None if None in found else not decides
    if kind == "not":
        inner = truth(condition["condition"], row)
        return None if inner is None else not inner
    value = row[condition["column"]]
    if kind == "null":
        return missing(value)
    if kind == "one_of":
        return None if value is None else value in condition["values"]
    return compared(condition, value, row)


def compared(condition: Mapping[str, Any], value: Any, row: Row) -> bool | None:
    """A number, or a ratio of two, beside a bound."""
    if missing(value):
        return None
    number, bound = float(value), condition["value"]
    if condition["per"] is not None:
        by = row[condition["per"]]
        if missing(by) or float(by) == 0.0:
            return None
        number = number / float(by)
    tests = {
        "<": number < bound, "<=": number <= bound, ">": number > bound, ">=": number >= bound, "==": number == bound,
        "!=": number != bound,
    }  # fmt: skip
    return tests[condition["test"]]


def missing(value: Any) -> bool:
    """Whether there is no value."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def faults(folder: Path) -> list[str]:
    """What is wrong with the files of a folder, by its manifest."""
    if not (folder / "manifest.json").is_file():
        return ["manifest.json is missing"]
    manifest = (folder / "manifest.json").read_bytes()
    found: list[str] = []
    try:
        files = json.loads(manifest)["files"]
    except ValueError:
        return ["manifest.json cannot be read"]
    for name, entry in files.items():
        if not (folder / name).is_file():
            found.append(f"{name} is missing")
        elif hashlib.sha256((folder / name).read_bytes()).hexdigest() != entry["sha256"]:
            found.append(f"{name} is not the file of the manifest")
    secret = os.environ.get("LOOPLINE_SIGNING_KEY", "").strip()
    if secret:
        try:
            key = bytes.fromhex(secret)
        except ValueError:
            key = secret.encode()
        signed = folder / "signature"
        signature = signed.read_text(encoding="ascii").strip() if signed.is_file() else ""
        if not hmac.compare_digest(hmac.new(key, manifest, hashlib.sha256).hexdigest(), signature):
            found.append("the signature does not fit manifest.json and LOOPLINE_SIGNING_KEY")
    return found


def check(folder: Path) -> dict[str, Any]:
    """The files and the scores of the samples, beside what they must be.

    Where a file is missing or another, no row is scored: the model may not even be one.
    """
    told = faults(folder)
    if told:
        unknown = dict.fromkeys(("rows", "identical", "outcomes_differ"), 0)
        return {"faults": told, **unknown, "largest_difference": 0.0, "largest_difference_of_the_graph": 0.0}
    samples = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    model = Model(folder)
    rows, expected = samples["rows"], samples["expected"]
    answers = model.decide(rows)
    pairs = [(a["score"], e["score"]) for a, e in zip(answers, expected, strict=True)]
    gaps = [0.0 if one == other else abs(one - other) if None not in (one, other) else 1.0 for one, other in pairs]
    own, graph = model.scores(rows)
    return {
        "faults": told,
        "rows": len(rows),
        "identical": sum(answer == wanted for answer, wanted in zip(answers, expected, strict=True)),
        "outcomes_differ": sum(a["outcome"] != e["outcome"] for a, e in zip(answers, expected, strict=True)),
        "largest_difference": max(gaps, default=0.0),
        "largest_difference_of_the_graph": float(np.abs(own - graph).max(initial=0.0)),
    }


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    if arguments == ["--check"]:
        found = check(HERE)
        sys.stdout.write(json.dumps(found) + "\n")
        close = max(found["largest_difference"], found["largest_difference_of_the_graph"]) <= CLOSE
        return 0 if close and not found["faults"] and not found["outcomes_differ"] else 1
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(str(__doc__))
        return 2
    model = Model(HERE)
    with open(arguments[0], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    for answer in model.decide(rows):
        sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
