"""Rules, three answers and exploration: a decision, the batch score of its row and its replay give the same."""

import json
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assets.bundle.answers import is_explored
from assets.bundle.bundle import BundleError, BundleParts
from assets.bundle.files import load_bundle, write_bundle
from assets.monitoring.scoring import AnswerCounts, scored_rows
from assets.product import Compare, IsNull, OneOf, Rule
from assets.replay.decision import replay
from assets.serving.decision import Decision
from assets.serving.engine import Engine
from assets.serving.metrics import Metrics
from resources.online_store.event_blocks import TIMESTAMP
from resources.online_store.lmdb.store import LmdbStore
from tests.support.models.serving_samples import NOW, bundle_of, kernel, transactions

KEY = b"k" * 32
ROWS = 120


def rule(name: str, kind: str, when: Any, **fields: Any) -> Rule:
    return Rule(
        **{
            "id": name, "kind": kind, "when": when, "reason": f"Because of {name}", "owner": "policy@bank.example",
            "valid_from": date(2026, 1, 1), **fields,
        }
    )  # fmt: skip


RULES = (
    rule("too_large", "knock_out", Compare("amount", ">", 17_000)),
    rule("low_income", "knock_out", Compare("income_monthly", "<", 1000), outcome="refer"),
    rule("velocity", "limit", Compare("transactions_30d", ">", 65)),
    rule("no_income", "refer", IsNull("income_monthly"), outcome="refer"),
    rule("gambler", "limit", Compare("gambling_90d", ">", 0.2), mode="shadow"),
    rule("cars", "knock_out", OneOf("purpose", ("car",)), mode="shadow"),
    rule("ended", "knock_out", Compare("amount", ">", 0), valid_until=date(2026, 2, 28)),
)
THREE: dict[str, Any] = {"refer": "review", "refer_threshold": 0.3, "exploration": 0.25}


def with_rules(parts: BundleParts, rules: tuple[Rule, ...] = RULES, **policy: Any) -> BundleParts:
    return replace(parts, rules=rules, policy=replace(parts.policy, **{**THREE, **policy}))


@pytest.fixture
def engine(parts: BundleParts, store: LmdbStore) -> Engine:
    return Engine(bundle_of(with_rules(parts)), store, as_of_allowed=True)


def requests() -> list[dict[str, Any]]:
    random = np.random.default_rng(11)
    return [
        {
            "application_id": f"A{number}",
            "customer_id": f"C{random.integers(0, 55)}",
            "amount": round(float(random.uniform(500, 20_000)), 2),
            "income_monthly": None if number % 11 == 0 else round(float(random.uniform(800, 6000)), 2),
            "purpose": str(random.choice(["car", "home", "education"])),
            "as_of": NOW.isoformat(),
        }
        for number in range(ROWS)
    ]


def features_of(asked: list[dict[str, Any]]) -> pa.Table:
    """The feature table of these requests, as the lake has it."""
    columns = {name: [request[name] for request in asked] for name in asked[0] if name != "as_of"}
    spine = pa.table(columns | {"as_of": pa.array([NOW] * len(asked), TIMESTAMP)})
    table = kernel().compute({"transactions": transactions(events_each=200)}, spine)
    return table.append_column("application_id", spine["application_id"]).append_column("as_of", spine["as_of"])


@pytest.mark.parametrize("explore_by", ["accept", "refer"])
def test_a_decision_its_batch_score_and_its_replay_agree(parts: BundleParts, store: LmdbStore, explore_by: str) -> None:
    engine = Engine(bundle_of(with_rules(parts, explore_by=explore_by)), store, as_of_allowed=True)
    asked = requests()
    decided = [engine.decide(request, now=NOW) for request in asked]
    together = scored_rows(engine.bundle, features_of(asked), ["application_id"])
    assert together.table.to_pylist() == [
        {
            "application_id": one.row_id, "score": one.score, "outcome": one.outcome,
            "rules": json.dumps(list(one.rules)), "shadow_rules": json.dumps(list(one.shadow_rules)),
            "explored": one.explored, "model_version": "1",
        }
        for one in decided
    ]  # fmt: skip
    assert {one.outcome for one in decided} == {"approve", "decline", "review"}
    assert 0 < together.counts.explored == sum(one.explored for one in decided)
    names = {name for one in decided for name in (*one.rules, *one.shadow_rules)}
    assert names == {other.id for other in RULES} - {"ended"} == {n for n, hits in together.counts.hits.items() if hits}
    for one in decided:
        recorded = Decision.from_record(json.loads(json.dumps(one.to_record())))
        assert recorded == one
        assert replay(recorded, engine.bundle) == ()


