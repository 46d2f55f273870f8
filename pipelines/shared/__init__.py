"""Features that several products use: a module for each entity, each group with one owner.

Belongs here: groups of features over the history of an entity, in the feature vocabulary. Does not belong here: the
features of one product (its `features.py`), their computation (`assets.features.kernel`).
"""
