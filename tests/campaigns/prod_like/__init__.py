"""The whole of `credit_risk` on all the real servers of prod at once, which are stopped and started meanwhile."""
