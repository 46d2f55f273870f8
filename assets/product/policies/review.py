"""The policy of reviews: which cases people are asked about.

Belongs here: the policy as a frozen value. Does not belong here: choosing the cases (`assets.feedback.queue`), what a
review costs and how many there may be (`DecisionPolicy`), taking a review (`arrivals.PostedReviews`).
"""

from dataclasses import dataclass

from assets.product.policies.model import ProductError


@dataclass(frozen=True)
class ReviewPolicy:
    """Which cases of a product with `PostedReviews` are in its review queue, day by day.

    First come referred decisions on which nobody has given a word; then disputed ones: the label was revised or
    contradicts the word, and no word came since, or as many reviewers say one thing as say another; then the most
    informative of the day: scores next to a threshold, and those on which champion and shadow differ most, in turn. The
    queue of a day has `DecisionPolicy.review_capacity` cases at most.

    Attributes:
        informative: The most informative cases a day, at most, in the places that the others leave.
        days: How many days a referred or disputed case stays in the queue; the day on which it came is the first.
    """

    informative: int = 5
    days: int = 28

    def __post_init__(self) -> None:
        if self.informative < 0 or self.days < 1:
            raise ProductError(
                f"reviewing: informative={self.informative!r}, days={self.days!r}; write a number that is not "
                "negative, and at least 1 day"
            )
