"""The pictures of the README are there, small enough for a page, and each is shown."""

import re

from resources.environments import CHECKOUT

MOST_BYTES = 300_000


def test_every_picture_is_shown_and_small() -> None:
    shown = re.findall(
        r'<img src="(docs/pictures/[^"]+)" width="\d+" alt="[^"]+">', (CHECKOUT / "README.md").read_text()
    )
    files = {str(file.relative_to(CHECKOUT)): file.read_bytes() for file in (CHECKOUT / "docs" / "pictures").iterdir()}
    assert sorted(shown) == sorted(files)
    assert {content[:8] for content in files.values()} == {b"\x89PNG\r\n\x1a\n"}
    assert max(map(len, files.values())) <= MOST_BYTES
