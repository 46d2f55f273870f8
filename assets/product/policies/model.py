"""The policies of a product, as frozen values: decision, model, gates, freshness, retraining.

Belongs here: the thresholds, times and words that people answer for. Does not belong here: applying them (the stages),
the policies of monitoring (`monitoring.py`) and of rollout (`rollout.py`), the problem itself
(`assets.product.problem`), the product that holds them (`assets.product.product`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

from assets.product.policies.scale import Scale, scale_fault
from assets.product.policies.training import CandidateName, Device, OwnCandidate, SearchPolicy, training_fault
from assets.product.target import BINARY, Target, target_fault
from resources.errors import LooplineError

WhenStale = Literal["fallback", "refuse"]
SplitBy = Literal["time", "random"]
Direction = Literal["increasing", "decreasing"]
ExploreBy = Literal["accept", "refer"]


class ProductError(LooplineError):
    """A product's description contradicts itself; the message names the part and what to write instead."""


@dataclass(frozen=True)
class Profit:
    """What a decision earns, in the product's currency; the threshold is chosen to earn the most.

    An accepted good row earns `good`, an accepted bad row loses `bad`, a refused row earns nothing. With `stake` (a
    numeric column of the spine) both are shares of that column; without a stake they are amounts. Where the target is
    an amount, every accepted row earns `good` (or that share of its stake) and loses `bad` times its amount.

    Attributes:
        good: What an accepted good row earns.
        bad: What an accepted bad row loses; positive. Of an amount, the part of it that is lost: 1.0 for all.
        stake: The column of which both are shares.
    """

    good: float
    bad: float
    stake: str | None = None


@dataclass(frozen=True)
class Words:
    """The words for a numeric feature that counted against a person, by its value beside that of accepted people.

    Write comparisons, which are true of every value on their side of the median: "The term is longer than usual".

    Attributes:
        high: For values above the median of the accepted training rows.
        low: For values below it.
    """

    high: str | None = None
    low: str | None = None

    def __post_init__(self) -> None:
        if not self.high and not self.low:
            raise ProductError("reasons: Words() has no words; write high=, low= or both")


@dataclass(frozen=True)
class DecisionPolicy:
    """How a score becomes an outcome: two answers, or with `refer` three.

    With `refer` a person reviews the rows whose expected profit is higher so: two thresholds, from which on a row is
    referred and refused, earn the most on the calibration rows together. A review costs `review_cost` and then decides
    rightly in `review_accuracy` of the rows, good and bad. Rows that a rule refuses or refers take no part in the
    choice. In the gates and in fairness a referred row counts as not accepted: the selection ratio compares those who
    were accepted without a review.

    Attributes:
        accept: The outcome below the threshold ("approve").
        refuse: The outcome at or above it ("decline").
        profit: What the threshold maximises.
        reasons: By feature name, the words that tell a person that the feature counted against them: for a number
            `Words`, for a category a text that is true of every value. Where no words fit the value, and without an
            entry, the feature's description stands alone.
        reasons_shown: How many reasons a refusal names.
        fallback: The outcome when neither the model nor the scorecard can decide.
        scale: Name and meaning of the score, for people.
        max_refused: The largest share of rows that the threshold may refuse.
        refer: The outcome between the two thresholds ("review"); `None` for two answers. It may be the fallback's word.
        review_cost: What one review costs, in the currency of the profit.
        review_accuracy: The share of reviewed rows that the reviewer decides rightly, above 0.5.
        review_capacity: The most reviews a day, on average over the calibration rows, those of rules included; `None`
            for no bound. It bounds the thresholds and the review queue of a day (see `ReviewPolicy`), not the referred
            decisions: a day with more rows has more of them.
        exploration: The share of the rows refused by their score that are let past it all the same, so that their
            outcomes are known: by a hash of bundle and entity, recorded with this share as the propensity. An entity
            that asks again gets the same answer until the next model; without entities each row is drawn by its id,
            and a caller who may choose row ids chooses who is explored. Never a row that a rule refuses.
        explore_by: What becomes of an explored row.
    """

    accept: str
    refuse: str
    profit: Profit
    reasons: Mapping[str, str | Words] = field(default_factory=dict)
    reasons_shown: int = 4
    fallback: str = "review"
    scale: str = "probability of the bad outcome, 0 to 1"
    max_refused: float = 0.5
    refer: str | None = None
    review_cost: float = 0.0
    review_accuracy: float = 1.0
    review_capacity: float | None = None
    exploration: float = 0.0
    explore_by: ExploreBy = "accept"

    def __post_init__(self) -> None:
        if self.refer is not None and (not self.refer or self.refer in (self.accept, self.refuse)):
            raise ProductError(f"decision: refer={self.refer!r}; write a word that is neither accept's nor refuse's")
        reviews = self.review_cost != 0.0 or self.review_accuracy != 1.0 or self.review_capacity is not None
        if self.refer is None and (reviews or self.explore_by == "refer"):
            raise ProductError("decision: reviews are described, but refer= is None; name the outcome, as 'review'")
        if not 0.0 <= self.review_cost < float("inf") or not 0.5 < self.review_accuracy <= 1.0:
            raise ProductError(
                f"decision: review_cost={self.review_cost!r}, review_accuracy={self.review_accuracy!r}; write an "
                "amount that is not negative, and a share above 0.5, 1 at most"
            )
        if self.review_capacity is not None and not 0.0 < self.review_capacity < float("inf"):
            raise ProductError(f"decision: review_capacity={self.review_capacity!r}; write reviews a day, above 0")
        if not 0.0 <= self.exploration <= 0.5 or self.explore_by not in get_args(ExploreBy):
            raise ProductError(
                f"decision: exploration={self.exploration!r}, explore_by={self.explore_by!r}; write a share from 0 to "
                "0.5, and 'accept' or 'refer'"
            )


