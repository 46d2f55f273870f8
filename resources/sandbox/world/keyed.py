"""Random numbers by a keyed hash: each is of a seed, a purpose and a number, and of nothing else.

Belongs here: uniform draws that do not depend on how many others were drawn before. Does not belong here: the random
streams of whole feeds (`BankSettings.rng`).

What an applicant would do with a loan is drawn so: it is known before anybody decides, and no decision changes it.
"""

import hashlib

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def uniforms(seed: int, purpose: str, numbers: np.ndarray) -> np.ndarray:
    """float64 [n] between 0 and 1, for each of the numbers (integers of at least 0) the same whatever the others are.

    SplitMix64 of the number, keyed by BLAKE2b of seed and purpose.
    """
    key = np.uint64(int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest(), "big"))
    with np.errstate(over="ignore"):
        mixed = key + (numbers.astype(np.uint64) + np.uint64(1)) * _STEP
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed ^= mixed >> np.uint64(31)
    return np.asarray(((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53)


def uniform(seed: int, purpose: str, number: int) -> float:
    """One draw of `uniforms`."""
    return float(uniforms(seed, purpose, np.array([number]))[0])
