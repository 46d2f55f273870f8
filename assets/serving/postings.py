"""Outcomes and reviews that are posted to the service: what each is about, and whether it is taken.

Belongs here: the source that takes a post, the decision that it is about. Does not belong here: status codes (`http`),
the fields of a body (`requests.posted`), keeping rows (`log/posted_log.py`).

    POST /outcomes  {"product": …, "outcome_id": …, "row_id" or "decision_id": …, "value": …, "event_time": …}
    POST /reviews   {"decision_id": …, "outcome": …, "by": …, "reason": …}

Both become rows of a source that the product declares, as `PostedOutcomes` and `PostedReviews`. Other columns of its
contract are fields of the body too. The contract is that of the champion's bundle.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assets.bundle.contract import PostedRules, Route, SourceRules
from assets.serving.decision import Decision, NoDecision
from assets.serving.live.product import LiveProduct
from assets.serving.log.decision_log import find_decision
from assets.serving.log.posted_log import Conflict, PostedLog
from assets.serving.metrics import Metrics
from assets.serving.requests.parse import RequestError, parse_json
from assets.serving.requests.posted import parse_posted
from assets.serving.requests.wording import shown
from resources.clock import Clock
from resources.errors import LooplineError

_KIND: dict[Route, str] = {"outcomes": "PostedOutcomes", "reviews": "PostedReviews"}


class NotDeclared(LooplineError):
    """The product has no source that takes such posts; the message says what to declare."""


class Postings:
    """Takes posted outcomes and reviews; safe to use from several threads.

    Args:
        live: The live product of a name.
        asked: Whether people are asked about a decision of a product: it is in the product's review queue.
        decisions: The folder of the decision log.
        clock: Says when a post without a time became known.
        any_time: Whether a post may say when it became known.
    """

    def __init__(
        self,
        live: Callable[[str], LiveProduct],
        asked: Callable[[Decision], bool],
        log: PostedLog,
        decisions: Path,
        metrics: Metrics,
        clock: Clock,
        *,
        any_time: bool,
    ) -> None:
        self._live, self._log, self._decisions, self._metrics = live, log, decisions, metrics
        self._asked, self._clock, self._any_time = asked, clock, any_time

    def outcome(self, body: bytes) -> dict[str, Any]:
        """Takes the outcome in a body, on disk when this returns.

        Raises:
            RequestError: The body is invalid.
            NotRolledOut, NoChampion: As for a decision.
            NotDeclared: The product takes no outcomes.
            NoDecision: There is no such decision.
            Conflict, DecisionLogError, TimeoutError, LockError: See `PostedLog.keep`.
        """
        fields = dict(parse_json(body))
        product = fields.pop("product", None)
        if not isinstance(product, str):
            raise RequestError("field 'product' must be a text")
        live = self._live(product)
        source, rules, posted = _taking(live, "outcomes")
        if "decision_id" in fields:
            decision = self._answered(fields["decision_id"], live.product)
            rule = rules.columns.get(posted.fields["row_id"])
            if rule is None or rule.tokenised:
                raise RequestError("field 'decision_id': the source keeps the row's id as a token; send 'row_id'")
            if fields.setdefault("row_id", decision.row_id) != decision.row_id:
                raise RequestError(f"'row_id' is not the row of decision {decision.id}; send one of both")
            if "decision_id" not in rules.columns:
                del fields["decision_id"]
        return self._kept(live.product, source, rules, posted, fields)

    def review(self, body: bytes) -> dict[str, Any]:
        """Takes the review in a body, on disk when this returns; raises what `outcome` does.

        Raises:
            Conflict: The decision was accepted or refused, and nobody is asked about it: there is nothing to review.
            QueueError: The review queue, which says so, cannot be read now.
        """
        fields = dict(parse_json(body))
        decision = self._answered(fields.get("decision_id"), fields.pop("product", None))
        live = self._live(decision.product)
        source, rules, posted = _taking(live, "reviews")
        final = (live.champion.bundle.policy.accept, live.champion.bundle.policy.refuse)
        if decision.outcome in final and not self._asked(decision):
            raise Conflict(
                f"decision {decision.id} is {decision.outcome!r}; a review is of a decision that is neither "
                f"{final[0]!r} nor {final[1]!r}, or of one in the review queue"
            )
        problems = [
            f"field '{name}' must be a text that is not empty"
            for name in ("by", "reason")
            if not isinstance(fields.get(name), str) or not str(fields[name]).strip()
        ]
        if fields.get("outcome") not in final:
            problems.append(f"field 'outcome' is {shown(fields.get('outcome'))}; write {final[0]!r} or {final[1]!r}")
        if problems:
            raise RequestError(*problems)
        return self._kept(live.product, source, rules, posted, fields)

    def _kept(
        self, product: str, source: str, rules: SourceRules, posted: PostedRules, fields: Mapping[str, object]
    ) -> dict[str, Any]:
        now = self._clock.now()
        row = parse_posted(fields, rules, posted, now=now, any_time=self._any_time)
        kept = self._log.keep(product, source, rules, posted, row, now)
        self._metrics.posted.labels(posted.route, kept.result).inc()
        return {
            "product": product, "source": source, "id": row.id, "known_at": kept.known_at.isoformat(),
            "revision": kept.revision,
        }  # fmt: skip

    def _answered(self, decision_id: object, product: object) -> Decision:
        """The decision of an id that its caller knows."""
        if not isinstance(decision_id, str):
            raise RequestError("field 'decision_id' must be a text: the id in the answer to a decision")
        decision = find_decision(self._decisions, decision_id)
        if decision.void or decision.role == "shadow" or (product is not None and product != decision.product):
            raise NoDecision(f"decision {decision_id} was never answered, or is of another product")
        return decision


def _taking(live: LiveProduct, route: Route) -> tuple[str, SourceRules, PostedRules]:
    """The source that takes posts of a route, with its rules."""
    found = live.taking(route)
    if found is not None:
        return found
    raise NotDeclared(
        f"product '{live.product}' takes no {route}: its champion, version {live.champion.bundle.version}, knows no "
        f"source of them. Declare {_KIND[route]}(…) in the product's sources, write its contract and train a model: "
        f"loopline run {live.product}"
    )
