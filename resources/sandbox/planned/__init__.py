"""What is planned to go wrong in a game day: incidents as frozen values, and their dates by a seed.

Belongs here: the kinds of incidents, what ought to follow from each, and when they happen. Does not belong here: their
effects (`resources.sandbox.answering`), the judgement on what followed (`resources.sandbox.judge`). Nothing of the loop
that is judged imports this, and this imports nothing of it.
"""
