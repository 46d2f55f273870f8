"""How a candidate's figures come about: intervals, ageing, weak slices, robustness, the worth of groups of features."""
