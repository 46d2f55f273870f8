"""A group of features of one entity, declared once and used by several products.

Belongs here: the group and its checks. Does not belong here: the groups themselves (`pipelines.shared`), a feature
(`history.py`), the features of a product (`feature_set.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assets.vocabulary.conditions import FeatureError, checked
from assets.vocabulary.history import History


@dataclass(frozen=True)
class FeatureGroup:
    """Features over the history of one entity; a product unpacks it: `history=(*SPENDING, ...)`.

    Each feature carries the name of the group and its owner, also within a bundle.

    Attributes:
        name: Its name, of which there is one in all modules of `pipelines/shared/`.
        owner: Who answers for the features, in every product.
        description: What the features say about the entity.
        features: Stored as a tuple, each with `group` and `owner`.

    Raises:
        FeatureError: The group is empty, lacks an owner or a description, two features share a name, or features are
            of different entities or belong to another group or owner.
    """

    name: str
    owner: str
    description: str
    features: Sequence[History]

    def __post_init__(self) -> None:
        label = f"feature group '{checked(self.name, 'feature group')}'"
        given = self.features
        if not isinstance(given, Sequence) or not given or not all(isinstance(one, History) for one in given):
            raise FeatureError(f"{label}: features= needs features over events: write features=(card.count(days(7)),)")
        for part in ("owner", "description"):
            if not getattr(self, part).strip():
                raise FeatureError(f"{label} has no {part}; write {part}='...'")
        names = [one.name for one in given]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise FeatureError(f"{label} declares '{twice[0]}' twice; give one of them another name=")
        keys = sorted({one.key for one in given})
        if len(keys) > 1:
            raise FeatureError(f"{label} has the keys {', '.join(keys)}; a group is of one entity: make one a key")
        for one in given:
            if one.group or one.owner not in ("", self.owner):
                other = f"is of group '{one.group}'" if one.group else f"has the owner '{one.owner}'"
                raise FeatureError(f"{label}: '{one.name}' {other}; a shared feature has one group and one owner")
        stamped = tuple(replace(one, group=self.name, owner=self.owner) for one in given)
        object.__setattr__(self, "features", stamped)

    def __iter__(self) -> Iterator[History]:
        return iter(self.features)

    @property
    def key(self) -> str:
        """The column of the entity."""
        return self.features[0].key

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources whose events the features read; a product that uses the group declares them."""
        return tuple(dict.fromkeys(one.source for one in self.features))
