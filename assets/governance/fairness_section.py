"""What a model card says of fairness by the product's policy.

Belongs here: the layout of the recorded assessment: groups with intervals, limits by jurisdiction, proxies, the choice
on the frontier. Does not belong here: the figures (`assets.evaluation.fairness`), the rest of the card
(`model_card.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SHOWN_PROXIES = 3
_SHARES = ("accepted", "true_positive_rate", "false_positive_rate", "observed")


def fairness_blocks(record: Mapping[str, Any] | None, mitigation: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The blocks in Markdown; none for a product without a policy of fairness.

    Args:
        record: `FairnessAssessment.to_dict()`.
        mitigation: `Frontier.to_dict()`; `None` where training was asked for no mitigation.
    """
    if record is None:
        return ()
    return (*_jurisdictions(record), *_groups(record), *_proxies(record), *_choice(mitigation))


def _jurisdictions(record: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (
            place["name"],
            place["legal_basis"],
            ", ".join(_words(name) for name in place["limits"]) or "none: reported only",
        )
        for place in record["jurisdictions"]
    ]
    yield "The limits are the product's policy, by jurisdiction; the gates below judge them."
    yield _table(("jurisdiction", "legal basis", "limits"), rows)


def _groups(record: Mapping[str, Any]) -> Iterator[str]:
    for standing in record["attributes"]:
        rows = [
            (
                group["group"], f"{group['rows']:,}", f"{group['positives']:,}",
                *(_share(group[name]) for name in _SHARES),
                f"{group['predicted']:.1%}",
            )
            for group in standing["groups"]
        ]  # fmt: skip
        yield f"**{standing['attribute']}**, with {record['confidence']:.0%} intervals:"
        yield _table(("group", "rows", "bad", *map(_words, _SHARES), "predicted"), rows)
        for name, measure in standing["measures"].items():
            if measure["unjudged"] is not None:
                small = measure["unjudged"]
                yield f"Not judged by {_words(name)}: {', '.join(small['groups'])} together have {small['missing']}."


def _proxies(record: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (
            report["attribute"], group["group"], f"{group['together']:.3f}",
            ", ".join(f"{one['feature']} {one['auc']:.3f}" for one in group["features"][:_SHOWN_PROXIES]),
            f"{group['gap']:+z.1%}", f"{group['through_proxies']:+z.1%}",
        )
        for report in record["proxies"]
        for group in report["groups"]
    ]  # fmt: skip
    if rows:
        yield "How well the features tell a group from all others (AUC), and the gap in accepted share through proxies:"
        yield _table(("attribute", "group", "all features", "best alone", "gap", "through proxies"), rows)


def _choice(mitigation: Mapping[str, Any] | None) -> Iterator[str]:
    yield "Training had no mitigation." if mitigation is None else f"Mitigation: {mitigation['words']}."


def _share(share: Mapping[str, Any] | None) -> str:
    return "no rows" if share is None else f"{share['value']:.1%} ({share['low']:.1%} to {share['high']:.1%})"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
