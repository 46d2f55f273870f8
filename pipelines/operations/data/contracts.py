"""The contracts of a product, for people: `loopline contracts`.

Belongs here: what each contract promises, and building the Data Docs of all. Does not belong here: reading contract
files (`assets.product`), rendering (`assets.validation.data_docs`).
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assets.product import Contract, Product
from assets.product.names import raw_name, table_name
from assets.validation.data_docs import build_data_docs, docs_folder
from resources.environments import Environment
from resources.lake import Lake


@dataclass(frozen=True)
class ContractFacts:
    """One contract.

    Attributes:
        purpose: Empty where it is not documented.
        personal: The personal columns, each with its class or, without one, its handling.
        rules: Expectations, and rules on volume, freshness, references and distribution.
    """

    source: str
    owner: str
    purpose: str
    columns: int
    personal: dict[str, str]
    rules: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def contract_facts(product: Product) -> tuple[ContractFacts, ...]:
    """The contracts of a product, in the order of its sources."""
    return tuple(_facts(product.contract(source.name)) for source in product.sources)


def write_data_docs(product: Product, environment: Environment) -> Path:
    """Builds the Data Docs from the newest day of each source, and returns the first page.

    Raises:
        LakeError: A raw table is damaged.
    """
    lake = Lake(environment.lake)
    contracts = {source.name: product.contract(source.name) for source in product.sources}
    newest = {}
    for name in contracts:
        raw = table_name(product.name, raw_name(name))
        days = lake.days(raw) if lake.exists(raw) else ()
        if days:
            newest[name] = lake.read(raw, days=[days[-1]])
    return build_data_docs(contracts, newest, docs_folder(environment.home, product.name))


def _facts(contract: Contract) -> ContractFacts:
    days = (contract.volume, contract.freshness, contract.distribution)
    return ContractFacts(
        source=contract.source,
        owner=contract.owner,
        purpose=contract.purpose,
        columns=len(contract.columns),
        personal={c.name: c.pii or str(c.personal) for c in contract.columns if c.pii or c.personal},
        rules=len(contract.expectations) + len(contract.references) + sum(rule is not None for rule in days),
    )
