"""The bound of the whole numbers that features are computed from.

Belongs here: the bound itself. Does not belong here: what is done with numbers beyond it (`assets.features.kernel`).
"""

WHOLE_LIMIT = 2**62
"""Whole numbers below it, and the sum or difference of two of them, fit into 64 bits.

Values, moments and sums stay below it, so that it also stands for a value or a moment that does not occur.
"""
