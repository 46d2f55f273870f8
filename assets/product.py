"""The vocabulary of a decision product, as frozen values.

Belongs here: the types with which a product describes itself (where its data comes from, what is decided, what counts
as a good model, when it is retrained) and the checks that make a wrong description fail when it is loaded. Does not
belong here: anything that reads data, any Dagster, any product. Feature declarations are in
`assets.features.vocabulary`; contracts are files, read by `assets.validation.contract`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from assets.features.agreement import check_agreement
from assets.features.units import units_of
from assets.features.vocabulary import FeatureSet
from assets.naming import checked_name
from assets.validation.contract import Contract, load_contract

WhenStale = Literal["fallback", "refuse"]
Impact = Literal["high", "standard"]
Direction = Literal["increasing", "decreasing"]


class ProductError(ValueError):
    """A product's description contradicts itself; the message names the part and what to write instead."""


@dataclass(frozen=True)
class DatabaseTable:
    """Rows of one table of the environment's operational database; a day is what became known on that UTC day.

    `day_column` holds the moment a row became visible to us (ISO-8601, UTC).
    """

    name: str
    table: str
    day_column: str = "known_at"


@dataclass(frozen=True)
class DailyFiles:
    """CSV files with a header, one a UTC day, in the environment's landing zone; `{day}` in the pattern is ISO-8601."""

    name: str
    pattern: str


@dataclass(frozen=True)
class HttpEndpoint:
    """A JSON array a day from an HTTP API of the environment: GET `{base}{path}?day=YYYY-MM-DD`."""

    name: str
    path: str
    api: str = "bureau"


@dataclass(frozen=True)
class StreamTopic:
    """JSON messages of a stream, in the order of their arrival; a day is what arrived on that UTC day."""

    name: str
    topic: str
    arrival_field: str = "known_at"


Source = DatabaseTable | DailyFiles | HttpEndpoint | StreamTopic


@dataclass(frozen=True)
class Spine:
    """The rows to be decided.

    Attributes:
        source: The source whose valid rows are the spine.
        row_id: Column that names a row; unique over all time.
        as_of: Column with the moment of the decision: nothing known later may be used.
        carried: Columns kept beside the features but never given to a model (protected attributes, amounts at stake).
        sequence: Integer column that orders events of the same microsecond; `None` where ties do not matter.
    """

    source: str
    row_id: str
    as_of: str = "event_time"
    carried: tuple[str, ...] = ()
    sequence: str | None = None


@dataclass(frozen=True)
class Label:
    """What a row turned out to be.

    A row is positive when its label source has an event for it with `column` at least `at_least`, whose event time is
    within `horizon` of the decision. It is mature `horizon + delay` after the decision, and unobserved (neither good
    nor bad, left out of training) when the source says nothing of it at all.

    Attributes:
        source: The source with the label events.
        row_id: The column of the label source that names the spine row.
        column: Numeric or boolean column that is compared.
        at_least: The lowest value that makes the row positive (a boolean counts as 0 or 1).
        horizon: How long after the decision an event still counts.
        delay: How long after the horizon the last event may still arrive.
        meaning: One sentence for people.
    """

    source: str
    row_id: str
    column: str
    at_least: float
    horizon: timedelta
    delay: timedelta
    meaning: str

    @property
    def maturity(self) -> timedelta:
        """How long after the decision the label is final."""
        return self.horizon + self.delay


@dataclass(frozen=True)
class Profit:
    """What a decision earns, in the product's currency; the threshold is chosen to earn the most.

    An accepted good row earns `good`, an accepted bad row loses `bad`, a refused row earns nothing. With `stake` (a
    numeric column of the spine) both are shares of it; without, they are amounts.
    """

    good: float
    bad: float
    stake: str | None = None


@dataclass(frozen=True)
class DecisionPolicy:
    """How a score becomes an outcome.

    Attributes:
        accept: The outcome below the threshold ("approve").
        refuse: The outcome at or above it ("decline").
        profit: What the threshold maximises.
        reasons: For a feature name, the words a person is told when it counted against them. A feature that has no
            entry is explained by its own description.
        reasons_shown: How many reasons a refusal names.
        fallback: The outcome when neither the model nor the scorecard can decide.
        scale: Name and meaning of the score, for people.
        max_refused: The largest share of rows that the threshold may refuse.
    """

    accept: str
    refuse: str
    profit: Profit
    reasons: Mapping[str, str] = field(default_factory=dict)
    reasons_shown: int = 4
    fallback: str = "review"
    scale: str = "probability of the bad outcome, 0 to 1"
    max_refused: float = 0.5


