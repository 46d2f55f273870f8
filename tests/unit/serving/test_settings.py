"""The settings of the decision service: read once, wrong values named, and never open to other machines."""

from pathlib import Path

import pytest

from assets.serving.launch import serve_command
from assets.serving.settings import BadSetting, Settings, keys_required, log_format_of, read_settings


@pytest.mark.parametrize(
    ("environment", "require", "addresses", "required"),
    [
        ("local", None, ["127.0.0.1"], False),
        ("local", None, ["::1", "127.0.0.1"], False),
        ("local", None, ["localhost"], False),
        ("local", True, ["127.0.0.1"], True),
        ("local", None, ["0.0.0.0"], True),
        ("local", None, ["::"], True),
        ("local", None, ["127.0.0.1", "10.0.0.7"], True),
        ("local", None, ["a-name"], True),
        ("prod", None, ["127.0.0.1"], True),
        ("staging", True, ["0.0.0.0"], True),
    ],
)
def test_a_key_is_needed_but_on_loopback_in_local(
    environment: str, require: bool | None, addresses: list[str], required: bool
) -> None:
    assert keys_required(Settings(require_keys=require), environment, addresses) is required  # type: ignore[arg-type]


@pytest.mark.parametrize(("environment", "address"), [("local", "0.0.0.0"), ("prod", "127.0.0.1"), ("staging", "::")])
def test_a_service_that_would_be_open_to_others_does_not_start(environment: str, address: str) -> None:
    with pytest.raises(BadSetting, match="LOOPLINE_REQUIRE_KEYS is 0, but the service listens"):
        keys_required(Settings(require_keys=False), environment, [address])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LOOPLINE_REQUIRE_KEYS", "yes", "set it to 1 or 0"),
        ("LOOPLINE_RATE_LIMIT", "fast", "write it as 20/second"),
        ("LOOPLINE_RATE_LIMIT", "1000000/second", "1 to 100000"),
        ("LOOPLINE_DRAIN_SECONDS", "nan", "from 0 to 15"),
        ("LOOPLINE_DRAIN_SECONDS", "60", "from 0 to 15"),
        ("LOOPLINE_TLS_CERTIFICATE", "/nowhere.pem", "LOOPLINE_TLS_CERTIFICATE is '/nowhere.pem', which is no file"),
        ("LOOPLINE_TLS_KEY", __file__, "LOOPLINE_TLS_CERTIFICATE is not set"),
    ],
)
def test_a_wrong_value_is_named_with_the_allowed_ones(name: str, value: str, words: str) -> None:
    with pytest.raises(BadSetting, match=words) as refused:
        read_settings("local", {name: value})
    assert name in str(refused.value)


def test_an_unknown_format_of_logs_is_refused() -> None:
    with pytest.raises(BadSetting, match="LOOPLINE_LOG_FORMAT is 'xml'; set it to one of text, json"):
        log_format_of({"LOOPLINE_LOG_FORMAT": "xml"})
    assert log_format_of({}) == "text"


def test_what_is_unset_follows_from_the_environment() -> None:
    local, prod = read_settings("local", {}), read_settings("prod", {})
    assert (local.drain_seconds, local.access_log, local.traced) == (0.0, False, False)
    assert (prod.drain_seconds, prod.access_log, prod.traced) == (5.0, True, False)
    assert read_settings("local", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}).traced


def test_the_command_names_the_certificate(tmp_path: Path) -> None:
    files = [tmp_path / "c.pem", tmp_path / "k.pem"]
    for file in files:
        file.write_text("x")
    variables = {"LOOPLINE_TLS_CERTIFICATE": str(files[0]), "LOOPLINE_TLS_KEY": str(files[1])}
    assert serve_command(host="127.0.0.1", port=1, variables=variables)[-4:] == (
        "--ssl-certfile", str(files[0]), "--ssl-keyfile", str(files[1]),
    )  # fmt: skip
    assert "--ssl-certfile" not in serve_command(host="127.0.0.1", port=1, variables={})
