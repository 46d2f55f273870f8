"""Training a model of an amount: its labels, its candidates, its contest, the interval around its predictions."""
