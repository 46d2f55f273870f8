"""Statistics that several stages need: ranking, calibration, profit, stability, and the style of plots."""
