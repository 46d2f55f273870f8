"""The reference page of a product's description, from the docstrings of its parts.

Belongs here: which classes are described, and the page. Does not belong here: what they mean (`assets.product`).

    python -m pipelines.drafting.reference > docs/reference.md
"""

import inspect
import re
import sys
from dataclasses import MISSING, Field, fields
from typing import Any

import assets.product as product
from assets.product.contract import Column, Consent, Contract
from assets.vocabulary import FeatureGroup

_PARTS: tuple[tuple[str, tuple[type[Any], ...]], ...] = (
    ("The product", (product.Product,)),
    ("Rows to decide and their labels", (product.Spine, product.Label)),
    (
        "Sources",
        (
            product.Files,
            product.DatabaseTable,
            product.LakeTable,
            product.HttpEndpoint,
            product.StreamTopic,
            product.DeliveryCalendar,
        ),
    ),
    ("Contracts: contracts/SOURCE.yaml", (Contract, Column, Consent)),
    ("Model and decision", (product.ModelSpec, product.DecisionPolicy, product.Profit, product.Words)),
    ("Gates and fairness", (product.GatePolicy, product.Protected)),
    ("Shared features: pipelines/shared/ENTITY.py", (FeatureGroup,)),
    ("In production", (product.MonitoringPolicy, product.Freshness, product.RetrainPolicy)),
)
_NOT_WRITTEN = frozenset({"entity_keys", "file"})
"""Fields of a contract that its file does not hold."""


def reference_page() -> str:
    """The page in Markdown; each field with its type, its default and its meaning."""
    lines = [
        "# Reference: the description of a product",
        "",
        "Generated from the docstrings of `assets.product` by `make docs`. The words in which features are declared",
        "are those of `assets.vocabulary`, each with its docstring.",
    ]
    for title, classes in _PARTS:
        lines += ["", f"## {title}"]
        for described in classes:
            lines += ["", f"### {described.__name__}", "", _summary(described), ""]
            lines += ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
            meanings = _meanings(described)
            lines += [
                f"| `{f.name}` | `{_type(f)}` | {_default(f)} | {meanings.get(f.name, '')} |"
                for f in fields(described)
                if f.name not in _NOT_WRITTEN
            ]
    return "\n".join(lines) + "\n"


def _summary(described: type[Any]) -> str:
    text = inspect.getdoc(described) or ""
    return _on_one_line(text.split("\nAttributes:")[0])


def _meanings(described: type[Any]) -> dict[str, str]:
    """The meaning of each field, from the section `Attributes:` of the docstring; several may share one."""
    _, _, section = (inspect.getdoc(described) or "").partition("\nAttributes:\n")
    found: dict[str, str] = {}
    fields_alone = section.split("\nRaises:")[0]
    for entry in re.split(r"\n(?=    \S)", f"\n{fields_alone}"):
        names, _, meaning = entry.strip().partition(": ")
        found |= {name.strip(): _on_one_line(meaning) for name in names.split(",")}
    return found


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def _type(field: "Field[Any]") -> str:
    name = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
    return re.sub(r"(\w+\.)+(?=\w)", "", name).replace("|", "\\|")


def _default(field: "Field[Any]") -> str:
    if field.default is not MISSING:
        return f"`{field.default!r}`"
    return "" if field.default_factory is MISSING else f"`{field.default_factory()!r}`"


if __name__ == "__main__":
    sys.stdout.write(reference_page())
