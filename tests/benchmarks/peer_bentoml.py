"""A peer of `bench_services`: a BentoML service that answers a constant."""

from typing import Any

import bentoml


@bentoml.service(name="constant", workers=1)
class Constant:
    """Answers without looking at the request."""

    @bentoml.api(route="/decide")
    async def decide(self, request: dict[str, Any]) -> dict[str, Any]:
        """The constant."""
        return {"score": 0.5, "outcome": "approve"}
