"""Reading data files: damage is found before anybody computes with it."""

from pathlib import Path

import pytest

from resources.lake import DamagedPartition, Lake
from tests.unit.resources.lake.samples import DAYS


@pytest.mark.parametrize("harm", ["delete", "truncate", "flip a value", "flip a name"])
def test_damage_names_table_day_and_remedy(lake: Lake, harm: str) -> None:
    (path,) = (Path(p) for p in lake.paths("p/t", days=DAYS[3:4]))
    content = bytearray(path.read_bytes())
    if harm == "delete":
        path.unlink()
    elif harm == "truncate":
        path.write_bytes(content[:50])
    elif harm == "flip a value":
        content[content.index(b"w9")] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(bytes(content).replace(b"word", b"wose"))
    with pytest.raises(DamagedPartition, match="table p/t, day 2026-01-04.*loopline backfill p --from 2026-01-04"):
        lake.read("p/t")
    assert lake.read("p/t", days=DAYS[:3]).num_rows == 9
