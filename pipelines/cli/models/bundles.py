"""The commands that take a bundle elsewhere: `export-model`, `bundle export` and `bundle import`.

Belongs here: their arguments, output and exit status. Does not belong here: the work (`pipelines.operations`).
"""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import console
from pipelines.cli.arguments import Json, ProductName
from pipelines.cli.described import DescribedCommand
from pipelines.cli.models.approvals import By, Reason, Version
from pipelines.cli.render.reproduce import show_export
from resources.environments import load_environment

app = typer.Typer(help="A bundle from one environment to another, by its digest.", no_args_is_help=True)


def export_model(
    product: ProductName,
    version: Version,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that does not exist yet.")],
    variant: Annotated[str, typer.Option(metavar="VARIANT", help="float32, float16 or int8.")] = "float32",
    json_: Json = False,
) -> None:
    """A model as a folder that scores with onnxruntime and numpy alone, and what smaller variants save and cost."""
    from assets.edge.variants import VARIANTS
    from pipelines.operations.models.export_model import export_version

    if variant not in VARIANTS:
        raise typer.BadParameter(f"--variant {variant}: write one of {', '.join(VARIANTS)}")
    report = export_version(product, load_environment(), version, folder, variant)
    show_export(report, console.results(json_))
    if json_:
        console.print_json(report.to_dict())


@app.command("export", cls=DescribedCommand)
def export_bundle(
    product: ProductName,
    version: Version,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
    json_: Json = False,
) -> None:
    """A version's bundle with its signature and its record, as one file for another environment."""
    from pipelines.operations.models.bundle_files import export_bundle as run_export

    digest = run_export(product, load_environment(), version, file)
    console.say(f"{product} version {version}, {digest}, in {file}", console.results(json_))
    if json_:
        console.print_json({"product": product, "version": version, "digest": digest, "file": str(file)})


@app.command("import", cls=DescribedCommand)
def import_bundle(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `loopline bundle export` has written.")],
    by: By,
    reason: Reason,
    digest: Annotated[str | None, typer.Option(metavar="SHA256", help="The digest that the bundle must have.")] = None,
    json_: Json = False,
) -> None:
    """Register a bundle of another environment here, as a version that waits for its approval."""
    from pipelines.operations.models.bundle_files import import_bundle as run_import

    found = run_import(file, load_environment(), by=by, reason=reason, digest=digest)
    what = "is registered" if found.new else "was registered before"
    console.say(f"{found.product} version {found.version}, {found.digest}, {what}", console.results(json_))
    console.say(f"next: {found.next}", console.results(json_), mark="idle")
    if json_:
        console.print_json(vars(found))
