"""Tests of `assets.features`."""
