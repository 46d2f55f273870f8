"""The page of the inventory of models, as one self-contained HTML file.

Belongs here: how the inventory is shown to people. Does not belong here: its entries (`inventory.py`), where the page
is kept.
"""

from collections.abc import Iterable
from html import escape

from assets.registry.inventory import Inventory, InventoryEntry

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --alarm: #c33; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
.alarm { color: var(--alarm); font-weight: 600; } .note { background: var(--soft); border-radius: .5rem;
padding: .6rem 1rem; } tr.live td:first-child { border-left: .25rem solid #39c; }
"""
_HEADS = ("version", "tier", "owner", "state", "approvals", "missing", "next review", "used", "author", "trained")
_LIVE = ("champion", "challenger", "shadow")


def to_html(found: Inventory) -> str:
    """The inventory: no script, no link to another host."""
    products = list(dict.fromkeys(one.product for one in found.entries))
    live = [one for one in found.entries if one.state in _LIVE]
    late = [one for one in live if one.overdue]
    lead = f"{len(products)} products, {len(found.entries)} versions, {len(live)} of them in use"
    alarm = "" if not late else f"; review is overdue of {', '.join(f'{one.product} {one.version}' for one in late)}"
    parts = [f"<p class=note>As of {found.at:%Y-%m-%d %H:%M} UTC: {escape(lead + alarm)}.</p>"]
    parts += [f"<p class=alarm>{escape(f'{name}: {why}')}</p>" for name, why in found.unread.items()]
    parts += [_product(name, [one for one in found.entries if one.product == name]) for name in products]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Model inventory</title><style>{_STYLE}</style></head><body>\n<h1>Model inventory</h1>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _product(name: str, entries: Iterable[InventoryEntry]) -> str:
    newest = sorted(entries, key=lambda one: int(one.version), reverse=True)
    heads = "".join(f"<th>{head}</th>" for head in _HEADS)
    rows = "".join(_row(one) for one in newest)
    return (
        f"<h2>{escape(newest[0].title)} ({escape(name)})</h2><div class=wide><table><thead><tr>{heads}</tr></thead>"
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
    alarmed = [one.overdue and at == _HEADS.index("next review") for at in range(len(cells))]
    return f"<tr{live}>" + "".join(
        f"<td{' class=alarm' if alarm else ''}>{escape(text)}</td>" for text, alarm in zip(cells, alarmed, strict=True)
    ) + "</tr>\n"  # fmt: skip
