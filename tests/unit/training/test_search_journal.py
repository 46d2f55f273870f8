"""A search that is killed goes on with its finished trials, and finds what it would have found."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from assets.product import SearchPolicy
from assets.training.rows.split import split_rows
from assets.training.search.boosters import search_settings
from assets.training.search.journal import journal_of, remove_journal
from tests.unit.training.conftest import MATURITY, SPEC, make_rows

COUNT, TRIALS, FINISHED = 2500, 12, 3
MANY = replace(SPEC, trials=TRIALS)
# A trial of the first ones has two fits; the process is killed in the second fit of the fourth.
KILLED = """
import os
import signal
from pathlib import Path

from assets.training.fitting.boosting import FoldMatrices
from tests.unit.training.test_search_journal import COUNT, FINISHED, MANY, make_rows, search_settings

begun = []
fit = FoldMatrices.fit


def counted(self, *arguments):
    begun.append(1)
    if len(begun) == 2 * FINISHED + 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return fit(self, *arguments)


FoldMatrices.fit = counted
search_settings(make_rows(COUNT), MANY, journal=Path("{journal}"))
"""


def results(journal: Path) -> int:
    """How many trials ended, by the lines of the journal that hold a result."""
    if not journal.exists():
        return 0
    return sum('"result"' in line for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n"))


def test_a_search_that_is_killed_goes_on_and_ends_like_one_that_was_not(tmp_path: Path) -> None:
    journal = tmp_path / "searches" / "loans-1.journal"
    killed = subprocess.run([sys.executable, "-c", KILLED.format(journal=journal)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert results(journal) == FINISHED
    with journal.open("ab") as file:
        file.write(b'{"op_code":5,"worker_id":"torn')
    resumed = search_settings(make_rows(COUNT), MANY, journal=journal)
    assert results(journal) == TRIALS, "a finished trial ran twice, or one was lost"
    assert resumed == search_settings(make_rows(COUNT), MANY)
    assert search_settings(make_rows(COUNT), replace(MANY, trials=5), journal=journal).trials == resumed.trials
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_a_journal_is_of_one_training_set_and_its_settings(tmp_path: Path) -> None:
    rows = make_rows(500)
    split = split_rows(rows.as_of, rows.y, spec=SPEC, maturity=MATURITY)
    of = journal_of(tmp_path, "loans", rows, split, SPEC)
    assert journal_of(tmp_path, "loans", rows, split, replace(SPEC, trials=50)) == of
    other_rows = replace(rows, y=1 - rows.y)
    others = {
        journal_of(tmp_path, "loans", other_rows, split, SPEC),
        journal_of(tmp_path, "loans", rows, split, replace(SPEC, seed=8)),
        journal_of(tmp_path, "loans", rows, split, replace(SPEC, search=SearchPolicy(pruning=False))),
        journal_of(tmp_path, "cards", rows, split, SPEC),
    }
    assert len(others - {of}) == 4
    for journal in (of, *others):
        journal.write_text("")
    remove_journal(of)
    assert [path.name[:5] for path in tmp_path.glob("*.journal")] == ["cards"]
