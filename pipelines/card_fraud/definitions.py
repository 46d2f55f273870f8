"""The code location `card_fraud`."""

from pipelines.build import build_pipeline
from pipelines.card_fraud.product import PRODUCT
from resources.environments import load_environment

defs = build_pipeline(PRODUCT, environment=load_environment())
