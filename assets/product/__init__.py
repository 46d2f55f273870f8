"""What a product is: its problem, its policies, its contracts. A product's folder imports from here.

Belongs here: the frozen values that describe one decision problem, the checks that refuse a wrong description at load,
and the form of every verdict. Does not belong here: reading data, Dagster, a particular product; the words for features
(`assets.vocabulary`).
"""

from assets.product.accepted import AcceptedChange
from assets.product.arrivals import Posted, PostedOutcomes, PostedReviews, StreamTopic
from assets.product.contracts.contract import Column, ColumnType, Consent, Contract, ContractError
from assets.product.contracts.file import load_contract
from assets.product.governance import Governance, Impact, RiskTier, SignOff, Statements, Terms
from assets.product.lake_sources import IcebergTable, LakeTable
from assets.product.partitions import Partition, Partitions
from assets.product.policies.amount_gates import AmountGates
from assets.product.policies.delivery import Delivery
from assets.product.policies.fairness import FairnessPolicy, Jurisdiction, Limit, Mitigation, ProxyLimit
from assets.product.policies.model import (
    DecisionPolicy,
    Direction,
    Freshness,
    GatePolicy,
    ModelSpec,
    ProductError,
    Profit,
    Protected,
    RetrainPolicy,
    WhenStale,
    Words,
)
from assets.product.policies.monitoring import BusinessFigure, MonitoringPolicy
from assets.product.policies.recourse import Change, Recourse
from assets.product.policies.review import ReviewPolicy
from assets.product.policies.rollout import Guard, Rollout, Step
from assets.product.policies.scale import Scale
from assets.product.policies.training import CandidateName, Device, Imbalance, OwnCandidate, SearchPolicy
from assets.product.problem import Label, LabelKind, Spine
from assets.product.product import Product
from assets.product.rules import AllOf, AnyOf, Compare, Condition, IsNull, Not, OneOf, Rule
from assets.product.sources import Connected, DatabaseTable, Files, HttpEndpoint, Source
from assets.product.target import BINARY, Amount, Binary, Objective, Target, TargetKind
from assets.product.verdict import Verdict
from resources.alerts.policy import AlertPolicy
from resources.sources.calendars import DeliveryCalendar

__all__ = [
    "BINARY",
    "AcceptedChange",
    "AlertPolicy",
    "AllOf",
    "Amount",
    "AmountGates",
    "AnyOf",
    "Binary",
    "BusinessFigure",
    "CandidateName",
    "Change",
    "Column",
    "ColumnType",
    "Compare",
    "Condition",
    "Connected",
    "Consent",
    "Contract",
    "ContractError",
    "DatabaseTable",
    "DecisionPolicy",
    "Delivery",
    "DeliveryCalendar",
    "Device",
    "Direction",
    "FairnessPolicy",
    "Files",
    "Freshness",
    "GatePolicy",
    "Governance",
    "Guard",
    "HttpEndpoint",
    "IcebergTable",
    "Imbalance",
    "Impact",
    "IsNull",
    "Jurisdiction",
    "Label",
    "LabelKind",
    "LakeTable",
    "Limit",
    "Mitigation",
    "ModelSpec",
    "MonitoringPolicy",
    "Not",
    "Objective",
    "OneOf",
    "OwnCandidate",
    "Partition",
    "Partitions",
    "Posted",
    "PostedOutcomes",
    "PostedReviews",
    "Product",
    "ProductError",
    "Profit",
    "Protected",
    "ProxyLimit",
    "Recourse",
    "RetrainPolicy",
    "ReviewPolicy",
    "RiskTier",
    "Rollout",
    "Rule",
    "Scale",
    "SearchPolicy",
    "SignOff",
    "Source",
    "Spine",
    "Statements",
    "Step",
    "StreamTopic",
    "Target",
    "TargetKind",
    "Terms",
    "Verdict",
    "WhenStale",
    "Words",
    "load_contract",
]  # fmt: skip
