"""Erasing a person: `loopline erase`.

Belongs here: the places that hold a person's data by an entity key, their order, the line in the audit log. Does not
belong here: the erasure in each place (`assets.serving`, `assets.feedback.erasure`, `resources.online_store`).

The decision log comes last but one: it tells which rows are the person's, so that an interrupted erasure can be
repeated; the table `decisions`, which is made again from the log, is searched for the person itself. The lake's tables
of sources that deliver (raw, validated, features, training sets) keep what was delivered under their tokens; it goes
when the source no longer delivers it and its days are made again.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from assets.feedback.erasure import erase_decisions, erase_exposed, erase_posted_tables
from assets.governance.audit_database import audit_of
from assets.privacy.tokens import is_token, tokenise
from assets.product import Product
from assets.serving.log.decision_log import erase
from assets.serving.log.posted_erasure import erase_posted, subject_of
from pipelines.products import load_product
from resources.dependencies import require
from resources.environments import Environment
from resources.errors import LooplineError
from resources.keys import Keys
from resources.lake import Lake
from resources.online_store.opening import open_store


class NotErased(LooplineError):
    """Nothing was erased; the message says what to write."""


@dataclass(frozen=True)
class Erasure:
    """What was erased of a person.

    Attributes:
        events: Of the online store.
        decisions: Of the decision log; id, bundle, answer and score of each stay.
        posted: Rows that were posted about the person.
        exposed: Rows of the table of those whom a rolled-back version decided for.
        rows: By table of the lake, the posted rows that went from it.
        days: The days of `decisions` that were made again.
    """

    product: str
    events: int
    decisions: int
    posted: int
    exposed: int
    rows: dict[str, int]
    days: tuple[date, ...]


def erase_subject(name: str, environment: Environment, column: str, key: str, *, by: str, reason: str) -> Erasure:
    """Erases a person from all that a product keeps of decisions, and from its online store.

    Args:
        column, key: An entity key of the product, and the person's value of it. Where the column is tokenised, the
            value may be the plain one, of which the token is made here, or the token that the lake has.

    Raises:
        NotErased: The column is no entity key of the product; or name, reason or key are empty.
        DecisionLogError, LakeError, StoreError, LockError: A place is damaged or does not answer. What was erased by
            then stays erased; the same command goes on.
        MissingKey: The column is tokenised, and LOOPLINE_TOKENISATION_KEY is not set.
        DependencyDown: Lake, online store or records do not answer; nothing was erased.
    """
    product = load_product(name)
    keys = product.features.key_columns
    if column not in keys:
        raise NotErased(f"{name} knows no entity by '{column}'; its keys: {', '.join(keys) or 'none'}")
    if not (by.strip() and reason.strip() and key.strip()):
        raise NotErased(f"{name}: say whose data, who you are and why: COLUMN KEY --by NAME --reason TEXT")
    require(environment, "lake", "online store", "records")
    lake, log = Lake(environment.lake), environment.decision_log
    kept = _as_kept(product, environment, column, key)
    # Rows are posted with the plain key, and tokenised when they enter the lake.
    subject = subject_of(log, name, column, {key, kept})
    posted = erase_posted(environment.posted, name, product.posted, subject)
    rows, exposed = erase_posted_tables(lake, product, subject), erase_exposed(lake, name, subject)
    store = open_store(environment.online_store, name)
    try:
        events = store.erase(column, kept)
    finally:
        store.close()
    decisions = erase(log, name, column, kept)
    days = erase_decisions(lake, product, log, subject)
    found = Erasure(name, events, decisions, posted, exposed, dict(rows), days)
    # The key itself would keep the person in the audit log for ever.
    audit_of(environment).append(
        actor=by.strip(), action="erase", product=name, version="", reason=reason.strip(), at=datetime.now(UTC),
        details={"column": column, "events": events, "decisions": decisions, "posted": posted, "exposed": exposed},
    )  # fmt: skip
    return found


def _as_kept(product: Product, environment: Environment, column: str, key: str) -> str:
    """The key as tables and logs have it: a token where the contract of the decided rows tokenises the column."""
    tokenised = {one.name for one in product.contract(product.spine.source).columns if one.personal == "token"}
    if column not in tokenised or is_token(key):
        return key
    return tokenise(key, Keys.of(environment.home).tokenisation, column)
