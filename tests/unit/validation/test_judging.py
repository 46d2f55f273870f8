"""Portions of days: in their order, each within the size unless it is one day."""

from datetime import date, timedelta

from assets.validation.judging import portions_of
from resources.lake import DataFile

DAYS = [date(2026, 1, 1) + timedelta(n) for n in range(6)]


def test_days_are_divided_by_the_size_of_their_files() -> None:
    sizes = {DAYS[0]: 3, DAYS[1]: 4, DAYS[2]: 20, DAYS[3]: 0, DAYS[5]: 9}
    files = [DataFile(str(day), day, 1, size) for day, size in sizes.items()]
    found = portions_of(DAYS, files, 10)
    assert found == [DAYS[:2], [DAYS[2]], [*DAYS[3:]]]
    assert [day for portion in portions_of(DAYS, files, 1) for day in portion] == DAYS
    assert portions_of(DAYS, [], 10) == [DAYS]
