"""The pictures of the README, from a home in which `loopline demo` ran and `loopline up` runs.

Belongs here: what each picture shows, and where it is cut. Does not belong here: driving a browser
(`tests.support.browser`), drawing plots (`assets.monitoring.plots`).

    python -m docs.pictures
"""

import base64
import html
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from pipelines.products import load_product
from resources.dagster.server import DagsterServer, DagsterServerError
from resources.environments import CHECKOUT, load_environment
from resources.pages import Pages
from tests.support.browser import Page, find_chromium, open_browser

PRODUCT = "credit_risk"
PICTURES = CHECKOUT / "docs" / "pictures"
_SECONDS = 120.0
_STILL_SECONDS = 2.0
_MOST_BYTES = 300_000
# The frame of all elements that a selector matches, with a margin.
_BOX = """
(() => {
  const boxes = [...document.querySelectorAll(SELECTOR)].map((one) => one.getBoundingClientRect());
  const left = Math.min(...boxes.map((b) => b.left)), top = Math.min(...boxes.map((b) => b.top));
  const right = Math.max(...boxes.map((b) => b.right)), bottom = Math.max(...boxes.map((b) => b.bottom));
  return {x: left - MARGIN, y: top - MARGIN, width: right - left + 2 * MARGIN, height: bottom - top + 2 * MARGIN};
})()
"""
_TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: white; }
pre { display: inline-block; margin: 0; padding: 20px 26px; border-radius: 8px; background: #1f2933; color: #e4e7eb;
  font: 15px/1.5 "DejaVu Sans Mono", "Liberation Mono", monospace; }
b { color: #a7c7d9; font-weight: normal; }
</style><pre>TEXT</pre>"""


def main() -> None:
    """Writes every picture, or none if one cannot be made or is too large."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("no Chromium on this machine; install one (chromium, or google-chrome)")
    made = {"drift": drift()}
    with TemporaryDirectory() as folder, open_browser(chromium, Path(folder)) as page:
        made |= {"lineage": lineage(page, Path(folder)), "decision": decision(page, Path(folder))}
        made["monitoring"] = monitoring(page, Path(folder))
    for name, content in made.items():
        if len(content) > _MOST_BYTES:
            sys.exit(f"the picture {name} has {len(content):,} bytes, more than {_MOST_BYTES:,}; cut it smaller")
    PICTURES.mkdir(exist_ok=True)
    for name, content in made.items():
        (PICTURES / f"{name}.png").write_bytes(content)
        print(f"{PICTURES / name}.png  {len(content):,} bytes")


def lineage(page: Page, folder: Path) -> bytes:
    """Dagster's graph of the product's stages, from the sources at the top, without the controls around it."""
    dagster = load_environment().dagster_url
    page.resize(1500, 1500)  # Dagster draws what fits
    page.open(f"{dagster}/asset-groups")
    page.evaluate("localStorage.setItem('asset-graph-direction', JSON.stringify('vertical'))")
    selection = quote(f'key:"{PRODUCT}/*"', safe="")
    page.open(f"{dagster}/asset-groups~{selection}/")
    stages = "svg[class*=AssetGraphExplorer] foreignObject"
    states = f"[...document.querySelectorAll('{stages}')].map((stage) => stage.textContent)"
    page.wait_for(f"{states}.length >= 10 && {states}.every((text) => /[0-9]/.test(text))", seconds=_SECONDS)
    return _still(page, folder / "lineage.png", stages, margin=16)


def drift() -> bytes:
    """The plot that the asset `drift` has left with its last materialisation."""
    query = """query ($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
      assetMaterializations(limit: 1) { metadataEntries { label ... on MarkdownMetadataEntry { mdStr } } } } } }"""
    answer = DagsterServer(load_environment().dagster_url).ask(query, {"key": {"path": [PRODUCT, "drift"]}})
    found = answer["assetOrError"].get("assetMaterializations")
    if not found:
        sys.exit(f"{PRODUCT} has no drift yet; run `loopline demo` first")
    markdown = next(entry["mdStr"] for entry in found[0]["metadataEntries"] if entry["label"] == "by_day")
    return base64.b64decode(markdown.partition("base64,")[2].partition(")")[0])


def decision(page: Page, folder: Path) -> bytes:
    """A request and the answer of the running service, as a terminal shows them."""
    request = {**load_product(PRODUCT).request_example, "as_of": "2026-10-01T00:00:00Z"}
    file = folder / "request.json"
    file.write_text(_folded(request))
    command = f"loopline decide {PRODUCT} --request request.json --explain"
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *command.split()[1:]], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    shown = "\n".join(
        f"<b>$ {line}</b>\n{html.escape(text.strip())}\n"
        for line, text in (("cat request.json", file.read_text()), (command, done.stdout))
    )
    place = folder / "decision.html"
    place.write_text(_TERMINAL.replace("TEXT", shown.strip()))
    page.resize(1400, 900)
    page.open(place.as_uri())
    return _still(page, folder / "decision.png", "pre", margin=0)


def monitoring(page: Page, folder: Path) -> bytes:
    """The head of the newest monitoring page."""
    pages = Pages(load_environment().pages)
    days = pages.days(PRODUCT)
    if not days:
        sys.exit(f"{PRODUCT} has no page yet; run `loopline demo` first")
    page.resize(900, 1400)
    page.open(f"file://{pages.address(PRODUCT, days[-1])}")
    return _still(page, folder / "monitoring.png", "header, #summary", margin=12)


def _folded(request: Mapping[str, object]) -> str:
    """The request as JSON, three fields a line."""
    fields = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in request.items()]
    lines = [", ".join(fields[n : n + 3]) for n in range(0, len(fields), 3)]
    return "{" + ",\n ".join(lines) + "}\n"


def _still(page: Page, file: Path, selector: str, *, margin: int) -> bytes:
    """All elements that a CSS selector matches, once nothing moves any more: no spinner turns, no state changes."""
    before = b""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        box = page.evaluate(_BOX.replace("SELECTOR", json.dumps(selector)).replace("MARGIN", str(margin)))
        after = page.screenshot(file, box=box).read_bytes()
        if after == before:
            return after
        before = after
        time.sleep(_STILL_SECONDS)
    sys.exit(f"{selector} does not stand still; look at {file}")


if __name__ == "__main__":
    try:
        main()
    except DagsterServerError as error:
        sys.exit(f"{error}; run `loopline up` first")
