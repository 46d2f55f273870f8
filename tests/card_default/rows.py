"""The published clients as the three sources of the product `card_default`.

Belongs here: from the published file, a row a client, to clients, dated statements and outcomes; and from these to
training rows. Does not belong here: the product, models.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv

from assets.bundle.encoder import Encoder
from assets.features.kernel.kernel import compile_features
from assets.product import Product
from assets.training.rows.labels import mature_labels
from assets.training.rows.learning import TrainingRows, assemble
from resources.environments import CHECKOUT

FILE = (
    Path(os.environ.get("LOOPLINE_REAL_DATA", CHECKOUT.parent / "shared" / "data"))
    / "uci_default_of_credit_card_clients.csv"
)
DECIDED = datetime(2005, 10, 1, 12, tzinfo=UTC)
_TIME = pa.timestamp("us", tz="UTC")
_MONTHS = 6
_STATUS = ("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")
_EDUCATION = {1: "graduate", 2: "university", 3: "school"}
_MARRIAGE = {1: "married", 2: "single"}


def published_tables(file: Path = FILE) -> dict[str, pa.Table]:
    """Clients, statements and outcomes; the statement of September is of the day before the decision."""
    published = csv.read_csv(file, read_options=csv.ReadOptions(skip_rows=1))
    number = published["ID"].combine_chunks()
    clients = pa.table(
        {
            "client_id": number,
            **_times(len(number), DECIDED),
            "credit_limit": published["LIMIT_BAL"].cast(pa.float64()),
            "education": _named(published["EDUCATION"], _EDUCATION),
            "marriage": _named(published["MARRIAGE"], _MARRIAGE),
            "sex": _named(published["SEX"], {1: "male", 2: "female"}),
            "age": published["AGE"],
        }
    )
    statements = pa.concat_tables(
        pa.table(
            {
                "client_id": number,
                **_times(len(number), DECIDED - timedelta(days=1 + 30 * back)),
                "months_late": published[_STATUS[back]],
                "billed": published[f"BILL_AMT{back + 1}"].cast(pa.float64()),
                "paid": published[f"PAY_AMT{back + 1}"].cast(pa.float64()),
            }
        )
        for back in range(_MONTHS)
    )
    outcomes = pa.table(
        {
            "client_id": number,
            **_times(len(number), DECIDED + timedelta(days=30)),
            "missed": published["default payment next month"],
        }
    )
    return {
        "clients": clients,
        "statements": statements.append_column("statement_id", pa.array(np.arange(len(statements)))),
        "outcomes": outcomes,
    }


def training_rows(product: Product, tables: dict[str, pa.Table]) -> TrainingRows:
    """The rows of all clients, with the product's features as of the decision and its label."""
    clients = tables["clients"]
    spine = clients.append_column("as_of", clients["event_time"])
    features = compile_features(product.features, product.resolutions).compute(tables, spine)
    kept = [name for name in spine.column_names if name not in features.column_names]
    for name in kept:
        features = features.append_column(name, spine[name])
    now = DECIDED + product.label.maturity + timedelta(days=1)
    labels = mature_labels(spine, tables["outcomes"], product.label, now, row_id="client_id")
    return assemble(
        features,
        labels,
        encoder=Encoder.from_features(product.features),
        row_id="client_id",
        protected=[attribute.column for attribute in product.protected],
        stake=product.decision.profit.stake,
    )


def _times(rows: int, at: datetime) -> dict[str, pa.Array]:
    moments = pa.array([at] * rows, _TIME)
    return {"event_time": moments, "known_at": moments}


def _named(codes: pa.ChunkedArray, names: dict[int, str]) -> pa.Array:
    return pa.array([names.get(code, "other") for code in codes.to_pylist()])