@dataclass(frozen=True)
class ModelSpec:
    """How candidates are trained.

    Attributes:
        train_days: Length of the training window; `None` for every mature row before the purge gap. The gap before the
            test window is the label's maturity, so that every training label was known before the first test row.
        test_days: Length of the test window, at the end of the mature rows.
        calibrate_share: Share of the training window, at its end, for the choice between candidates, calibration and
            the threshold.
        monotone: By feature name, the direction in which a rising feature may move the score.
        split: By `time`: the model is tested on later rows than it learned from. By `random`, a fifth of the rows is
            tested, by a hash of the row id: for rows without time, where no figure can say how the model will age.
        trials: How many settings the search tries at most.
        seed: Seeds everything random.
        candidates: What competes to be the bundle's model. The candidate with the lowest loss on later rows wins; a
            simpler one wins where its loss is within one standard error. The scorecard is always fitted, as fallback.
        device: Where XGBoost learns; `cuda` is refused where it finds no GPU. A bundle decides on the CPU.
        search: How long settings are searched for, and what else is chosen on the folds.
        target: What the model learns: whether a row turns out bad, or with `Amount(...)` a number.
        scale: How the final fit is made where the rows are many.
    """

    train_days: int | None
    test_days: int
    calibrate_share: float = 0.25
    monotone: Mapping[str, Direction] = field(default_factory=dict)
    split: SplitBy = "time"
    trials: int = 12
    seed: int = 7
    candidates: tuple[CandidateName | OwnCandidate, ...] = ("scorecard", "histogram", "xgboost")
    device: Device = "cpu"
    search: SearchPolicy = field(default_factory=SearchPolicy)
    target: Target = BINARY
    scale: Scale = field(default_factory=Scale)

    def __post_init__(self) -> None:
        fault = training_fault(self.candidates, self.device, self.search)
        fault = fault or target_fault(self.target) or scale_fault(self.scale)
        if fault is not None:
            raise ProductError(f"model: {fault}")


@dataclass(frozen=True)
class Protected:
    """A protected attribute (a passthrough column of the spine) and its groups for fairness.

    Attributes:
        column: The passthrough column.
        bands: The inner edges of numeric groups (25, 40, 60 gives four); without them each value is a group.
        legal_basis: Why it is protected, for the model card.
    """

    column: str
    bands: tuple[float, ...] = ()
    legal_basis: str = ""


