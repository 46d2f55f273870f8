"""The libraries of the commands that make days, loaded.

Belongs here: what a process loads once, so that the processes which are forked from it begin at once. Does not belong
here: running commands (`killed_at.py`).
"""

import tests.support.killed_at  # noqa: F401
from assets.validation.rules.expectations import great_expectations

great_expectations()
