"""A champion for any product, made without its data.

Belongs here: a bundle over random rows of the product's features, published as the version that decides. Does not
belong here: assertions.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from assets.bundle.bundle import Policy
from assets.bundle.files import write_bundle
from assets.bundle.profile import build_profile
from assets.features.kernel.kernel import compile_features
from assets.product import Product
from resources.environments import Environment
from resources.keys import Keys
from resources.rollout_store.manifest import Release, RolloutManifest
from resources.rollout_store.store import RolloutStore
from tests.support.models.serving_samples import trained


def crown(
    product: Product,
    environment: Environment,
    folder: Path,
    *,
    version: str = "1",
    seed: int = 1,
    created_at: datetime | None = None,
    evaluated: Mapping[str, Any] | None = None,
) -> None:
    """Publishes a champion whose model knows nothing; another seed gives another model.

    Args:
        created_at: When it was made; by default long ago.
        evaluated: Its `pins` and `metrics`, as of a champion that was evaluated on a training set.
    """
    rows, rng = 400, np.random.default_rng(seed)
    features = product.features
    columns: dict[str, pa.Array] = {
        name: pa.array(np.where(rng.random(rows) < 0.05, np.nan, rng.gamma(2.0, 50.0, rows)))
        for name in features.numeric
    }
    columns |= {name: pa.array(rng.choice(list(values) or ["a"], rows)) for name, values in features.categories.items()}
    table, label = pa.table(columns), rng.integers(0, 2, rows)
    decision = product.decision
    policy = Policy(
        threshold=0.5, accept=decision.accept, refuse=decision.refuse, fallback=decision.fallback,
        reasons={}, reasons_shown=3, row_id=product.spine.row_id, sequence=product.spine.sequence,
        refer=decision.refer, refer_threshold=None if decision.refer is None else 0.4,
    )  # fmt: skip
    kernel = compile_features(features, product.resolutions)
    parts = trained(product.name, version, kernel, policy, table, label, seed=seed, rounds=20)
    profile = build_profile(
        table, rng.beta(2, 6, rows), features.numeric, features.categories, positive_rate=0.5, auc=0.8
    )
    made = parts.created_at if created_at is None else created_at
    changed = {"reference": profile.to_dict(), "rules": product.rules, "created_at": made, **(evaluated or {})}
    parts = type(parts)(**{**vars(parts), **changed})
    digest = write_bundle(parts, folder / f"bundle-{version}", Keys.of(environment.home).signing)
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    rollout.publish_bundle(product.name, version, folder / f"bundle-{version}")
    now, before = datetime.now(UTC), rollout.read_manifest(product.name)
    manifest = RolloutManifest(
        product=product.name,
        champion=Release(version=version, digest=digest),
        updated_at=now,
        by="tests",
        reason="a champion",
        generation=1 if before is None else before.generation + 1,
    )
    rollout.publish_manifest(product.name, manifest)
