"""A small real bundle's parts, and rows with their reference profile."""

from tests.support.data.monitored_rows import profile, rows, scores
from tests.support.models.serving_fixtures import parts

__all__ = ["parts", "profile", "rows", "scores"]
