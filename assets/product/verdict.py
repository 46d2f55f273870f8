"""The form of every decision about a model's life.

Belongs here: the one shape that promotion, rollback, retraining, quarantine and alerting share. Each of them is a pure
function of recorded signals, a policy and the clock, and returns a `Verdict` with its own actions.
Does not belong here: any particular decision, or anything that acts on one.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Action = TypeVar("Action", bound=str)


@dataclass(frozen=True)
class Verdict(Generic[Action]):
    """An action and the reasons for it.

    Attributes:
        action: One of the decision's literals. A missing signal has an action of its own ("unknown", "wait") and never
            counts as a good signal.
        reasons: At least one sentence for people, the most important first. Doing nothing has a reason too.
    """

    action: Action
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError(f"the verdict '{self.action}' has no reason; give at least one")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a table's row, an event's metadata or an audit entry."""
        return {"action": self.action, "reasons": list(self.reasons)}
