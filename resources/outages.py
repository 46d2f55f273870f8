"""The libraries' errors about a server that was lost, as one sentence.

Belongs here: which errors of the libraries mean that a server does not answer any more. Does not belong here: asking
servers before a command starts (`dependencies.py`), errors of our own, which say by themselves what to do.

A server that dies within a command is met by a library, each with errors of its own, in many lines and without a
remedy. The error is known by its class and its text, because Dagster records only these for a step that failed.
"""

import re
from collections.abc import Iterator

_DATABASE = r"(sqlalchemy|psycopg2|pymysql|dagster_postgres)\..*"
_WEB = r"(requests|urllib3|httpx|httpcore|botocore|boto3|s3transfer|http\.client)\..*"
_KINDS: tuple[tuple[str, str], ...] = (
    (rf"{_DATABASE}(OperationalError|InterfaceError|AdminShutdown|CannotConnectNow|DagsterPostgresException)", ""),
    (r"redis\..*(ConnectionError|TimeoutError|BusyLoadingError)", ""),
    (
        rf"{_WEB}(Connect\w*|Connection\w*|\w*ConnectionError|ReadTimeout\w*|ReadError|RemoteProtocolError|"
        r"RemoteDisconnected|ProtocolError|IncompleteRead|MaxRetryError|ChunkedEncodingError|HTTPClientError|"
        r"ResponseStreamingError|TimeoutException|Timeout)",
        "",
    ),
    (r"(confluent_kafka|cimpl)\..*Kafka(Exception|Error)", ""),
    (r"mlflow\..*", "API request to|Max retries exceeded|HTTPConnectionPool"),
    (r"(deltalake\..*|_internal\.|builtins\.)\w*Error", "Generic S3 error|AWS Error"),
    (r"py4j\..*|pyspark\..*", "Connection refused|SparkContext was shut down|All masters are unresponsive|"
     "stopped SparkContext|has been shutdown|Answer from Java side is empty|while sending"),
)  # fmt: skip
_KNOWN = [(re.compile(name), re.compile(text)) for name, text in _KINDS]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_REQUEST = re.compile(r"Error performing (\w+) (\S+)")
_LONGEST = 300


def outage_of(error: BaseException) -> str | None:
    """The sentence for an error, or for the error that caused it, about a lost server; `None` for another error."""
    for one in _chain(error):
        for kind in type(one).__mro__[:-1]:
            found = outage_in(f"{kind.__module__}.{kind.__qualname__}", str(one))
            if found is not None:
                return found
    return None


def outage_in(kind: str, text: str) -> str | None:
    """The sentence for an error of which the name of its class and its text are known; `None` for another error.

    Args:
        kind: The class with its module, as a traceback writes it.
    """
    if not any(name.fullmatch(kind) and said.search(text) for name, said in _KNOWN):
        return None
    return (
        f"a server was lost meanwhile ({_told(text)}); `loopline doctor` tells which, then run the same command again"
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _told(text: str) -> str:
    """What the library says, in one short line."""
    plain = _COLOUR.sub("", text)
    request = _REQUEST.search(plain)
    if request is not None:
        return f"S3 does not answer {request.group(1)} {request.group(2)}"
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    told = lines[0] if lines else "no answer"
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"
