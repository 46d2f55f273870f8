"""How long the service may take, as its promises say; where they name no number, the campaign's own.

Belongs here: seconds and shares that both attacks and tests use. Does not belong here: code.
"""

# An honest request beside slow clients is answered within its budget.
BUDGET_SECONDS = 1.0
# A complete request is answered, or a client that ended its side is let go.
ANSWER_SECONDS = 5.0
# A client that owes bytes, or sends no request, is answered or let go.
GIVEN_UP_SECONDS = 15.0
# Resident memory of the last quarter over that of the first.
GROWTH = 1.10
# After how many requests it is read.
MEMORY_EVERY = 250
