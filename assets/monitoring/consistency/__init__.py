"""Consistency: the features that decisions were made with, against those that the lake gives for the same moments."""
