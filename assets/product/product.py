"""A decision product as one frozen value.

Belongs here: the product and the checks that refuse a wrong description at load. Does not belong here: its parts
(`problem.py`, `policies/model.py`, `contracts`, `assets.vocabulary`), anything that reads data, Dagster.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from assets.product.agreement.features import check_accepted, check_agreement, check_consents, check_references
from assets.product.agreement.labels import check_declared_label, check_label_source, check_spine, check_spine_columns
from assets.product.agreement.posted import check_posted
from assets.product.agreement.rules import check_reasons, check_rule_columns, check_rules
from assets.product.agreement.sources import (
    check_connections,
    check_partition,
    check_posted_once,
    check_read_sources,
    check_source_names,
    check_tuples,
)
from assets.product.agreement.target import check_target
from assets.product.arrivals import Posted, PostedReviews
from assets.product.contracts.contract import Contract
from assets.product.contracts.file import load_contract
from assets.product.governance import Governance, Impact, Terms, check_governance, terms_of
from assets.product.partitions import Partition, longest
from assets.product.policies.delivery import Delivery
from assets.product.policies.fairness import FairnessPolicy, check_fairness
from assets.product.policies.model import (
    DecisionPolicy,
    Freshness,
    GatePolicy,
    ModelSpec,
    ProductError,
    Protected,
    RetrainPolicy,
)
from assets.product.policies.monitoring import MonitoringPolicy
from assets.product.policies.recourse import Recourse, check_recourse, check_recourse_columns
from assets.product.policies.review import ReviewPolicy
from assets.product.policies.rollout import Rollout
from assets.product.problem import Label, Spine
from assets.product.rules import Rule
from assets.product.sources import Connected, Source, row_meaning
from assets.vocabulary import FeatureSet
from resources.alerts.policy import AlertPolicy
from resources.errors import listed
from resources.naming import checked_name


@dataclass(frozen=True)
class Product:
    """One decision problem with all its policies.

    Attributes:
        name: Lower-case identifier; also the folder under `pipelines/` and the prefix of its assets and tables.
        title: The name for people, on pages and in reports.
        question: What a decision answers, as a question about one row.
        owner: The address of the people who answer for the product.
        impact: `high` needs a person's approval of each version, by somebody who is not its author.
        start: First UTC day with data.
        end: Last UTC day with data, of a history that has ended; `None` where new days arrive.
        partition: What one run makes whole, and starts once all of it is over: a UTC `hour`, a UTC `day`, an ISO `week`
            (from Monday) or a `month`. By the hour, rows, features and scores are kept by the hour, and every source
            must say the hour of its rows; else they are kept by day. Outcomes and figures are by day in any case.
        contracts: Folder with a `<source>.yaml` for each source.
        sources: Where rows, labels and events come from.
        spine: The rows to be decided.
        label: How a row turned out.
        features: What a model sees of a row.
        model: How candidates are trained.
        decision: How a score becomes an outcome, with its reasons.
        gates: What a model must meet before it is registered.
        freshness: How old the events behind a decision may be.
        monitoring: How far live rows may depart from those at approval.
        retraining: When a new model is trained.
        alerting: How long people may leave an alert before it is repeated and escalated.
        reviewing: Which cases people are asked about.
        rollout: How a new model reaches the customers.
        governance: The risk tier, who must approve a version, and what people state about the models. `None`: one
            approver where `impact` is `high`, whose approval holds for ever, and none elsewhere.
        rules: Conditions beside the model that refuse or refer a row whatever its score.
        delivery: Where batch scores are written for their readers; `None` for nowhere but the lake.
        recourse: What a person whose request was not accepted can change; `None` where nobody is to be told.
        protected: Attributes by which fairness is measured and which no model sees; empty where none is asked for.
        fairness: The limits of fairness by jurisdiction, and its mitigation; `None` for the gates' own bounds alone.
        request_example: A request that the service answers, for documentation and smoke tests.
        sandbox: Whether the sandbox bank of the local environment delivers the sources. The sandbox fills only its own
            folder under LOOPLINE_HOME, and nothing where an address of the sources is configured.
        connections: Addresses of the connections that its sources name, for the local environment, where no variable
            LOOPLINE_CONNECTION_<NAME> gives another: a folder (a relative one is within the product's folder), an
            `s3://` prefix, or a server's address.
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
    freshness: Freshness = field(default_factory=Freshness)
    monitoring: MonitoringPolicy = field(default_factory=MonitoringPolicy)
    retraining: RetrainPolicy = field(default_factory=RetrainPolicy)
    alerting: AlertPolicy = field(default_factory=AlertPolicy)
    reviewing: ReviewPolicy = field(default_factory=ReviewPolicy)
    rollout: Rollout = field(default_factory=Rollout)
    governance: Governance | None = None
    rules: tuple[Rule, ...] = ()
    delivery: Delivery | None = None
    recourse: Recourse | None = None
    protected: tuple[Protected, ...] = ()
    fairness: FairnessPolicy | None = None
    request_example: Mapping[str, object] = field(default_factory=dict)
    end: date | None = None
    partition: Partition = "day"
    sandbox: bool = False
    connections: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name(self.name, "product")
        check_governance(self.name, self.governance, self.impact)
        if self.end is not None and self.end < self.start:
            raise ProductError(
                f"product {self.name}: end={self.end} is before start={self.start}; write the last day with data, or "
                "leave end out where new days arrive"
            )
        passed = self.spine.passthrough
        check_tuples(self.name, {"sources": self.sources, "protected": self.protected, "spine.passthrough": passed})
        check_partition(self.name, self.partition, self.sources)
        delivered = () if self.delivery is None else (self.delivery.connection,)
        connections = (*self.connections, *(source.connection for source in self.connected), *delivered)
        check_connections(self.name, connections)
        names = [source.name for source in self.sources]
        check_source_names(self.name, names)
        read = [("the spine reads", self.spine.source), ("the label reads", self.label.source)]
        read += [("a feature reads", source) for source in self.features.sources]
        check_read_sources(self.name, read, names)
        check_posted_once(self.name, self.posted)
        check_spine_columns(self.name, self.spine, self.features)
        check_declared_label(self.name, self.label, self.spine, self.features)
        for protected in self.protected:
            if protected.column not in self.spine.passthrough:
                raise ProductError(
                    f"product {self.name}: protected '{protected.column}' must be in "
                    f"spine.passthrough {self.spine.passthrough}"
                )
            if protected.column in self.features.names:
                raise ProductError(f"product {self.name}: protected '{protected.column}' must not be a feature")
        if self.delivery is not None:
            self.delivery.check(self.name, (*self.spine.passthrough, *filter(None, [self.label.spine_column])))
        check_fairness(self.name, self.fairness, self.protected)
        check_target(self.name, self.model, self.label, self.decision, self.gates, self.fairness, self.reviews)
        self.monitoring.check_slices(self.name, self.features.names, self.spine.passthrough)
        for feature in (*self.model.monotone, *self.decision.reasons):
            if feature not in self.features.names:
                raise ProductError(
                    f"product {self.name}: '{feature}' is not a feature; known: {listed(self.features.names)}"
                )
        check_reasons(self.name, self.decision, self.features)
        if self.recourse is not None:
            check_recourse(self.name, self.recourse, self.features)
        check_rules(self.rules, self.features, self.spine, self.decision, [one.column for one in self.protected])
        if self.decision.review_capacity is not None and self.model.split == "random":
            raise ProductError(
                f"product {self.name}: review_capacity={self.decision.review_capacity!r} is of a day, but the rows "
                "have no time (split='random'); leave it out"
            )

    def source(self, name: str) -> Source:
        """The source of that name.

        Raises:
            ProductError: There is none.
        """
        for source in self.sources:
            if source.name == name:
                return source
        raise ProductError(
            f"product {self.name} has no source '{name}'; it has {listed([s.name for s in self.sources])}"
        )

    @property
    def connected(self) -> tuple[Connected, ...]:
        """The sources that are systems of others, at the addresses of connections."""
        return tuple(source for source in self.sources if not isinstance(source, Posted))

    @property
    def posted(self) -> tuple[Posted, ...]:
        """The sources of rows that are posted to the decision service."""
        return tuple(source for source in self.sources if isinstance(source, Posted))

    @property
    def reviews(self) -> str:
        """The source of people's words on decisions; empty where the product takes none."""
        return next((source.name for source in self.posted if isinstance(source, PostedReviews)), "")

    def contract(self, source: str) -> Contract:
        """The contract of a source, read from its file, with the entity keys by which features read the source."""
        contract = load_contract(self.contracts / f"{self.source(source).name}.yaml")
        keys = {feature.key for feature in self.features.history if feature.source == source}
        # Tokens need no check: every token is a valid key of the store.
        stored = tuple(c.name for c in contract.columns if c.name in keys and c.personal is None)
        return replace(contract, entity_keys=stored)

    @property
    def terms(self) -> Terms:
        """What is asked of the approvals of a version."""
        return terms_of(self.governance, self.impact)

    @property
    def max_age(self) -> timedelta:
        """The longest time from a watermark to a decision: as declared, or one partition and two days."""
        return self.freshness.max_age or longest(self.partition) + timedelta(days=2)

    def check(self) -> None:
        """Checks that features, label and contracts agree: columns, types, values, units, corrections.

        Raises:
            ProductError: They disagree on which sources are corrected, or on a column of the spine, the label, a rule.
            FeatureError: A feature does not agree with the contract of its source, or units contradict each other.
            ContractError: A contract cannot be read, or asks for consents that the product does not have.
        """
        contracts = {source.name: self.contract(source.name) for source in self.sources}
        protected = [protected.column for protected in self.protected]
        check_agreement(self.features, contracts, spine=self.spine.source, protected=protected)
        check_consents(contracts)
        check_references(contracts)
        check_accepted(self.monitoring.accepted, contracts)
        check_spine(self.spine, contracts[self.spine.source])
        check_rule_columns(self.rules, self.features, contracts[self.spine.source])
        if self.recourse is not None:
            check_recourse_columns(self.recourse, contracts[self.spine.source])
        check_label_source(self.label, contracts[self.label.source])
        for source in self.posted:
            check_posted(source, contracts[source.name])
        self.check_corrections()
        self.features.units({name: contract.units for name, contract in contracts.items()}, self.spine.source)

    def check_corrections(self) -> None:
        """Checks that contracts and features agree on which sources are corrected.

        Raises:
            ProductError: A feature would count several revisions of a record, or expects revisions that the contract
                quarantines; or the source of the spine has corrections, though its rows are read once.
        """
        if self.contract(self.spine.source).corrections:
            raise ProductError(
                f"product {self.name}: the spine's source '{self.spine.source}' has corrections in its contract; a "
                "spine row is read once; send the corrections as a separate source"
            )
        for source in self.sources:
            if row_meaning(source) != "events" and not self.contract(source.name).corrections:
                raise ProductError(
                    f"product {self.name}: the rows of source '{source.name}' are revisions of its records; write "
                    f"corrections: true in contracts/{self.contract(source.name).file}"
                )
        for feature in self.features.history:
            contract = self.contract(feature.source)
            key = contract.key[0] if contract.corrections else None
            if feature.record_key != key:
                remedy = (
                    f"Events(..., record_key={key!r})" if key else f"corrections: true in contracts/{contract.file}"
                )
                raise ProductError(
                    f"product {self.name}: feature '{feature.name}' reads '{feature.source}' with "
                    f"record_key={feature.record_key!r}, but its contract has {'' if key else 'no '}corrections; write "
                    f"{remedy}"
                )

    @property
    def resolutions(self) -> dict[str, dict[str, float]]:
        """For each source, the resolution of its exact numeric columns (cents: 0.01), as its contract declares."""
        return {source.name: self.contract(source.name).resolutions for source in self.sources}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each feature, declared by the feature set or derived from the contracts.

        Raises:
            FeatureError: Units contradict each other.
        """
        columns = {source.name: self.contract(source.name).units for source in self.sources}
        return self.features.units(columns, self.spine.source)
