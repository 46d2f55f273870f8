"""The page of the inventory of models, as one self-contained HTML file.

Belongs here: how the inventory is shown to people. Does not belong here: its entries (`inventory.py`), where the page
is kept.
"""

from collections.abc import Iterable
from html import escape

from assets.pages.document import document
from assets.pages.words import counted
from assets.registry.inventory import Inventory, InventoryEntry

_HEADS = ("version", "tier", "owner", "state", "approvals", "missing", "next review", "used", "author", "trained")
_LIVE = ("champion", "challenger", "shadow")


def to_html(found: Inventory) -> str:
    """The inventory: no script, no link to another host."""
    products = list(dict.fromkeys(one.product for one in found.entries))
    live = [one for one in found.entries if one.state in _LIVE]
    late = [one for one in live if one.overdue]
    lead = f"{counted(len(products), 'product')}, {counted(len(found.entries), 'version')}, {len(live)} of them in use"
    alarm = "" if not late else f"; review is overdue of {', '.join(f'{one.product} {one.version}' for one in late)}"
    parts = [f"<p class=note>As of {found.at:%Y-%m-%d %H:%M} UTC: {escape(lead + alarm)}.</p>"]
    parts += [f"<p class=warn>{escape(f'{name}: {why}')}</p>" for name, why in found.unread.items()]
    parts += [_product(name, [one for one in found.entries if one.product == name]) for name in products]
    return document("Model inventory", "\n".join(["<header><h1>Model inventory</h1></header>", *parts]) + "\n")


def _product(name: str, entries: Iterable[InventoryEntry]) -> str:
    newest = sorted(entries, key=lambda one: int(one.version), reverse=True)
    heads = "".join(f"<th>{head}</th>" for head in _HEADS)
    rows = "".join(_row(one) for one in newest)
    return (
        f"<h2>{escape(newest[0].title)} ({escape(name)})</h2>"
        f'<div class="wide whole" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>\n{rows}</tbody></table></div>"
    )


def _row(one: InventoryEntry) -> str:
    review = "" if one.next_review is None else f"{one.next_review:%Y-%m-%d}"
    cells = (
        one.version, one.tier, one.owner, one.state, "; ".join(one.approvals), one.missing,
        f"{review}, overdue" if one.overdue else review, "; ".join(one.used), one.author,
        f"{one.trained_at:%Y-%m-%d}",
    )  # fmt: skip
    live = " class=live" if one.state in _LIVE else ""
    kinds = {"next review": "day warn" if one.overdue else "day", "trained": "day"}
    return f"<tr{live}>" + "".join(
        f'<td class="{kinds.get(head, "")}">{escape(text)}</td>' for head, text in zip(_HEADS, cells, strict=True)
    ) + "</tr>\n"  # fmt: skip