def test_rows_that_are_scored_in_blocks_give_the_same_and_their_counts_add_up(engine: Engine) -> None:
    table = features_of(requests())
    whole = scored_rows(engine.bundle, table, ["application_id"])
    blocks = [scored_rows(engine.bundle, table.slice(at, 50), ["application_id"]) for at in (0, 50, 100, 150)]
    assert pa.concat_tables([block.table for block in blocks]).equals(whole.table)
    counts = [AnswerCounts(**json.loads(json.dumps(asdict(block.counts)))) for block in blocks]
    assert sum(counts, AnswerCounts()) == whole.counts
    told = whole.counts.metadata(ROWS)
    assert told["referred_share"] == whole.table["outcome"].to_pylist().count("review") / ROWS
    assert told["rule_hits"]["velocity"] == sum('"velocity"' in text for text in whole.table["rules"].to_pylist())
    assert AnswerCounts().metadata(0) == {"refused_share": 0.0}


def test_the_severest_answer_counts_and_says_why(engine: Engine) -> None:
    decided = {one.row_id: one for one in (engine.decide(request, now=NOW) for request in requests())}
    policy = engine.bundle.policy
    for one in decided.values():
        words = [reason.text for reason in one.reasons if reason.rule is not None]
        if {"too_large", "low_income"} & set(one.rules):
            assert (one.score, one.fallback, one.features, one.explored) == (None, None, {}, False)
            assert one.outcome == ("decline" if "too_large" in one.rules else "review")
            assert words == [reason.text for reason in one.reasons]
            continue
        assert one.score is not None
        if "velocity" in one.rules:
            assert (one.outcome, one.explored, words) == ("decline", False, ["Because of velocity"])
            # The score gives no reasons for a refusal that is not its own.
            assert (len(one.reasons) > 1) == (one.score >= policy.refer_from)
        elif one.score >= policy.threshold and not one.explored:
            assert (one.outcome, words) == ("decline", [])
        elif "no_income" in one.rules:
            assert (one.outcome, words) == ("review", ["Because of no_income"])
        else:
            refers = policy.refer_from <= one.score < policy.threshold
            assert one.outcome == ("review" if refers else "approve")


def test_the_third_answer_lies_between_the_thresholds(engine: Engine, parts: BundleParts) -> None:
    plain = Engine(bundle_of(replace(parts, policy=engine.bundle.policy)), None)
    scored = plain.score_table(features_of(requests()))
    wanted = np.select([scored.scores >= 0.5, scored.scores >= 0.3], ["decline", "review"], "approve")
    free = ~scored.answers.explored
    assert np.array(scored.outcomes)[free].tolist() == wanted[free].tolist()
    assert set(np.array(scored.outcomes)[~free]) == {"approve"}
    # About a quarter of the refusals, by the hash alone: another bundle explores others.
    refused = wanted == "decline"
    assert 0.1 < (~free & refused).sum() / refused.sum() < 0.45
    other = Engine(replace(plain.bundle, digest="ef" * 32), None).score_table(features_of(requests()))
    assert other.answers.explored.tolist() != scored.answers.explored.tolist()


def test_without_features_only_rules_on_the_request_fire(parts: BundleParts) -> None:
    """The store is not there: `velocity` cannot be known, a missing income can; nothing is explored."""
    engine = Engine(bundle_of(with_rules(parts, fallback="approve")), None, as_of_allowed=True)
    for request in requests():
        one = engine.decide(request, now=NOW)
        assert not {"velocity", "gambler"} & {*one.rules, *one.shadow_rules}
        if "no_income" in one.rules and one.fallback:
            assert (one.outcome, one.fallback) == ("review", "policy")
        elif one.fallback:
            assert (one.outcome, one.reasons) == ("approve", ())
        assert replay(one, engine.bundle) == ()


def test_a_bundle_keeps_its_rules_and_refuses_altered_ones(parts: BundleParts, tmp_path: Path) -> None:
    with_them = with_rules(parts)
    digest = write_bundle(with_them, tmp_path / "bundle", KEY)
    loaded = load_bundle(tmp_path / "bundle", KEY, digest).parts
    assert (loaded.rules, loaded.policy) == (RULES, with_them.policy)
    file = tmp_path / "bundle" / "rules.json"
    file.write_bytes(file.read_bytes().replace(b"17000", b"99000"))
    with pytest.raises(BundleError, match=r"rules.json is not the file that was signed"):
        load_bundle(tmp_path / "bundle", KEY, digest)


