"""The signed artefact that decides, and its parts: encoder, scorer, scorecard, calibration, reference profile."""
