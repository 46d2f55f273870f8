"""How threads that compute one thing together wait for each other.

Belongs here: this setting of a process. Does not belong here: how many threads compute (the code that has the work).
Nothing heavy is imported: every command begins with it.
"""

import os

_POLICY = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """Makes threads of OpenMP, those of XGBoost and scikit-learn, sleep while they wait for each other.

    By default such a thread spins for a while. Where other processes want the cores too, the awaited thread does not
    run meanwhile: on two cores with six busy processes a training of 0.25 s of processor time took 2.7 s. The results
    are the same. Processes that this one starts do likewise; a setting of the user stays. It has an effect before the
    first library with OpenMP is imported.
    """
    os.environ.setdefault(_POLICY, "passive")