def test_a_bundle_without_rules_has_the_files_of_before(parts: BundleParts, tmp_path: Path) -> None:
    write_bundle(parts, tmp_path / "bundle", KEY)
    assert not (tmp_path / "bundle" / "rules.json").exists()
    assert not {"refer", "exploration"} & set(json.loads((tmp_path / "bundle" / "policy.json").read_text()))
    assert load_bundle(tmp_path / "bundle", KEY, None).parts.rules == ()


def test_a_bundle_does_not_hold_rules_that_it_cannot_apply(parts: BundleParts) -> None:
    with pytest.raises(BundleError, match=r"rule spent reads spent"):
        with_rules(parts, (rule("spent", "limit", Compare("spent", ">", 1)),))
    with pytest.raises(BundleError, match="rule no_income refers, but the policy has no outcome"):
        with_rules(parts, RULES[3:4], refer=None, refer_threshold=None)


def test_hits_are_counted_by_rule_and_mode(engine: Engine) -> None:
    metrics = Metrics()
    decided = [engine.decide(request, now=NOW) for request in requests()[:40]]
    for one in decided:
        metrics.count(one)
        metrics.count(replace(one, role="shadow"))
    for name, mode, of in (("too_large", "active", "rules"), ("cars", "shadow", "shadow_rules")):
        hits = sum(name in getattr(one, of) for one in decided)
        counted = f'loopline_rule_hits_total{{mode="{mode}",product="loans",rule="{name}"}} {float(hits)}'
        assert hits > 0
        assert counted in metrics.text().decode()


def test_a_decision_of_before_rules_is_read(engine: Engine) -> None:
    record = engine.decide(requests()[1], now=NOW).to_record()
    for name in ("rules", "shadow_rules", "refer_threshold", "exploration", "explored"):
        record.pop(name)
    read = Decision.from_record(record)
    assert (read.rules, read.shadow_rules, read.refer_threshold, read.explored) == ((), (), None, False)


def test_an_entity_that_asks_again_gets_the_same_draw_from_a_bundle_and_another_from_the_next(
    parts: BundleParts, store: LmdbStore
) -> None:
    """No row id that a caller thinks of helps; the batch score and the replay draw alike."""
    by_entity = with_rules(parts, (), refer=None, refer_threshold=None, threshold=0.0, explore_keys=("customer_id",))
    engine = Engine(bundle_of(by_entity), store, as_of_allowed=True)
    asked = requests()
    decided = [engine.decide(request, now=NOW) for request in asked]
    draws: dict[str, set[bool]] = {}
    for one in decided:
        draws.setdefault(str(one.keys["customer_id"]), set()).add(one.explored)
    assert all(len(found) == 1 for found in draws.values())
    assert 0 < sum(found == {True} for found in draws.values()) < len(draws)
    assert len(draws) < len(decided), "nobody asked twice"
    table = features_of(asked).append_column("customer_id", pa.array([request["customer_id"] for request in asked]))
    assert scored_rows(engine.bundle, table, []).table["explored"].to_pylist() == [one.explored for one in decided]
    assert all(replay(one, engine.bundle) == () for one in decided)
    following = replace(engine.bundle, digest="2" * 64)
    assert any(is_explored(following, one.row_id, one.keys) is not one.explored for one in decided)


def test_a_bundle_says_by_which_keys_it_draws(parts: BundleParts, tmp_path: Path) -> None:
    policies = []
    for number, keys in enumerate([(), ("customer_id",)]):
        write_bundle(with_rules(parts, explore_keys=keys), tmp_path / str(number), KEY)
        policies.append(load_bundle(tmp_path / str(number), KEY, None).policy.explore_keys)
    assert policies == [(), ("customer_id",)]
    assert "explore_keys" not in (tmp_path / "0" / "policy.json").read_text(), "as before: its digest stays"


def test_a_bundle_of_before_draws_each_row_by_itself(engine: Engine) -> None:
    drawn = {is_explored(engine.bundle, f"A{number}", {"customer_id": "C1"}) for number in range(50)}
    assert drawn == {True, False}
