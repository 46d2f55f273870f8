"""The feature catalogue of a product: `loopline features`.

Belongs here: which connections the survey is made with, and writing the page. Does not belong here: the survey
(`assets.features.catalogue.survey`), the page's form (`assets.features.catalogue.render`), which models there are (`assets.registry.uses`).
"""

from pathlib import Path

from assets.features.catalogue.render import to_html, to_markdown
from assets.features.catalogue.survey import FeatureSurvey, survey
from assets.product import Product
from assets.registry.uses import registered_models
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake
from resources.rollout_store.store import RolloutStore
from resources.tracking import Tracking


class NoPage(LooplineError):
    """A page cannot be written where it was asked for; the message says why and what to write."""


def catalogue_of(product: Product, environment: Environment) -> FeatureSurvey:
    """The product's features with the use that every registered version makes of them.

    Raises:
        LakeError: The feature table is damaged.
        RolloutError, BundleError: A registered version's bundle is not there, or not what was signed.
    """
    rollout = RolloutStore.open(environment.rollout, environment.home / "fetched")
    models = registered_models(product.name, Tracking.of(environment), rollout, Keys.of(environment.home))
    return survey(product, Lake(environment.lake), models)


def write_page(found: FeatureSurvey, file: Path) -> None:
    """Writes the catalogue as HTML or Markdown, whole or not at all.

    Raises:
        NoPage: The file ends in neither .html nor .md, or its folder does not exist.
    """
    kinds = {".html": to_html, ".md": to_markdown}
    if file.suffix not in kinds:
        raise NoPage(f"--page {file}: its ending says no kind of page; write a name that ends in .html or .md")
    if not file.parent.is_dir():
        raise NoPage(f"--page {file}: there is no folder {file.parent}; make it first")
    half = file.with_name(f".{file.name}.new")
    try:
        half.write_text(kinds[file.suffix](found), encoding="utf-8")
        half.replace(file)
    finally:
        half.unlink(missing_ok=True)