@dataclass(frozen=True)
class ModelSpec:
    """How candidates are trained.

    Attributes:
        train_days, test_days: Length of the training and the test window; between them lies the label's maturity
            (purge), so that a training row's label was known before the first test row. `None` for training takes
            every mature row.
        calibrate_share: The last share of the training window, kept for early stopping, calibration and the threshold.
        monotone: For a feature name, the direction in which it may move the score.
        trials: How many settings the search tries.
        seed: Seeds everything random.
    """

    train_days: int | None
    test_days: int
    calibrate_share: float = 0.25
    monotone: Mapping[str, Direction] = field(default_factory=dict)
    trials: int = 12
    seed: int = 7


@dataclass(frozen=True)
class Protected:
    """A protected attribute among the spine's carried columns, as fairness groups it.

    `bands` are the inner edges of numeric groups (25, 40, 60 gives four); without them the values are the groups.
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
        min_profit_gain: Profit at the threshold above that of accepting everybody, as a share of it.
        max_champion_loss: How much AUC the model may lose against the champion on the same rows: the upper end of the
            paired bootstrap's 95% interval of (champion - challenger) may not exceed it.
        min_slice_auc: AUC in each group of each protected attribute that has enough rows.
        min_selection_ratio: Lowest acceptance rate of a group over the highest (four-fifths rule).
        max_odds_gap: Largest difference between groups in true or false positive rate.
        max_score_psi: Population stability index of the score, training against test.
        max_single_feature_auc: No feature alone may rank the label better than this: it would be the label in disguise.
        max_label_information: Share of the label's entropy that one feature alone may tell, in whatever form.
        max_label_timing: Rank correlation, in either direction, that a feature may have with how long after the
            decision the bad outcome came: what knows when, knows whether.
        audited_rows: How many training rows are computed again by brute force before a model is trained on them.
        max_latency_ms: 99th percentile of the processor time of one decision.
        max_bundle_mb: Size of the bundle.
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
    min_group_rows: int = 100


@dataclass(frozen=True)
class MonitoringPolicy:
    """When a live model is no longer the one that was approved.

    Attributes:
        window_days: How many days of rows a drift figure looks back over.
        min_rows: Fewer rows than this are no evidence: the verdict is "unknown".
        max_psi: Population stability index of a feature or of the score.
        max_ks: Kolmogorov-Smirnov distance; it counts only together with its p-value below `ks_alpha`.
        ks_alpha: Significance of the KS test, before Bonferroni's correction over features.
        drifted_share: Share of features that must drift to ask for a retraining (drift of the score asks alone).
        max_auc_loss: How far the realised AUC may fall below the one at approval.
    """

    window_days: int = 28
    min_rows: int = 200
    max_psi: float = 0.25
    max_ks: float = 0.15
    ks_alpha: float = 0.01
    drifted_share: float = 0.2
    max_auc_loss: float = 0.05


@dataclass(frozen=True)
class Freshness:
    """How old the events may be that a decision is made with.

    A source's events are known until the end of the last day that was loaded from the lake, or until its stream was
    last read. The default lets one daily load fail.

    Attributes:
        max_age: The longest time from there to the moment of the decision, for each source that features read.
        when_stale: Beyond it a decision is the policy's fallback, marked as such, or is refused (status 503).
    """

    max_age: timedelta = timedelta(days=3)
    when_stale: WhenStale = "fallback"

    def __post_init__(self) -> None:
        if self.max_age <= timedelta(0):
            raise ProductError(f"freshness: max_age={self.max_age!r}; write a positive time, as timedelta(days=3)")


@dataclass(frozen=True)
class RetrainPolicy:
    """When a new model is trained: on a schedule, on drift, on performance; never twice within `cooldown`."""

    cron: str = "0 4 1 * *"
    cooldown: timedelta = timedelta(days=7)


@dataclass(frozen=True)
class Product:
    """One decision problem, whole.

    Attributes:
        name: Lower-case identifier; also the folder under `pipelines/` and the prefix of its assets and tables.
        start: First UTC day with data.
        contracts: Folder with a `<source>.yaml` for each source.
        request_example: A request that the service answers, for documentation and smoke tests.
    """

    name: str
    title: str
    question: str
    owner: str
    impact: Impact
    start: date
    contracts: Path
    sources: tuple[Source, ...]
    spine: Spine
    label: Label
    features: FeatureSet
    model: ModelSpec
    decision: DecisionPolicy
    gates: GatePolicy
    freshness: Freshness = Freshness()
    monitoring: MonitoringPolicy = MonitoringPolicy()
    retraining: RetrainPolicy = RetrainPolicy()
    protected: tuple[Protected, ...] = ()
    request_example: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name(self.name, "product")
        names = [source.name for source in self.sources]
        for name in names:
            checked_name(name, "source")
            if "__" in name:
                raise ProductError(
                    f"product {self.name}: source '{name}' has two underscores, which the online store has in names of "
                    f"what is made from a source; write '{re.sub('_+', '_', name)}'"
                )
        if len(set(names)) != len(names):
            raise ProductError(f"product {self.name}: a source is named twice in {names}; give each its own name")
        for role, wanted in (("spine", self.spine.source), ("label", self.label.source)):
            if wanted not in names:
                raise ProductError(f"product {self.name}: the {role}'s source '{wanted}' is not one of {names}")
        for wanted in self.features.sources:
            if wanted not in names:
                raise ProductError(f"product {self.name}: a feature reads '{wanted}', which is not one of {names}")
        self._check_spine_columns()
        for protected in self.protected:
            if protected.column not in self.spine.carried:
                raise ProductError(
                    f"product {self.name}: protected '{protected.column}' must be in spine.carried {self.spine.carried}"
                )
            if protected.column in self.features.names:
                raise ProductError(f"product {self.name}: protected '{protected.column}' must not be a feature")
        for feature in (*self.model.monotone, *self.decision.reasons):
            if feature not in self.features.names:
                raise ProductError(f"product {self.name}: '{feature}' is not a feature; known: {self.features.names}")

    def source(self, name: str) -> Source:
        """The source of that name.

        Raises:
            ProductError: There is none.
        """
        for source in self.sources:
            if source.name == name:
                return source
        raise ProductError(f"product {self.name} has no source '{name}'; it has {[s.name for s in self.sources]}")

    def contract(self, source: str) -> Contract:
        """The contract of a source, read from its file, with the entity keys by which features read the source."""
        contract = load_contract(self.contracts / f"{self.source(source).name}.yaml")
        keys = {feature.key for feature in self.features.history if feature.source == source}
        # A token is a key in any case.
        stored = tuple(c.name for c in contract.columns if c.name in keys and c.personal is None)
        return replace(contract, entity_keys=stored)

    def _check_spine_columns(self) -> None:
        """Checks that no column which goes with a row has the name of another that the feature table has."""
        taken = {"as_of": self.spine.as_of, "sequence": self.spine.sequence, "day": None}
        computed = {feature.name for feature in (*self.features.history, *self.features.derived)}
        for column in (self.spine.row_id, *self.spine.carried):
            if taken.get(column, column) != column:
                raise ProductError(
                    f"product {self.name}: the spine's row_id or carried column '{column}'; the feature table has its "
                    f"own column of that name: give that of '{self.spine.source}' another one"
                )
            if column in computed:
                raise ProductError(
                    f"product {self.name}: the spine's column '{column}' has the name of a feature; give the feature "
                    "another name="
                )

    def check(self) -> None:
        """Checks that features and contracts agree: columns, types, values, units, corrections.

        Raises:
            ProductError: They do not agree on what is corrected.
            FeatureError: A feature reads what its source does not have, or its unit does not go with its column's.
            ContractError: A contract cannot be read.
        """
        contracts = {source.name: self.contract(source.name) for source in self.sources}
        protected = [protected.column for protected in self.protected]
        check_agreement(self.features, contracts, spine=self.spine.source, protected=protected)
        self.check_corrections()
        units_of(self.features, {name: contract.units for name, contract in contracts.items()}, self.spine.source)

    def check_corrections(self) -> None:
        """Checks that contracts and features agree on which sources are corrected.

        Raises:
            ProductError: A feature would count a corrected fact twice, or asks for corrections that the contract
                quarantines; or a spine or label source is corrected, whose rows are read once.
        """
        for role, source in (("spine", self.spine.source), ("label", self.label.source)):
            if self.contract(source).corrections:
                raise ProductError(
                    f"product {self.name}: the {role}'s source '{source}' has corrections in its contract; a {role} "
                    "row is read once, so send later words of it as a source of their own"
                )
        for feature in self.features.history:
            contract = self.contract(feature.source)
            fact = contract.key[0] if contract.corrections else None
            if feature.fact != fact:
                agree = f"Events(..., fact={fact!r})" if fact else f"corrections: true in contracts/{contract.file}"
                raise ProductError(
                    f"product {self.name}: feature '{feature.name}' reads '{feature.source}' with "
                    f"fact={feature.fact!r}, but its contract has {'' if fact else 'no '}corrections; write {agree}"
                )

    @property
    def resolutions(self) -> dict[str, dict[str, float]]:
        """For each source, the resolution of its exact numeric columns (cents: 0.01), as its contract declares."""
        return {source.name: self.contract(source.name).resolutions for source in self.sources}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each feature, as the feature set and the contracts declare it or as it follows from them.

        Raises:
            FeatureError: Units do not go together.
        """
        columns = {source.name: self.contract(source.name).units for source in self.sources}
        return units_of(self.features, columns, self.spine.source)
