"""The signed artefact that decides, and all that runs from it: encoder, scorer, scorecard, calibration, profile."""
