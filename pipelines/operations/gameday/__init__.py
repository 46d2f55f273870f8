"""The game day: months of operation on a simulated clock, through the real parts, with planned incidents.

Belongs here: the scenarios, the simulated time, one day after the other, the record of what the loop does. Does not
belong here: the bank and its incidents (`resources.sandbox.answering`, `planned`), the judgement
(`resources.sandbox.judge`).

Nothing here reads the plan to react to it: the plan goes to the bank, to those who take dependencies away, and at the
end to the judge. Start at `play.py`.
"""
