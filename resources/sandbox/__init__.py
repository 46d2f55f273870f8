"""A bank that is simulated on this machine: it fills real source systems from a seed, with planned incidents.

Belongs here: invented people, accounts, loans, a credit bureau and cards (`world`), and their delivery to the places
that a product reads: database, landing zone, API, stream (`systems`). Does not belong here: reading those places,
features, models. Everything is invented; nothing is sent anywhere. Start at `systems/sandbox.py`.
"""
