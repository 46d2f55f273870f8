"""The reference page of a product's description, from the docstrings of its parts.

Belongs here: which classes and methods are described, and the page. Does not belong here: what they mean
(`assets.product`, `assets.vocabulary`).

    python -m pipelines.drafting.reference > docs/reference.md
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from typing import Any

import assets.product as product
import assets.vocabulary as vocabulary
from assets.product.contracts.contract import Column, Consent, Contract, Distribution, NewestEvent, Reference, Volume
from assets.vocabulary.selection import Options

_PARTS: tuple[tuple[str, tuple[type[Any], ...]], ...] = (
    ("The product", (product.Product,)),
    ("Rows to decide and their labels", (product.Spine, product.Label)),
    (
        "Sources",
        (
            product.Files,
            product.DatabaseTable,
            product.LakeTable,
            product.IcebergTable,
            product.HttpEndpoint,
            product.StreamTopic,
            product.PostedOutcomes,
            product.PostedReviews,
            product.DeliveryCalendar,
        ),
    ),
    ("Contracts: contracts/SOURCE.yaml", (Contract, Column, Consent, Volume, NewestEvent, Reference, Distribution)),
    ("Features over events", (vocabulary.Events, Options)),
    (
        "Model and decision",
        (
            product.ModelSpec,
            product.SearchPolicy,
            product.Amount,
            product.Scale,
            product.DecisionPolicy,
            product.Profit,
            product.Words,
        ),
    ),
    (
        "Rules beside the model",
        (
            product.Rule,
            product.Compare,
            product.OneOf,
            product.IsNull,
            product.AllOf,
            product.AnyOf,
            product.Not,
        ),
    ),
    ("What a declined person can change", (product.Recourse, product.Change)),
    (
        "Gates and fairness",
        (
            product.GatePolicy,
            product.AmountGates,
            product.Protected,
            product.FairnessPolicy,
            product.Jurisdiction,
            product.Limit,
            product.ProxyLimit,
            product.Mitigation,
        ),
    ),
    ("Shared features: pipelines/shared/ENTITY.py", (vocabulary.FeatureGroup,)),
    ("Governance", (product.Governance, product.SignOff, product.Statements)),
    ("How a new model reaches the customers", (product.Rollout, product.Step, product.Guard)),
    (
        "In production",
        (
            product.MonitoringPolicy,
            product.AcceptedChange,
            product.Freshness,
            product.RetrainPolicy,
            product.ReviewPolicy,
            product.AlertPolicy,
            product.Delivery,
        ),
    ),
)
_WORDS: tuple[tuple[str, tuple[Callable[..., Any], ...]], ...] = (
    (
        "Windows and conditions",
        (
            vocabulary.days,
            vocabulary.hours,
            vocabulary.last_events,
            vocabulary.today,
            vocabulary.this_month,
            vocabulary.last_months,
            vocabulary.at_least,
            vocabulary.below,
        ),
    ),
    (
        "Features of the request and of its time",
        (
            vocabulary.Number,
            vocabulary.Category,
            vocabulary.LearnedCategory,
            vocabulary.HashedCategory,
            vocabulary.Hour,
            vocabulary.DayOfWeek,
            vocabulary.Weekend,
            vocabulary.Night,
        ),
    ),
    (
        "Features computed from others",
        (
            vocabulary.Ratio,
            vocabulary.Difference,
            vocabulary.Sum,
            vocabulary.Multiply,
            vocabulary.Trend,
            vocabulary.Log,
            vocabulary.Log1p,
            vocabulary.SignedLog,
            vocabulary.Clip,
            vocabulary.Missing,
        ),
    ),
)
"""Words with `description`, `owner` and `unit`, and those that need no table of fields."""
_WIDTH = 120
_NOT_WRITTEN = frozenset({"entity_keys", "file"})
"""Fields of a contract that its file does not hold."""


def reference_page() -> str:
    """The page in Markdown; each field with its type, its default and its meaning."""
    lines = [
        "# Reference: the description of a product",
        "",
        "Generated from the docstrings of `assets.product` and `assets.vocabulary` by `make docs`. Every",
        "feature takes `name`, `description`, `owner` and `unit` too.",
    ]
    for title, classes in _PARTS:
        lines += ["", f"## {title}"]
        for described in classes:
            lines += ["", f"### {described.__name__}", "", *_prose(described), "", *_fields(described)]
            if described is vocabulary.Events:
                lines += ["", *_calls(_methods(described))]
    for title, called in _WORDS:
        lines += ["", f"## {title}", "", *_calls(called)]
    return "\n".join(lines) + "\n"


def _fields(described: type[Any]) -> list[str]:
    """A table of the fields of a class."""
    meanings = _meanings(described)
    return ["| field | type | default | meaning |", "| --- | --- | --- | --- |"] + [
        f"| `{f.name}` | `{_type(f)}` | {_default(f)} | {meanings.get(f.name, '')} |"
        for f in fields(described)
        if f.name not in _NOT_WRITTEN
    ]


def _methods(described: type[Any]) -> list[Callable[..., Any]]:
    """The public methods of a class, in the order in which they are written, those of its bases first."""
    found = [method for base in reversed(described.__mro__) for method in vars(base).values()]
    return [method for method in found if inspect.isfunction(method) and not method.__name__.startswith("_")]


def _calls(called: Iterable[Callable[..., Any]]) -> list[str]:
    """A table of functions, without the options that all features over events have."""
    return ["| call | meaning |", "| --- | --- |"] + [
        f"| `{call.__name__}({_arguments(call)})` | {_summary(call)} |" for call in called
    ]


def _arguments(call: Callable[..., Any]) -> str:
    common = {f.name for f in fields(Options)} if inspect.isfunction(call) else {"description", "owner", "unit"}
    parameters = inspect.signature(call).parameters.values()
    return ", ".join(str(p.replace(annotation=p.empty)) for p in parameters if p.name not in {*common, "self"})


def _prose(described: type[Any]) -> list[str]:
    """The meaning of a class: the paragraphs of its docstring, and each entry of a list on lines of its own."""
    blocks = re.split(r"(\n\n|\n(?=- ))", _above_attributes(described))
    lines: list[str] = []
    for block, end in zip(blocks[::2], [*blocks[1::2], ""], strict=True):
        lines += textwrap.wrap(
            _on_one_line(block), _WIDTH, subsequent_indent="  " if block.startswith("- ") else "",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        lines += [""] if end == "\n\n" else []
    return lines


def _summary(described: Callable[..., Any]) -> str:
    return _on_one_line(_above_attributes(described))


def _above_attributes(described: Callable[..., Any]) -> str:
    return (inspect.getdoc(described) or "").split("\nAttributes:")[0].strip()


def _meanings(described: type[Any]) -> dict[str, str]:
    """The meaning of each field, from the section `Attributes:` of the docstring; several may share one."""
    _, _, section = (inspect.getdoc(described) or "").partition("\nAttributes:\n")
    # A field that is inherited means what it means there, unless its own class says otherwise.
    inherited = [_meanings(base) for base in reversed(described.__mro__[1:]) if base is not object]
    found = {name: meaning for meanings in inherited for name, meaning in meanings.items()}
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
