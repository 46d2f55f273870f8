"""A bank that answers: what it shows follows from the decisions that were answered.

Belongs here: loans of which only the granted ones are seen, fraudsters who move to what is not stopped, the economy,
and the delivery of one day after the other, with its planned faults. Does not belong here: who decides, the judgement
on it (`resources.sandbox.judge`). Start at `bank.py`.

What would happen to each application and payment is drawn in advance by keyed hashes. So the best that could have been
done is known, and is shown to nobody but the judge.
"""
