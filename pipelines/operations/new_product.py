"""A new product from samples of its data.

Belongs here: writing the folder of a draft and its entry in workspace.yaml, whole or not at all. Does not belong here:
what is proposed and its text (`pipelines.drafting`), the command (`pipelines.cli.data.products`).
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.drafting.api_sample import read_api
from pipelines.drafting.draft import draft_product
from pipelines.drafting.parts import Draft
from pipelines.drafting.render import files_of
from pipelines.drafting.roles import Given
from pipelines.drafting.sample import Sample, read_sample
from pipelines.drafting.tables import read_table
from pipelines.products import PRODUCTS, load_product, product_names
from pipelines.workspace import WORKSPACE
from resources.clock import WallClock
from resources.durable_files import replace_file
from resources.environments import load_environment
from resources.errors import LooplineError
from resources.naming import checked_name, is_name
from resources.sources.systems import SourceSystems

_TABLE = "table:"


class ProductExists(LooplineError):
    """There is a folder of that name; the message names it."""


@dataclass(frozen=True)
class NewProduct:
    """What was written.

    Attributes:
        lines: How many lines of each file, by its path within the folder.
    """

    draft: Draft
    folder: Path
    lines: dict[str, int]


def new_product(
    name: str,
    places: Sequence[str],
    given: Given,
    *,
    label_delay: timedelta | None,
    header_line: int,
    zone: str,
    sheet: str = "",
    encoding: str = "utf-8",
) -> NewProduct:
    """Writes the folder of a new product, and its code location in workspace.yaml.

    Args:
        places: Files, folders, patterns, `table:CONNECTION/TABLE` or the address of an API, as `NAME=PLACE` with the
            name of the source; the first has the rows to decide.
        sheet: The sheet of Excel workbooks with several.
        encoding: Of text files.

    Raises:
        BadName, ProductExists: The name cannot be a product's, or is taken.
        UnknownConnection, SourceError: A table of a database has no address, or cannot be read.
        SampleUnreadable, RoleUnclear: The samples do not say enough; the message names the option.
        BrokenProduct, ProductError, FeatureError, ContractError: The draft cannot be loaded; nothing of it stays.
    """
    checked_name(name, "product")
    folder = PRODUCTS / name
    if folder.exists() or name in product_names():
        raise ProductExists(f"{folder} exists; write another name, or remove the folder")
    samples = [_sample(place, header_line, zone, sheet, encoding) for place in places]
    draft = draft_product(name, samples, given, label_delay=label_delay, now=WallClock().now())
    files = files_of(draft)
    with TemporaryDirectory(dir=PRODUCTS, prefix=".new-") as unfinished:
        whole = Path(unfinished) / name
        for path, text in files.items():
            (whole / path).parent.mkdir(parents=True, exist_ok=True)
            (whole / path).write_text(text, encoding="utf-8")
        whole.rename(folder)
    try:
        load_product(name)
    except BaseException:
        shutil.rmtree(folder)
        raise
    _add_location(name)
    return NewProduct(draft, folder, {path: text.count("\n") for path, text in files.items()})


def _sample(text: str, header_line: int, zone: str, sheet: str, encoding: str) -> Sample:
    """The sample at a place, or at `NAME=PLACE`."""
    name, _, place = text.partition("=")
    if not is_name(name) or not place:
        name, place = "", text
    if place.startswith(_TABLE):
        systems = SourceSystems(load_environment())
        return read_table(place.removeprefix(_TABLE), systems, name=name, zone=zone)
    if place.startswith(("http://", "https://")):
        yesterday = (WallClock().now() - timedelta(days=1)).date()
        return read_api(place, yesterday, name=name, zone=zone)
    return read_sample(place, name=name, header_line=header_line, zone=zone, sheet=sheet, encoding=encoding)


def _add_location(name: str) -> None:
    entry = f"  - python_module: {{module_name: pipelines.{name}.definitions, location_name: {name}}}\n"
    text = WORKSPACE.read_text(encoding="utf-8")
    replace_file(WORKSPACE, (text.rstrip("\n") + "\n" + entry).encode(), mode=0o644)
