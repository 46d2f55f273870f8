"""The code location `credit_risk`."""

from pipelines.build import build_pipeline
from pipelines.credit_risk.product import PRODUCT
from resources.environments import load_environment

defs = build_pipeline(PRODUCT, environment=load_environment())
