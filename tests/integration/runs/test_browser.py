"""The browser helper, against a small page of this machine."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from tests.support.browser import BrowserError, Page, find_chromium, open_browser

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
PAGE = """
<!doctype html><title>Small</title>
<p>Hidden: <span style="display: none">Send</span></p>
<input id="name"> <button onclick="send()"><span>Send</span></button>
<button onclick="setTimeout(() => { throw new Error('broken on purpose') })">Break</button>
<p id="answer"></p>
<a onclick="clicks += 1; if (clicks === 2) this.remove()">More</a> <a>Forever</a>
<script>
let clicks = 0;
function send() {
  const name = document.getElementById('name').value;
  setTimeout(() => { document.getElementById('answer').innerText = 'Hello ' + name; }, 300);
}
</script>
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "index.html").write_text(PAGE)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert CHROMIUM is not None
    folder = tmp_path_factory.mktemp("browser")
    with open_browser(CHROMIUM, folder) as page:
        yield page
    left = [process.info["pid"] for process in psutil.process_iter(["pid", "cmdline"])
            if str(folder) in " ".join(process.info["cmdline"] or ())]  # fmt: skip
    assert left == []


def test_a_page_is_read_typed_into_and_clicked(page: Page, address: str, tmp_path: Path) -> None:
    page.open(address)
    assert page.evaluate("document.title") == "Small"
    page.evaluate("document.getElementById('name').focus()")
    page.type_text("Ada")
    page.click_text("Send")
    page.wait_for_text("Hello Ada")
    page.wait_for_selector("#answer")
    assert page.screenshot(tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_a_text_is_clicked_until_it_is_gone(page: Page, address: str) -> None:
    page.open(address)
    page.click_text_away("More")
    assert page.evaluate("clicks") == 2
    with pytest.raises(BrowserError, match=r"'Forever' was not gone"):
        page.click_text_away("Forever", seconds=0.3)


def test_what_does_not_come_is_said_with_the_page(page: Page, address: str) -> None:
    page.open(address)
    with pytest.raises(BrowserError, match=r"(?s)not so:.*Goodbye.*Break"):
        page.wait_for_text("Goodbye", seconds=0.3)
    with pytest.raises(BrowserError, match="nowhere"):
        page.evaluate("nowhere.to.be.found")


def test_an_exception_of_the_page_is_kept(page: Page, address: str) -> None:
    page.open(address)
    page.click_text("Break")
    page.wait_for("true")
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert "broken on purpose" in page.exceptions[-1]


def test_a_promise_is_waited_for(page: Page, address: str) -> None:
    page.open(address)
    assert page.evaluate("fetch(location.href).then((answer) => answer.status)") == 200


def test_an_address_where_nobody_listens_is_an_error(page: Page) -> None:
    with pytest.raises(BrowserError, match="ERR_CONNECTION_REFUSED"):
        page.open("http://127.0.0.1:1025/")
