"""Which addresses are this machine's."""

import pytest

from resources.loopback import is_loopback


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:4703", True),
        ("http://127.8.0.1/reports", True),
        ("https://[::1]:8080/", True),
        ("http://localhost:4703/", True),
        ("http://bureau.localhost/", True),
        ("http://10.0.0.1:4703/", False),
        ("https://bureau.example/?next=127.0.0.1", False),
        ("http://127.0.0.1.example/", False),
        ("", False),
    ],
)
def test_loopback_is_told_by_the_host_alone(address: str, expected: bool) -> None:
    """Numbers and names of this machine count; what only looks like one does not."""
    assert is_loopback(address) is expected
