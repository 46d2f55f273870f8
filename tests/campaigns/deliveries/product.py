"""The product whose sources take the deliveries: one source a form, all with the same contract.

Belongs here: the declaration of sources and contract. Does not belong here: files (`generator.py`).
"""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from assets.product import DatabaseTable, Files, Product, Source
from assets.vocabulary import Events, FeatureSet, Number, days
from pipelines.card_fraud.product import PRODUCT

START = date(2024, 1, 1)
PURPOSE = "scoring"
MAX_QUARANTINED = 0.6

SOURCES: tuple[Source, ...] = (
    Files("csv", pattern="csv/{day}.csv"),
    Files("semicolon", pattern="semicolon/{day}.csv", delimiter=";"),
    Files("pipe", pattern="pipe/{day}.csv", delimiter="|", header_line=3),
    Files("tsv", pattern="tsv/{day}.tsv"),
    Files("gz", pattern="gz/{day}.csv.gz"),
    Files("zst", pattern="zst/{day}.csv.zst"),
    Files("bz2", pattern="bz2/{day}.csv.bz2"),
    Files("western", pattern="western/{day}.csv", encoding="cp1252"),
    Files("wide", pattern="wide/{day}.csv", encoding="utf-16"),
    Files("parts", pattern="parts/{day}-*.csv"),
    Files("jsonl", pattern="jsonl/{day}.jsonl"),
    Files("jsonl_gz", pattern="jsonl_gz/{day}.jsonl.gz"),
    Files("parquet", pattern="parquet/{day}.parquet"),
    Files("berlin", pattern="berlin/{day}.csv", zone="Europe/Berlin"),
    Files("marked", pattern="marked/{day}.csv", marker="marked/{day}.done"),
    Files("settled", pattern="settled/{day}.csv", settled=timedelta(minutes=10)),
    Files("optional", pattern="optional/{day}.csv", optional=True),
    Files("monthly", pattern="monthly/{month}.csv", day_column="known_at"),
    Files("whole", pattern="whole.csv", day_column="known_at"),
    Files("consented", pattern="consented/{day}.csv"),
    Files("consents", pattern="consents/{day}.csv", optional=True),
    DatabaseTable("rows", table="deliveries"),
)

_COLUMNS = """
  id: {type: string, description: the row}
  customer: {type: string, description: whose it is}
  event_time: {type: timestamp, description: when it happened}
  known_at: {type: timestamp, description: when it was known}
  amount: {type: number, description: amount, unit: EUR, resolution: 0.01}
  share: {type: number, description: a measurement, required: false}
  count: {type: integer, description: a number of things, unit: things, resolution: 1, required: false}
  flag: {type: boolean, description: yes or no, required: false}
  note: {type: string, description: any text, required: false}
  seen_at: {type: timestamp, description: another time, required: false}
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: amount, min_value: 0, max_value: 1000000000000000000}
"""
_CONSENTS = """
  id: {type: string, description: the consent}
  customer: {type: string, description: whose it is}
  purpose: {type: string, description: for what}
  granted: {type: boolean, description: given or withdrawn}
  event_time: {type: timestamp, description: when it happened}
  known_at: {type: timestamp, description: when it was known}
expectations: []
"""


def deliveries_product(folder: Path) -> Product:
    """The product, with its contracts written to the folder."""
    folder.mkdir(parents=True)
    for source in SOURCES:
        consent = (
            f"consent: {{source: consents, subject: customer, purpose: {PURPOSE}}}\n"
            if source.name == "consented"
            else ""
        )
        columns = _CONSENTS if source.name == "consents" else _COLUMNS
        (folder / f"{source.name}.yaml").write_text(
            f"source: {source.name}\ndescription: rows of the campaign\nowner: rows@shop.example\nkey: [id]\n"
            f"event_time: event_time\nknown_at: known_at\nmax_quarantined: {MAX_QUARANTINED}\n{consent}"
            f"columns:{columns}"
        )
    history = Events("csv", key="customer")
    features = FeatureSet(
        owner="rows",
        request=(Number("amount", unit="EUR", description="Amount"),),
        history=(
            history.count(days(30), name="rows_30d"),
            history.sum("amount", days(90), name="amount_90d", unit="EUR"),
            history.mean("amount", days(90), name="mean_90d", unit="EUR"),
            history.sum("count", days(90), name="count_90d", unit="things"),
            history.max("share", days(90), name="largest_90d", unit="share"),
            history.last("share", days(90), name="last_share", unit="share"),
            history.distinct("note", days(90), name="notes_90d"),
            history.where(flag=True).count(days(90), name="flagged_90d"),
            history.time_since_last(name="since_last"),
        ),
    )
    return replace(
        PRODUCT,
        name="deliveries",
        sandbox=False,
        start=START,
        contracts=folder,
        sources=SOURCES,
        spine=replace(PRODUCT.spine, source="csv", row_id="id", sequence=None),
        label=replace(PRODUCT.label, source="semicolon", row_id="id", column="count"),
        features=features,
        decision=replace(PRODUCT.decision, reasons={}),
        monitoring=replace(PRODUCT.monitoring, slices=()),
        request_example={"id": "x", "customer": "C001", "amount": 5.0},
    )
