"""The bundle: everything that a decision needs, as frozen values.

Belongs here: the parts of a bundle and the checks that they agree. Does not belong here: its files and signature
(`files.py`), deciding with it (`assets.serving.engine`), where it is published (`resources.rollout_store`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import numpy as np

from assets.bundle.calibration import Calibration
from assets.bundle.contract import BundleContract
from assets.bundle.encoder import Encoder
from assets.bundle.interval import Interval
from assets.bundle.scorecard import Scorecard
from assets.bundle.usual import UsualValues
from assets.features.kernel.kernel import Kernel
from assets.product.policies.recourse import Recourse, check_recourse
from assets.product.rules import Rule
from resources.errors import LooplineError
from resources.naming import BadName, checked_name, checked_version


class BundleError(LooplineError):
    """A bundle cannot be trusted, read or written; the message names the file and its fault."""


@dataclass(frozen=True)
class ReasonWords:
    """The words for a number that counted against a person, by the median of the accepted training rows.

    Attributes:
        high, low: For values above and below the median; `None` where no words are declared.
        median: `None` where no accepted row has a value; then neither words fit.
    """

    high: str | None
    low: str | None
    median: float | None

    def fitting(self, value: float) -> str | None:
        """The words that are true of a value, compared in the model's precision; `None` where none are."""
        if self.median is None or not math.isfinite(value):
            return None
        value, median = float(np.float32(value)), float(np.float32(self.median))
        return self.high if value > median else self.low if value < median else None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How a score becomes an outcome, which request columns identify and order a row, and how old events may be.

    Attributes:
        threshold: The lowest probability of the bad outcome that is refused.
        accept, refuse, fallback: The outcomes below the threshold, from it on, and when neither model nor scorecard
            gives a score.
        reasons: For a feature the reason in words for the person concerned: for a number by its value, or a text that
            is true of every value; by default the feature's description.
        reasons_shown: The most reasons that a refusal names.
        row_id: The request's column that names the row.
        sequence: The request's integer column that orders events of the same microsecond; `None` where ties do not
            matter. With it, the online store's events have a column `sequence`.
        scale: The meaning of the score.
        max_age_seconds: The longest time from a source's watermark to the decision.
        when_stale: The result when a watermark is older: the fallback outcome, or no decision.
        last_day: The last UTC day with data (ISO-8601), of a history that has ended; `None` where new days arrive.
        refer, refer_threshold: The outcome of a row that a person is to review, and the lowest probability that is
            referred, `threshold` or below; both `None` where there are two answers.
        exploration: The share of the rows refused by their score that are let past it.
        explore_by: Whether an explored row is accepted or referred.
        explore_keys: The entity keys by which rows are drawn for exploration; empty where each row is drawn by itself.
        unit: Of the score, where it is an amount; empty where it is a probability.
        interval: The interval around an amount; `None` where the score is a probability.
    """

    threshold: float
    accept: str
    refuse: str
    fallback: str
    reasons: Mapping[str, str | ReasonWords]
    reasons_shown: int
    row_id: str
    sequence: str | None = None
    scale: str = "probability of the bad outcome, 0 to 1"
    max_age_seconds: float = 3 * 86_400.0
    when_stale: Literal["fallback", "refuse"] = "fallback"
    last_day: str | None = None
    refer: str | None = None
    refer_threshold: float | None = None
    exploration: float = 0.0
    explore_by: Literal["accept", "refer"] = "accept"
    explore_keys: tuple[str, ...] = ()
    unit: str = ""
    interval: Interval | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise BundleError(f"policy: the threshold is {self.threshold}; it must be a finite number")
        if not all(isinstance(text, str) and text for text in (self.accept, self.refuse, self.fallback, self.row_id)):
            raise BundleError("policy: accept, refuse, fallback and row_id must be texts that are not empty")
        if self.accept == self.refuse or self.refer in ("", self.accept, self.refuse):
            raise BundleError(
                f"policy: accept is '{self.accept}', refuse '{self.refuse}', refer '{self.refer}'; give them different "
                "words"
            )
        if (self.refer is None) != (self.refer_threshold is None) or not self.refer_from <= self.threshold:
            raise BundleError(
                f"policy: refer is {self.refer!r} from {self.refer_threshold} on, refuse from {self.threshold} on; "
                "give both the word and a threshold that is not above, or neither"
            )
        if not 0.0 <= self.exploration <= 1.0 or self.explore_by not in ("accept", "refer"):
            raise BundleError(
                f"policy: exploration is {self.exploration} by '{self.explore_by}'; write a share, and 'accept' or "
                "'refer'"
            )
        if not self.max_age_seconds > 0 or self.when_stale not in ("fallback", "refuse"):
            raise BundleError(
                f"policy: max_age_seconds is {self.max_age_seconds}, when_stale '{self.when_stale}'; write a positive "
                f"number, and 'fallback' or 'refuse'"
            )
        if self.reasons_shown < 0:
            raise BundleError(f"policy: reasons_shown is {self.reasons_shown}; it must not be negative")
        try:
            date.fromisoformat(self.last_day or "2000-01-01")
        except ValueError as error:
            raise BundleError(f"policy: last_day is {self.last_day!r} ({error}); write YYYY-MM-DD") from error

    @property
    def refer_from(self) -> float:
        """The lowest score that is not accepted: `threshold` where there are two answers."""
        return self.threshold if self.refer_threshold is None else self.refer_threshold

    def expects_events(self, watermark: datetime) -> bool:
        """Whether events after the watermark (UTC) may still come: not after the last day of a history."""
        return self.last_day is None or watermark.date() <= date.fromisoformat(self.last_day)


@dataclass(frozen=True, kw_only=True)
class BundleParts:
    """The parts of a bundle.

    Attributes:
        pins: Its origin: code version, table versions, training run; any JSON object.
        model: ONNX, one float32 input [n, encoded columns], output with the probability of the bad outcome.
        booster: The same model as XGBoost UBJ, for the reasons of a refusal; cut to its best iteration.
        scorecard: Decides when the model fails; its points give calibrated log odds.
        calibration: The map from the model's probability to the one that is compared with the threshold.
        reference: The profile against which live data is monitored; any JSON object.
        metrics: The evaluation that the gates judged; any JSON object.
        contract: What requests and posted events are held to; None in a bundle of before contracts were part of it,
            whose requests are held to their columns' kinds and listed values alone.
        rules: Conditions beside the model, in the order of their declaration; none in a bundle of before rules.
        usual: The usual values of the accepted training rows, by which reasons are proved; `None` in a bundle of before
            reasons were proved.
        recourse: What a person can change; `None` where nothing is declared.
    """

    product: str
    version: str
    created_at: datetime
    pins: Mapping[str, Any]
    model: bytes
    booster: bytes
    scorecard: Scorecard
    calibration: Calibration
    kernel: Kernel
    encoder: Encoder
    policy: Policy
    reference: Mapping[str, Any]
    metrics: Mapping[str, Any]
    contract: BundleContract | None = None
    rules: tuple[Rule, ...] = ()
    usual: UsualValues | None = None
    recourse: Recourse | None = None

    def __post_init__(self) -> None:
        try:
            checked_name(self.product, "product")
            checked_version(self.version)
        except BadName as error:
            raise BundleError(str(error)) from error
        if self.created_at.tzinfo is None:
            raise BundleError("created_at has no time zone; give it in UTC")
        if tuple(self.scorecard.columns) != tuple(self.encoder.columns):
            raise BundleError("the scorecard's columns are not the encoder's; fit both on the same matrix")
        unknown = sorted(set(self.policy.reasons) - set(self.kernel.features.names))
        if unknown:
            raise BundleError(f"policy: reasons for {unknown}, which are not features of this bundle")
        if self.usual is not None and len(self.usual.cells) != len(self.encoder.columns):
            raise BundleError(
                f"{len(self.usual.cells)} usual values for {len(self.encoder.columns)} columns; give one for each"
            )
        if self.recourse is not None:
            check_recourse(self.product, self.recourse, self.kernel.features)
        self._check_rules()

    def _check_rules(self) -> None:
        features = self.kernel.features
        requested = {feature.name for feature in features.request}
        of_request = requested | (set() if self.contract is None else set(self.contract.request.columns))
        for rule in self.rules:
            known = of_request if rule.before_model else of_request | set(features.names)
            unknown = sorted(set(rule.columns) - known)
            if unknown:
                raise BundleError(
                    f"rule {rule.id} reads {', '.join(unknown)}, which this bundle's requests and features lack"
                )
            if rule.outcome == "refer" and self.policy.refer is None:
                raise BundleError(f"rule {rule.id} refers, but the policy has no outcome for a review")


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A verified and parsed bundle.

    Attributes:
        digest: SHA-256 of its manifest.
        size: Total size of its files, in bytes.
    """

    parts: BundleParts
    digest: str
    size: int

    @property
    def product(self) -> str:
        """The product that the bundle decides for."""
        return self.parts.product

    @property
    def version(self) -> str:
        """Its version within the product."""
        return self.parts.version

    @property
    def full_name(self) -> str:
        """Version and product, for messages: `bundle 3 of loans`."""
        return f"bundle {self.version} of {self.product}"

    @property
    def policy(self) -> Policy:
        """How a score becomes an outcome."""
        return self.parts.policy
