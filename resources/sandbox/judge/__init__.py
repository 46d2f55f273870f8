"""The judge of a game day: what happened, what was noticed after how long, what was done, what it cost.

Belongs here: pure functions of a plan, a record and the truth. Nothing of the loop that is judged is imported here, so
that a blind spot of the loop is none of the judge.
"""
