"""What a backfill refuses to overwrite."""

from datetime import date
from typing import Any

import pytest

from assets.ingestion.overwriting import Delivered, WouldOverwrite, losses, refuse_losses

DAY, NEXT = date(2026, 9, 1), date(2026, 9, 2)


def lost(rows: int, origin: dict[str, Any], published: int, recorded: dict[str, Any]) -> str:
    return losses([Delivered(DAY, rows, origin)], {DAY: published}, {DAY: recorded}).get(DAY, "")


def test_fewer_rows_are_a_loss_with_both_figures() -> None:
    assert lost(1_200, {}, 1_300, {}) == "the source delivers 1,200 rows now, and 1,300 were published"


def test_an_older_file_is_a_loss() -> None:
    found = lost(10, {"changed": 0.0, "digest": "a"}, 10, {"changed": 86_400.0, "digest": "b"})
    assert "1970-01-01 00:00:00 UTC is older than the one that was published, of 1970-01-02" in found


@pytest.mark.parametrize(
    ("rows", "origin", "published", "recorded"),
    [
        (10, {}, 10, {}),
        (11, {"changed": 2.0, "digest": "a"}, 10, {"changed": 1.0, "digest": "b"}),
        (10, {"changed": 0.0, "digest": "a"}, 10, {"changed": 9.0, "digest": "a"}),  # a copy of the same file
        (9, {"changed": 0.0, "digest": "a"}, 10, {"changed": 9.0, "digest": "a"}),
        (0, {}, 0, {}),  # nothing was published
        (0, {"changed": 0.0}, 0, {"changed": 1.0}),
    ],
)
def test_equal_or_newer_data_are_no_loss(
    rows: int, origin: dict[str, Any], published: int, recorded: dict[str, Any]
) -> None:
    assert lost(rows, origin, published, recorded) == ""


def test_the_refusal_names_days_figures_and_remedy() -> None:
    refuse_losses({}, "payments", "shop", "team:shop")
    with pytest.raises(WouldOverwrite) as refused:
        refuse_losses({NEXT: "later", DAY: "fewer rows"}, "payments", "shop", "team:shop")
    assert str(refused.value) == (
        "source payments, day 2026-09-01: fewer rows; likewise 2026-09-02. Nothing was overwritten: ask team:shop, or "
        "overwrite it: loopline backfill shop --from 2026-09-01 --to 2026-09-02 --overwrite"
    )
    assert refused.value.days == (DAY, NEXT)
