"""The steps of a deployment: repairing the state, the verdict on a version, and the beginning of its rollout.

Belongs here: reading what is recorded about a version, what a person needs to answer for it, its documents. Does not
belong here: the asset (`assets.py`), whether a version may be rolled out (`promotion.py`), the moves (`moves.py`).
"""

from datetime import datetime

from assets.bundle.bundle import Bundle, BundleError
from assets.bundle.registration import Approval, Registration
from assets.product import Product, Rollout, Verdict
from assets.rollout.keeper import Keeper
from assets.rollout.moves import NoSuchMove, Who, begun, promoted
from assets.rollout.promotion import PromotionAction, PromotionSignals, promotion_verdict
from assets.rollout.registered import altered
from resources.environments import Environment
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.tracking import Tracking


def repaired_state(keeper: Keeper, product: Product, version: str, now: datetime) -> tuple[str, ...]:
    """What was repaired of the present state. A champion that is whole nowhere does not keep another version out."""
    try:
        return keeper.repair(product.name, at=now)
    except BundleError as error:
        state = keeper.state(product.name)
        if state is None or state.champion.version == version:
            raise
        return (str(error),)


def policy_in(product: Product, environment: Environment) -> Rollout:
    """The product's rollout policy in an environment."""
    is_sandbox = bool(environment.sandbox and product.sandbox)
    return product.rollout.in_sandbox() if is_sandbox else product.rollout


def rolled_out(
    keeper: Keeper, product: Product, policy: Rollout, release: Release, state: RolloutManifest | None, who: Who
) -> Verdict[PromotionAction] | None:
    """Makes a verified release the champion or begins its rollout; why it must wait, if it must."""
    if state is None:
        keeper.begin(product.name, release, by=who.by, reason=who.reason, at=who.at)
    elif state.candidate == release:
        return None
    else:
        try:
            is_direct = policy.strategy == "direct" and not state.rollout and state.hold != "frozen"
            keeper.apply(promoted(state, who, release) if is_direct else begun(state, (release,), policy, who))
        except NoSuchMove as error:
            return Verdict("wait", (str(error),))
    keeper.follow(product.name)
    return None


def verdict_on(
    product: Product,
    keeper: Keeper,
    bundle: Bundle,
    answers: tuple[Approval, ...],
    champion: str | None,
    now: datetime,
    *,
    share: float,
    moment: datetime,
) -> Verdict[PromotionAction]:
    """The verdict on a version whose published bundle was verified.

    Args:
        now: By the product's clock.
        share: The share for which it would decide first.
        moment: By the machine's clock, which dates approvals.
    """
    record = Registration.from_tags(keeper.tracking.version(product.name, bundle.version).tags)
    signals = PromotionSignals(
        version=bundle.version,
        registration=record,
        digest=bundle.digest,
        impact=product.impact,
        answers=answers,
        champion=champion,
        governance=product.governance,
        share=share,
        moment=moment,
        altered=altered(keeper, record, bundle.parts),
    )
    return promotion_verdict(signals, now)


def waiting_for(
    product: Product, tracking: Tracking, environment: Environment, version: str, verdict: Verdict[PromotionAction]
) -> dict[str, str]:
    """What a person needs to answer: the version, the reason, the model card and the commands."""
    terms = f"{product.name} {version} --by NAME --reason TEXT"
    return {
        "version": version,
        "reason": "; ".join(verdict.reasons),
        "model_card": _document(tracking, product, environment, version, "model_card.md"),
        "approve": f"loopline approve {terms}",
        "reject": f"loopline reject {terms}",
    }


def kept_page(tracking: Tracking, product: Product, environment: Environment, version: str, text: str) -> str:
    """Keeps the page of a version's rollout beside its model card; returns its address."""
    tracking.resumed(tracking.version(product.name, version).run_id).html("rollout", text)
    return _document(tracking, product, environment, version, "rollout.html")


def _document(tracking: Tracking, product: Product, environment: Environment, version: str, name: str) -> str:
    """The address of a document of a version's run."""
    run, uri = tracking.resumed(tracking.version(product.name, version).run_id), environment.mlflow_tracking_uri
    pages = uri if uri.startswith("http") else f"http://127.0.0.1:{environment.ports.mlflow}"
    return f"{run.page(pages)}/artifacts/documents/{name}"


def refusal(product: Product, version: str, verdict: Verdict[PromotionAction]) -> str:
    remedy = {
        "evaluate_again": f"Run the job {product.name}_retrain again",
        "refuse": "See the checks of the asset evaluation, and the answers on the version",
        "wait": "",
        "promote": "",
    }[verdict.action]
    return f"{product.name} version {version}: {verdict.action}: {'; '.join(verdict.reasons)}. {remedy}"
