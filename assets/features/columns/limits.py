"""The bound of whole numbers in feature computation.

Belongs here: the bound itself. Does not belong here: the treatment of numbers beyond it (`assets.features.kernel`).
"""

WHOLE_LIMIT = 2**62
"""Whole numbers below it, and the sum or difference of two of them, fit into 64 bits.

Values, times and sums are below it, so it also serves as a value or a time that does not occur.
"""
