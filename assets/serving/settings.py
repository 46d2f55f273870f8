"""The settings of the decision service, read and checked once.

Belongs here: the variables that only this service reads, and refusing wrong values. Does not belong here: addresses
(`resources.environments`), secrets (`resources.keys`), what a setting does.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, cast, get_args

from resources.environments import EnvironmentName
from resources.errors import LooplineError

LogFormat = Literal["text", "json"]
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_LONGEST_DRAIN = 15.0
"""The server's supervisor ends a worker 30 s after it asked; requests that are under way then need some of them."""


class BadSetting(LooplineError):
    """A variable has a value that the service does not take; the message names it and the allowed values."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the service's variables say.

    Attributes:
        require_keys: LOOPLINE_REQUIRE_KEYS; `None` where it is unset, and the environment decides.
        open_metrics: LOOPLINE_OPEN_METRICS: `/metrics` needs no key.
        rate: LOOPLINE_RATE_LIMIT: the rate of a caller whose key has none; empty for no rate.
        drain_seconds: LOOPLINE_DRAIN_SECONDS: how long the service goes on answering after it was asked to end.
        access_log: LOOPLINE_ACCESS_LOG: a line for each request.
        certificate, certificate_key: LOOPLINE_TLS_CERTIFICATE, LOOPLINE_TLS_KEY: PEM files; `None` for plain HTTP.
        traced: An OpenTelemetry endpoint is set.
    """

    require_keys: bool | None = None
    open_metrics: bool = False
    rate: str = ""
    drain_seconds: float = 0.0
    access_log: bool = False
    certificate: Path | None = None
    certificate_key: Path | None = None
    traced: bool = False


def read_settings(environment: EnvironmentName, variables: Mapping[str, str] | None = None) -> Settings:
    """The settings of the environment variables.

    Raises:
        BadSetting: A value is wrong.
    """
    variables = os.environ if variables is None else variables
    is_local = environment == "local"
    certificate, certificate_key = certificate_of(variables)
    return Settings(
        require_keys=_flag(variables, "LOOPLINE_REQUIRE_KEYS"),
        open_metrics=_flag(variables, "LOOPLINE_OPEN_METRICS") or False,
        rate=_rate(variables),
        drain_seconds=_seconds(variables, "LOOPLINE_DRAIN_SECONDS", 0.0 if is_local else 5.0),
        access_log=_flag(variables, "LOOPLINE_ACCESS_LOG", default=not is_local) or False,
        certificate=certificate,
        certificate_key=certificate_key,
        traced=any(variables.get(name) for name in _ENDPOINTS),
    )


def keys_required(settings: Settings, environment: EnvironmentName, addresses: Collection[str]) -> bool:
    """Whether a request needs a key. Only in `local`, and only on loopback, it does not, unless a setting asks for it.

    Args:
        addresses: The addresses on which the service listens.

    Raises:
        BadSetting: The settings ask for a service that is open to other machines.
    """
    may_be_open = environment == "local" and all(_is_loopback(address) for address in addresses)
    if settings.require_keys is False and not may_be_open:
        place = f"on {', '.join(sorted(addresses))}" if environment == "local" else f"in {environment}"
        raise BadSetting(
            f"LOOPLINE_REQUIRE_KEYS is 0, but the service listens {place}, where every request needs a key; unset it, "
            f"and add a key for each caller: loopline keys add"
        )
    return settings.require_keys is True or not may_be_open


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _flag(variables: Mapping[str, str], name: str, *, default: bool | None = None) -> bool | None:
    text = variables.get(name, "")
    if text not in ("", "0", "1"):
        raise BadSetting(f"{name} is {text!r}; set it to 1 or 0")
    return default if text == "" else text == "1"


def _rate(variables: Mapping[str, str]) -> str:
    text = variables.get("LOOPLINE_RATE_LIMIT", "")
    if text:
        # Commands that start the service read its settings too, and need not wait for a client of Redis.
        from assets.serving.access.rates import BadRate, rate

        try:
            rate(text)
        except BadRate as error:
            raise BadSetting(f"LOOPLINE_RATE_LIMIT: {error}") from error
    return text


def _seconds(variables: Mapping[str, str], name: str, default: float) -> float:
    text = variables.get(name, "")
    try:
        seconds = float(text) if text else default
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_DRAIN:
        raise BadSetting(f"{name} is {text!r}; set it to a number of seconds from 0 to {_LONGEST_DRAIN:g}")
    return seconds


def log_format_of(variables: Mapping[str, str]) -> LogFormat:
    """The format of log lines that LOOPLINE_LOG_FORMAT names; both of the server's processes ask for it.

    Raises:
        BadSetting: There is no such format.
    """
    text = variables.get("LOOPLINE_LOG_FORMAT") or "text"
    if text not in get_args(LogFormat):
        raise BadSetting(f"LOOPLINE_LOG_FORMAT is {text!r}; set it to one of {', '.join(get_args(LogFormat))}")
    return cast(LogFormat, text)


def certificate_of(variables: Mapping[str, str]) -> tuple[Path, Path] | tuple[None, None]:
    """The files of the service's certificate and of its key; None for plain HTTP.

    Raises:
        BadSetting: One of the two variables is unset, or names no file.
    """
    names = ("LOOPLINE_TLS_CERTIFICATE", "LOOPLINE_TLS_KEY")
    texts = [variables.get(name, "") for name in names]
    if not any(texts):
        return None, None
    for name, text in zip(names, texts, strict=True):
        if not text:
            raise BadSetting(f"{name} is not set, but the other of {' and '.join(names)} is; set both to PEM files")
        if not Path(text).is_file():
            raise BadSetting(f"{name} is {text!r}, which is no file; set it to a PEM file")
    return Path(texts[0]), Path(texts[1])
