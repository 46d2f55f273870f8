"""The bundles that decide in this process: following the rollout state, and the guard."""