@dataclass(frozen=True)
class GatePolicy:
    """Thresholds that a model must meet; a value that cannot be computed fails its gate.

    Attributes:
        min_auc: Area under the ROC curve on the test rows.
        max_auc: Above it the model is too good to be true: a leak is suspected.
        max_calibration_error: Expected calibration error (10 bins of equal count).
        min_profit_gain: Relative gain in profit of the threshold over accepting everybody.
        max_champion_loss: Upper end of the 95% interval, by paired bootstrap, of (champion AUC - challenger AUC) on the
            same rows.
        min_slice_auc: AUC in each group of each protected attribute that has enough rows.
        min_selection_ratio: Lowest acceptance rate of a group over the highest (four-fifths rule).
        max_odds_gap: Largest difference between groups in true or false positive rate.
        max_score_psi: Population stability index of the score, training against test.
        max_single_feature_auc: AUC of a single feature; above it the feature is taken for the label in disguise.
        max_label_information: Share of the label's entropy that a single feature may explain.
        max_label_timing: Absolute rank correlation of a feature with the time from the decision to the bad outcome: a
            feature that knows when the outcome came knows the outcome.
        audited_rows: How many training rows are recomputed by brute force before a model is trained on them.
        max_latency_ms: 99th percentile of the processor time of one decision.
        max_bundle_mb: Size of the bundle.
        max_overfit: Lower end of the 95% interval of (AUC on the training rows - AUC on the test rows).
        min_explanation_agreement: Rank correlation of the importances of features between random halves of the test
            rows: explanations that depend on the rows explain nothing.
        max_noise_flips: Share of decisions that change when each number gets noise of 1% of its standard deviation.
        max_unseen_share: Share of test rows such as hardly occur among the training rows, by a classifier between both.
            While a product is younger than its longest window, its rows change with its age: set it lower afterwards.
        max_serving_skew: Share of test rows to which the bundle, as it is served, gives another probability (by more
            than 0.0001) than the model that was evaluated.
        min_group_rows: Groups smaller than this are reported, not judged.
    """

    min_auc: float
    max_auc: float = 0.97
    max_calibration_error: float = 0.05
    min_profit_gain: float = 0.0
    max_champion_loss: float = 0.02
    min_slice_auc: float = 0.6
    min_selection_ratio: float = 0.8
    max_odds_gap: float = 0.2
    max_score_psi: float = 0.25
    max_single_feature_auc: float = 0.9
    max_label_information: float = 0.5
    max_label_timing: float = 0.7
    audited_rows: int = 64
    max_latency_ms: float = 10.0
    max_bundle_mb: float = 50.0
    max_overfit: float = 0.15
    min_explanation_agreement: float = 0.5
    max_noise_flips: float = 0.1
    max_unseen_share: float = 0.9
    max_serving_skew: float = 0.001
    min_group_rows: int = 100


@dataclass(frozen=True)
class Freshness:
    """How old the events behind a decision may be.

    A source's watermark is the end of the last day that was loaded from the lake, or the time at which its stream was
    last read. The default lets one load fail where a day is a partition.

    Attributes:
        max_age: The longest time from a watermark to the decision, for each source that features read; by default the
            product's partition and two days: 3 days, of hours 2 days and an hour, of weeks 9, of months 33.
        when_stale: Beyond `max_age` the answer is the policy's fallback, marked as such, or a refusal (status 503).
    """

    max_age: timedelta | None = None
    when_stale: WhenStale = "fallback"

    def __post_init__(self) -> None:
        if self.max_age is not None and self.max_age <= timedelta(0):
            raise ProductError(f"freshness: max_age={self.max_age!r}; write a positive time, as timedelta(days=3)")


@dataclass(frozen=True)
class RetrainPolicy:
    """When a new model is trained by itself, what that costs, and what holds it.

    The schedule, drift, and estimated or realised losses ask for a retraining (`MonitoringPolicy` has their limits);
    so do the causes below. Whatever asks, one retraining answers it. A person who asks by hand is never held.

    Attributes:
        cron: The schedule, UTC.
        cooldown: The least time between two retrainings.
        budget: The most retrainings in 90 days; those by hand count, and are not held.
        cost: What a retraining costs, computation and the work of people, in the currency of the profit. A retraining
            is held while its expected gain until the next scheduled one is known and below that.
        max_age: The age of the champion's training that asks for a retraining; `None` where age alone asks for none.
        new_labels: So many labels that became final after the champion was trained ask for a retraining; `None` where
            they alone ask for none.
        needed_labels: A retraining for drift or for a loss waits for so many: with fewer it would learn from the rows
            that the champion knows.
        new_features: Whether a declared feature that the champion does not have asks for a retraining.
    """

    cron: str = "0 4 1 * *"
    cooldown: timedelta = timedelta(days=7)
    budget: int = 12
    cost: float = 0.0
    max_age: timedelta | None = None
    new_labels: int | None = None
    needed_labels: int = 0
    new_features: bool = True

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise ProductError(f"retraining: budget={self.budget!r}; write retrainings in 90 days, at least 1")
        if not 0.0 <= self.cost < float("inf"):
            raise ProductError(f"retraining: cost={self.cost!r}; write an amount that is not negative")
        if self.max_age is not None and self.max_age <= self.cooldown:
            raise ProductError(
                f"retraining: max_age={self.max_age!r} is not above cooldown={self.cooldown!r}; write a longer time"
            )
        if (self.new_labels is not None and self.new_labels < 1) or self.needed_labels < 0:
            raise ProductError(
                f"retraining: new_labels={self.new_labels!r}, needed_labels={self.needed_labels!r}; write rows, at "
                "least 1 and 0, or None for no new_labels"
            )
