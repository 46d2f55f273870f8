"""A headless Chromium, driven over its DevTools protocol: for tests of pages, and for the pictures of the README.

Belongs here: the least that is needed to use a page as a person does. Does not belong here: tests, and anything
about a particular page.
"""

import base64
import json
import os
import shutil
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from resources.processes.running import log_tail
from resources.processes.table import ProcessTable

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio"),
    # It would call home at every start, and there may be nobody to answer.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    *("--no-proxy-server", "--remote-debugging-port=0", "--window-size=1400,1000", "about:blank"),
)
_START_SECONDS = 60.0
_ANSWER_SECONDS = 30.0
_POLL_SECONDS = 0.1
_AGAIN_SECONDS = 1.0
# The middle of an element that can be clicked there: it stands still, and nothing covers it.
_PLACE_OF = """
async (one) => {
  if (!one) return null;
  one.scrollIntoView({block: 'center', inline: 'center'});
  const before = one.getBoundingClientRect();
  await new Promise((done) => setTimeout(done, 50));
  const box = one.getBoundingClientRect();
  if (box.width === 0 || box.x !== before.x || box.y !== before.y) return null;
  const place = {x: box.x + box.width / 2, y: box.y + box.height / 2};
  const there = document.elementFromPoint(place.x, place.y);
  return there && (one.contains(there) || there.contains(one)) ? place : null;
}
"""
# The element that a person would click: the smallest visible one whose own words are the text.
_FIND_BY_TEXT = """
(text) => {
  const shown = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';
  const words = (e) => (e.innerText || e.value || '').trim();
  const all = [...document.querySelectorAll('body *')].filter((e) => shown(e) && words(e) === text);
  return all.find((e) => ![...e.children].some((c) => all.includes(c)));
}
"""
_ENTER = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}


class BrowserError(RuntimeError):
    """The browser or the page did not do what was asked; the message has what the page shows."""


def find_chromium() -> Path | None:
    """The browser of this machine; nothing when it has none."""
    return next((Path(found) for name in _NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._last = 0
        self.exceptions: list[str] = []
        """What the page's scripts threw and did not catch, so far."""
        for domain in ("Page", "Runtime"):
            self._ask(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Goes to an address and waits until its document is loaded.

        Raises:
            BrowserError: There is nothing at the address, or it takes too long.
        """
        answer = self._ask("Page.navigate", url=url)
        if answer.get("errorText"):
            raise BrowserError(f"{url} cannot be opened: {answer['errorText']}")
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression, of a promise what it resolves to.

        Raises:
            BrowserError: It threw.
        """
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(f"{script[:200]}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def wait_for(self, condition: str, *, seconds: float = 30.0) -> Any:
        """Waits until a JavaScript expression is truthy, and returns its value.

        Raises:
            BrowserError: It is not in time.
        """
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(condition)):
            if time.monotonic() > deadline:
                raise BrowserError(f"after {seconds:.0f} s not so: {condition[:300]}\nThe page shows:\n{self.text}")
            time.sleep(_POLL_SECONDS)
        return value

    def wait_for_selector(self, selector: str, *, seconds: float = 30.0) -> None:
        """Waits until an element matches a CSS selector."""
        self.wait_for(f"document.querySelector({json.dumps(selector)}) !== null", seconds=seconds)

    def wait_for_text(self, text: str, *, seconds: float = 30.0) -> None:
        """Waits until the page shows a text."""
        self.wait_for(f"document.body.innerText.includes({json.dumps(text)})", seconds=seconds)

    def click_text(self, text: str, *, seconds: float = 30.0) -> None:
        """Clicks, with the mouse, the smallest visible element whose whole text is this."""
        self._click(f"({_FIND_BY_TEXT})({json.dumps(text)})", seconds)

    def click_text_away(self, text: str, *, seconds: float = 30.0) -> None:
        """Clicks a text that is gone afterwards. As a person would, it clicks again where a page, drawing itself anew,
        lost the click.

        Raises:
            BrowserError: It is there still when the time is over.
        """
        element = f"({_FIND_BY_TEXT})({json.dumps(text)})"
        self.wait_for(f"!!{element}", seconds=seconds)
        deadline = time.monotonic() + seconds
        while self.evaluate(f"!!{element}"):
            if time.monotonic() > deadline:
                raise BrowserError(f"after {seconds:.0f} s '{text}' was not gone.\nThe page shows:\n{self.text}")
            if place := self.evaluate(f"({_PLACE_OF})({element})"):
                self._press(place)
            time.sleep(_AGAIN_SECONDS)

    def click(self, selector: str, *, seconds: float = 30.0) -> None:
        """Clicks, with the mouse, the first element that matches a CSS selector."""
        self._click(f"document.querySelector({json.dumps(selector)})", seconds)

    def type_text(self, text: str) -> None:
        """Types into the element that has the focus."""
        self._ask("Input.insertText", text=text)

    def press_enter(self) -> None:
        """Presses and releases the Enter key."""
        self._ask("Input.dispatchKeyEvent", type="keyDown", text="\r", **_ENTER)
        self._ask("Input.dispatchKeyEvent", type="keyUp", **_ENTER)

    def resize(self, width: int, height: int) -> None:
        """Makes the window that large, in pixels, for pages that show only what fits."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self, file: Path, *, box: Mapping[str, float] | None = None) -> Path:
        """Saves what the window shows as a PNG file.

        Args:
            box: The part to save: `x`, `y`, `width`, `height` in pixels; everything if left out.
        """
        clip = {} if box is None else {"clip": {**box, "scale": 1}}
        file.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", format="png", **clip)["data"]))
        return file

    @property
    def text(self) -> str:
        """What the page shows, as text."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def _click(self, element: str, seconds: float) -> None:
        self._press(self.wait_for(f"({_PLACE_OF})({element})", seconds=seconds))

    def _press(self, place: dict[str, float]) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = "none" if kind == "mouseMoved" else "left"
            self._ask("Input.dispatchMouseEvent", type=kind, button=button, clickCount=1, **place)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=_ANSWER_SECONDS))
            if message.get("method") == "Runtime.exceptionThrown":
                details = message["params"]["exceptionDetails"]
                self.exceptions.append(details.get("exception", {}).get("description", details["text"]))
            if message.get("id") != self._last:
                continue
            if "error" in message:
                raise BrowserError(f"{method}: {message['error']['message']}")
            return dict(message["result"])


@contextmanager
def open_browser(chromium: Path, folder: Path) -> Iterator[Page]:
    """An empty page of a new browser with no history, which is gone afterwards.

    Args:
        folder: An empty folder for its profile and its log.
    """
    table = ProcessTable(folder)
    profile = folder / "profile"
    command = [str(chromium), f"--user-data-dir={profile}", *_FLAGS]
    process = table.start("chromium", command, port=None, variables=dict(os.environ), folder=folder)
    try:
        announced = profile / "DevToolsActivePort"
        deadline = time.monotonic() + _START_SECONDS
        while not announced.exists() or "\n" not in announced.read_text():
            if time.monotonic() > deadline:
                raise BrowserError(f"{chromium} does not start:\n{log_tail(process)}")
            time.sleep(_POLL_SECONDS)
        with connect(_first_tab(announced.read_text().split()[0]), proxy=None, max_size=None) as connection:
            yield Page(connection)
    finally:
        table.stop(process, grace_seconds=5.0)


def _first_tab(port: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/json/list", timeout=_ANSWER_SECONDS) as response:
        tabs = [target for target in json.load(response) if target["type"] == "page"]
    return str(tabs[0]["webSocketDebuggerUrl"])
