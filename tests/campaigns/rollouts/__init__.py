"""The judge of rollouts: planted regressions, equal models, races, interruptions and assignment."""
