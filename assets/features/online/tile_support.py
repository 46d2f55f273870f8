"""Which features tiles support.

Belongs here: the kinds and windows that can be computed from tiles, and the tilings of a kernel. Does not belong here:
cutting events into tiles (`tiles.py`), computing from them (`tile_values.py`).
"""

from collections.abc import Iterator

from assets.features.kernel.kernel import Kernel, Need
from assets.features.kernel.plan import Group
from assets.features.kernel.scope import Measure, Member
from assets.features.online.tiles import CHUNK, TILE_PLACE, Tiling
from assets.vocabulary import ALGEBRAIC


def tiling_of(kernel: Kernel, need: Need) -> Tiling | None:
    """How a source is tiled by a key; None where a feature over it needs the events themselves."""
    groups = tuple(group for group in kernel.groups if (group.source, group.key) == (need.source, need.key))
    if untiled(kernel, need):
        return None
    return Tiling(need.source, need.key, groups[0].time, groups)


def untiled(kernel: Kernel, need: Need) -> tuple[str, ...]:
    """The features over a source by a key that need the events themselves.

    These are all its features if the windows have two axes, or if a column has the name of a tile column.
    """
    groups = [group for group in kernel.groups if (group.source, group.key) == (need.source, need.key)]
    stored = [name for other in kernel.needs if other.source == need.source for name in (other.key, *other.columns)]
    axes = {(group.time, group.includes_request) for group in groups}
    if len(axes) != 1 or need.key in TILE_PLACE or CHUNK in stored:
        return tuple(name for group in groups for name in group.names)
    return tuple(
        group.names[member.slot]
        for group in groups
        for measure in group.measures
        for member in measure.members
        if member.kind not in ALGEBRAIC or not _has_tiled_window(group, measure, member)
    )


def _has_tiled_window(group: Group, measure: Measure, member: Member) -> bool:
    """Whether the window is a length of time or all history up to the decision, over events without revisions."""
    window = group.windows[measure.windows[member.window]]
    return group.record_key is None and group.end == 0 and (window is None or isinstance(window, int))


def tilings_of(kernel: Kernel) -> Iterator[Tiling]:
    """Every tiling of a kernel."""
    for need in kernel.needs:
        tiling = tiling_of(kernel, need)
        if tiling is not None:
            yield tiling
