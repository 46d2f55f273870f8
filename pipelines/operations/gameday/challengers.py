"""Challengers that people bring: a bad one, and an unfair one.

Belongs here: making them as a person would, past the training job, and beginning their rollout. Does not belong here:
what the loop does about them, when they come (the plan).
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from assets.bundle.files import write_bundle
from assets.bundle.registration import Registration
from assets.bundle.released import champion_bundle
from assets.product import Product, ProductError
from assets.rollout.moves import NoSuchMove, Who, begun
from assets.vocabulary import Category, FeatureError
from pipelines.operations.rollout import keeper_of
from resources.environments import Environment
from resources.rollout_store.manifest import Release

_BY = "an engineer in a hurry"
_STRICTER = 20.0


def bring_bad(product: Product, environment: Environment, at: datetime) -> bool:
    """Registers a copy of the champion that refuses far more than it ought to, and begins its rollout.

    Its record claims the champion's evaluation: no gate can tell, and only those who watch the rollout can.

    Returns:
        Whether the rollout has begun; not while another one is under way.
    """
    keeper = keeper_of(environment)
    state = keeper.state(product.name)
    if state is None or state.rollout:
        return False
    champion = champion_bundle(product.name, keeper.rollout, keeper.key)
    if champion is None:
        return False
    tracking, policy = keeper.tracking, champion.parts.policy
    refer = None if policy.refer_threshold is None else policy.refer_threshold / _STRICTER
    stricter = replace(policy, threshold=policy.threshold / _STRICTER, refer_threshold=refer)
    with tracking.run(product.name, "training") as run:
        pass
    version = tracking.next_version(product.name, run.run_id)
    parts = replace(champion.parts, version=version, policy=stricter)
    with TemporaryDirectory(prefix="loopline-") as scratch:
        folder = Path(scratch) / "bundle"
        digest = write_bundle(parts, folder, keeper.key)
        record = Registration.of(parts, digest=digest, author=_BY, code="unknown")
        tracking.register(product.name, run.run_id, folder, record.to_tags())
        keeper.rollout.publish_bundle(product.name, version, folder)
    who = Who(_BY, "it looked good on my machine", at)
    try:
        keeper.apply(begun(state, (Release(version=version, digest=digest),), product.rollout, who))
    except NoSuchMove:
        return False
    keeper.follow(product.name)
    return True


def bring_unfair(product: Product) -> str:
    """Adds a protected attribute to the features of a product, as for a retraining.

    Returns:
        The words with which it is refused; empty if nothing refuses it.
    """
    if not product.protected:
        return ""
    column = product.protected[0].column
    try:
        unfair = replace(product.features, request=(*product.features.request, Category(column, ("female", "male"))))
        replace(product, features=unfair).check()
    except (ProductError, FeatureError) as refusal:
        return str(refusal)
    return ""
