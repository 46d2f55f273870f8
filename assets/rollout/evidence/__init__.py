"""Evidence about a challenger that may be looked at after every row: e-processes and confidence sequences.

An e-process is a wealth that begins at 1 and whose mean is at most 1 under the null hypothesis, whenever one stops
looking. It reaches 1/alpha with probability at most alpha (Ville, 1939), so that a rollout may be judged after every
request, in every process, for days. A state here is small, immutable and can be written as JSON; `update` takes rows
in their order and returns the next state; the same rows in one batch or in several give the same state.

Belongs here: tests and intervals as pure computations on arrays. Does not belong here: what a breach leads to (the
verdicts of a rollout), reading rows, the clock.
"""
