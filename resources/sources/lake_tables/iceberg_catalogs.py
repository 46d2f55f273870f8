"""Where an Iceberg table is: the address of a catalog, or of a file of metadata, and the table that is opened there.

Belongs here: what an address means, the properties that PyIceberg is given, and what a refusal means. Does not belong
here: the files and rows of a table (`iceberg.py`).

An address begins with `iceberg+`. `iceberg+https://host/path?warehouse=NAME` is a REST catalog; its properties, as
PyIceberg names them, follow the `?`. `iceberg+postgresql://…`, `iceberg+mysql://…` and `iceberg+sqlite:///…` are
databases with catalogs, of which `catalog=NAME` names one. `iceberg+file:///…` and `iceberg+s3://…` lead to a file of
metadata, or to the folders of tables that have a `version-hint.text`. Nothing is written: neither tables nor a catalog.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pyarrow as pa

from resources.sources.databases.addresses import for_reading
from resources.sources.files.parsed import Unreadable
from resources.sources.object_stores import endpoint, is_out_of_reach
from resources.sources.readers import SourceBroken, SourceUnavailable

if TYPE_CHECKING:
    from pyiceberg.table import Table

SCHEME = "iceberg+"
_WEB = ("http", "https")
_PLACES = ("file", "s3")
_ABSENT = ("no such table", "doesn't exist", "does not exist")
"""What SQLite, MySQL and PostgreSQL say of a table that is not there."""


def is_iceberg(address: str) -> bool:
    """Whether the address is one of Iceberg tables."""
    return address.startswith(SCHEME)


def shown(address: str, table: str) -> str:
    """The table and its address, for people: without user, secret and properties."""
    parts = urlsplit(address.removeprefix(SCHEME))
    place = f"{parts.scheme.partition('+')[0]}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{table} of {place}" if table else place


def open_table(address: str, table: str, secret: str | None) -> "Table":
    """The table at its newest state.

    Args:
        table: `namespace.table` of a catalog; the path below a folder or a prefix.
        secret: The bearer token of a REST catalog, or `CLIENT:SECRET`, with which it gives one.

    Raises:
        Exception: PyIceberg's own; see `explain_refusals`.
    """
    # PyIceberg takes a second to import: who reads no Iceberg table does not wait for it.
    from pyiceberg.catalog import load_catalog
    from pyiceberg.table import StaticTable

    plain = address.removeprefix(SCHEME)
    scheme = urlsplit(plain).scheme.partition("+")[0]
    if scheme in _PLACES:
        place = "/".join(part for part in (plain.rstrip("/"), table) if part)
        return StaticTable.from_metadata(place, _files())
    properties = _rest(plain, secret) if scheme in _WEB else _sql(plain)
    catalog = load_catalog(properties.pop("name", "default"), **properties)
    try:
        return catalog.load_table(table)
    finally:
        catalog.close()


@contextmanager
def explain_refusals(where: str, place: str, variable: str) -> Iterator[None]:
    """Turns a refusal into the error that says what to do.

    Args:
        where: Source and day.
        place: The table, as `shown` has it.
        variable: The variable that gives the connection's secret.
    """
    import requests
    import sqlalchemy as sa
    from pyiceberg import exceptions as ice

    try:
        yield
    except (ice.NoSuchTableError, ice.NoSuchNamespaceError, ice.NoSuchIdentifierError) as error:
        raise SourceBroken(
            f"{where}: there is no Iceberg table {place}; correct table=, or the connection's address and its catalog="
        ) from error
    except (ice.UnauthorizedError, ice.ForbiddenError, ice.AuthorizationExpiredError, ice.OAuthError) as error:
        # Without the server's text: it may repeat what it was sent.
        raise SourceBroken(
            f"{where}: the catalog of {place} refuses ({type(error).__name__}); set {variable} to a token with the "
            f"right to read it, or to CLIENT:SECRET"
        ) from None
    except (
        ice.ServiceUnavailableError, ice.ServerError, ice.TooManyRequestsError, requests.exceptions.ConnectionError,
        requests.exceptions.Timeout,
    ) as error:  # fmt: skip
        raise SourceUnavailable(
            f"{where}: the catalog of {place} does not answer ({_first_line(error)}); run it again later"
        ) from error
    except sa.exc.SQLAlchemyError as error:
        raise _of_database(where, place, error) from error
    except ImportError as error:
        raise SourceBroken(
            f"{where}: {place} needs a package that is not installed ({error}); install it, or ask for another address"
        ) from error
    except Unreadable as error:
        raise SourceBroken(f"{where}: {place} {error}; ask its owner") from error
    except FileNotFoundError as error:
        raise SourceBroken(
            f"{where}: {place} lacks a file ({_first_line(error)}); name a file of metadata that is there, or a folder "
            f"with metadata/version-hint.text; a snapshot that expired lost its files: pin a newer one"
        ) from error
    except (ice.RESTError, ice.ResolveError, NotImplementedError, ValueError, pa.ArrowException, OSError) as error:
        raise _of_table(where, place, error) from error


def _of_database(where: str, place: str, error: Exception) -> SourceBroken | SourceUnavailable:
    """The error for a refusal of a catalog's database."""
    import sqlalchemy as sa

    told = _first_line(error.orig or error) if isinstance(error, sa.exc.DBAPIError) else _first_line(error)
    if any(text in told for text in _ABSENT):
        return SourceBroken(f"{where}: the database of {place} is no Iceberg catalog ({told}); correct the address")
    if isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
        return SourceUnavailable(f"{where}: the catalog of {place} does not answer ({told}); run it again later")
    return SourceBroken(f"{where}: the catalog of {place} cannot be read ({told}); correct the connection's address")


def _of_table(where: str, place: str, error: Exception) -> SourceBroken | SourceUnavailable:
    """The error for a table that is out of reach, needs what this reader does not have, or is damaged."""
    if is_out_of_reach(error):
        return SourceUnavailable(f"{where}: {place} does not answer ({_first_line(error)}); run it again")
    if isinstance(error, (pa.ArrowException, OSError)):
        # Without the error's text: it may quote a value.
        return SourceBroken(f"{where}: {place} has a file that is damaged; ask its owner")
    if "equality deletes" in str(error):
        return SourceBroken(
            f"{where}: {place} has rows that are deleted by equality, which this reader does not have; ask its owner "
            f"to rewrite its data files"
        )
    return SourceBroken(f"{where}: {place} cannot be read ({_first_line(error)}); ask its owner")


def _rest(address: str, secret: str | None) -> dict[str, Any]:
    """The properties of a REST catalog; the address has them after its `?`."""
    parts = urlsplit(address)
    own = dict(parse_qsl(parts.query))
    if secret is not None:
        own["credential" if ":" in secret else "token"] = secret
    uri = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return {**_files(), "type": "rest", "uri": uri, **own}


def _sql(address: str) -> dict[str, Any]:
    """The properties of a catalog in a database; without `catalog=` its name is `default`."""
    url = for_reading(address)
    name = url.query.get("catalog", "default")
    own = url.difference_update_query(["catalog"]).render_as_string(hide_password=False)
    return {**_files(), "name": name, "type": "sql", "uri": own, "init_catalog_tables": "false"}


def _files(variables: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The properties with which files are opened, as Delta tables and Parquet files are."""
    found = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO"}
    region = variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    if endpoint() is not None:
        found["s3.endpoint"] = str(endpoint())
        region = region or "us-east-1"  # of no meaning to other stores than Amazon's
    return found | ({"s3.region": region} if region else {})


def _first_line(error: object) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
