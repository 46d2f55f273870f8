"""The sample product with usual values and a policy of recourse, and requests of it.

Belongs here: samples for the tests of reasons that are proved and of recourse. Does not belong here: assertions.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from assets.bundle.bundle import BundleParts, ReasonWords
from assets.bundle.contract import BundleContract, ColumnRule, SourceRules
from assets.bundle.usual import UsualValues
from assets.product import Change, Compare, Recourse, Rule
from assets.serving.engine import Engine
from tests.support.models.serving_samples import CUSTOMERS, NOW, bundle_of, sample_features, sample_parts

RECOURSE = Recourse(
    {
        "amount": Change("fall", low=500, step=250),
        "income_monthly": Change("rise", high=6_000, by=0.5, step=100),
        "purpose": Change("either", to=("home", "education")),
    }
)
CONTRACT = BundleContract(
    spine="applications",
    sources={
        "applications": SourceRules(
            "applied_at",
            "known_at",
            {
                "amount": ColumnRule("number", low=1_000, high=200_000),
                "income_monthly": ColumnRule("number", required=False, low=0, high=5_500),
                "purpose": ColumnRule("string", members=("car", "home", "education")),
            },
        )
    },
)
"""Narrower than the policy: no amount below 1,000, no income above 5,500."""
LIMIT = Rule(
    "long_loan",
    "limit",
    Compare("amount", ">", 12_000),
    "The amount is above 12,000",
    "risk",
    NOW.date().replace(day=1),
)


def explained_parts(version: str = "1", **changes: Any) -> BundleParts:
    """A bundle's parts whose reasons are proved, and whose declined people have a recourse."""
    parts = sample_parts(version)
    matrix = parts.encoder.encode(sample_features())
    scores = Engine(bundle_of(parts), None).scorer.score(matrix)
    accepted = matrix[scores < parts.policy.threshold]
    usual = UsualValues.of(accepted, parts.encoder.places)
    medians = {
        name: usual.cells[parts.encoder.places[name].start]
        for name in parts.encoder.features
        if name not in parts.encoder.categories
    }
    words = {name: ReasonWords(f"{name} is high", f"{name} is low", median) for name, median in medians.items()}
    policy = replace(parts.policy, reasons={**words, "purpose": "The purpose"})
    made = replace(parts, policy=policy, usual=usual, recourse=RECOURSE, contract=CONTRACT, rules=(LIMIT,))
    return replace(made, **changes)


def requests(seed: int = 11) -> Iterator[dict[str, Any]]:
    """Requests without end, of which about half are declined."""
    random = np.random.default_rng(seed)
    number = 0
    while True:
        number += 1
        yield {
            "application_id": f"A{number}",
            "customer_id": f"C{random.integers(0, CUSTOMERS)}",
            "amount": float(np.round(random.uniform(1_000, 20_000), 2)),
            "income_monthly": None if random.random() < 0.05 else float(np.round(random.uniform(800, 5_400), 2)),
            "purpose": str(random.choice(["car", "home", "education"])),
            "as_of": NOW.isoformat(),
        }
