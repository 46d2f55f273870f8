"""Data faults: a day's rows against those of the days before, and what they mean for a retraining."""
