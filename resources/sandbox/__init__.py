"""A bank that lives on this machine: it fills real source systems from a seed, and goes wrong when told to.

Belongs here: made-up people, accounts, loans, a credit bureau, cards, and the writing of them into the places that a
product reads (database, landing zone, API, stream). Does not belong here: reading those places, features, models.
Everything is invented; nothing is sent anywhere. Start at `fill.py`.
"""
