"""The feature catalogue of a product: `loopline features`.

Belongs here: opening the connections that the survey reads, and writing the page. Does not belong here: the survey
(`assets.features.catalogue.survey`), the form of the page (`assets.features.catalogue.render`), the list of models
(`assets.registry.uses`).
"""

from pathlib import Path

from assets.features.catalogue.render import to_html, to_markdown
from assets.features.catalogue.survey import FeatureSurvey, survey
from assets.product import Product
from assets.registry.uses import registered_models
from pipelines.operations.pages import write_text_page
from resources.dependencies import require
from resources.environments import Environment
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking


def catalogue_of(product: Product, environment: Environment) -> FeatureSurvey:
    """The product's features, with their use by every registered version.

    Raises:
        LakeError: The feature table is damaged.
        RolloutError, BundleError: The bundle of a registered version is missing or was altered.
        DependencyDown: MLflow, the lake or the store of bundles does not answer.
    """
    require(environment, "MLflow", "MLflow's files", "bundles", "lake")
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    models = registered_models(product.name, Tracking.of(environment), rollout, Keys.of(environment.home))
    return survey(product, Lake(environment.lake), models)


def write_page(found: FeatureSurvey, file: Path) -> None:
    """Writes the catalogue as HTML or Markdown. The file appears complete or not at all.

    Raises:
        NoPage: The file name ends in neither .html nor .md, or its folder does not exist.
    """
    write_text_page(file, {".html": lambda: to_html(found), ".md": lambda: to_markdown(found)})
