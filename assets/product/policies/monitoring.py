"""The policy of monitoring: what is watched, and how far it may depart from what it was at approval.

Belongs here: the policy as a frozen value. Does not belong here: applying it (`assets.monitoring`), the other policies
(`model.py`), changes of sources that are no data faults (`assets.product.accepted`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from assets.product.accepted import AcceptedChange
from assets.product.policies.model import ProductError

Judged = Literal["answered", "batch"]
BusinessFigure = Literal[
    "decisions", "approval_rate", "review_share", "refused_share", "expected_loss", "realised_loss", "profit"
]


@dataclass(frozen=True)
class MonitoringPolicy:
    """How far live rows, or the model's results on them, may depart from those at approval.

    Attributes:
        window_days: Days of the trailing window of each figure.
        min_rows: With fewer rows than this the verdict is "unknown".
        false_alarms_a_year: How many false alarms a year are allowed: of drift over all features, statistics, days and
            windows, of labels, of business figures and of fallen performance, all together. The limits follow from it,
            and those of drift from the quiet days before the model's approval.
        history_days: How many days before the approval these are taken from, at most: more than a year by default, as a
            season that they do not have (a December, after half a year) is told as drift.
        max_psi, max_ks: The limits of the population stability index and of the Kolmogorov-Smirnov distance where too
            few quiet days are known.
        drifted_share: Share of features that must drift in the window to ask for a retraining (drift of the score asks
            alone); whatever else is beyond its limit asks for people.
        max_auc_loss: How far the realised AUC may fall below the one at approval.
        max_mae_increase: Where the target is an amount: how much larger the realised mean absolute error may be than
            at approval, as a share of it.
        anomaly_share: The share of the rows before a day, as 0.01, that an isolation forest takes for odd; rows of the
            day beyond them are flagged, and so is a day that looks like none before. `None` for no flags.
        judged: Whose realised figures ask for a retraining. `answered`: those of the decisions that the service has
            answered, by the bundle that decided; until enough of these have a label the verdict is "unknown". `batch`,
            for a product whose rows are not decided by the service, or not yet: those of `scores`, which score every
            row of a day once more, rows that the model was trained on included. The product then has the tables
            `batch_outcomes` and `batch_performance` too; the two kinds of rows are never counted together.
        slices: Columns of the feature table by whose values figures are told apart too, beside protected attributes.
        targets: For a business figure the least and the most that it is meant to be (`None` for no bound), in place of
            what it was at approval: `{"approval_rate": (0.6, 0.8)}`.
        max_unexplained: The share of a day's decisions whose logged features may differ, without a known cause, from
            those that the lake gives.
        accepted: Changes of sources that are no data faults.
    """

    window_days: int = 28
    min_rows: int = 200
    false_alarms_a_year: float = 1.0
    history_days: int = 400
    max_psi: float = 0.25
    max_ks: float = 0.15
    drifted_share: float = 0.2
    max_auc_loss: float = 0.05
    anomaly_share: float | None = None
    judged: Judged = "answered"
    slices: tuple[str, ...] = ()
    targets: Mapping[BusinessFigure, tuple[float | None, float | None]] = field(default_factory=dict)
    max_unexplained: float = 0.0
    accepted: tuple[AcceptedChange, ...] = ()
    max_mae_increase: float = 0.2

    def __post_init__(self) -> None:
        for name, (least, most) in self.targets.items():
            if name not in get_args(BusinessFigure) or (least is not None and most is not None and least > most):
                raise ProductError(
                    f"monitoring: targets={{'{name}': ({least}, {most})}}; write one of "
                    f"{', '.join(get_args(BusinessFigure))}, and the least before the most"
                )
        if self.judged not in get_args(Judged):
            raise ProductError(f"monitoring: judged={self.judged!r}; write one of {', '.join(get_args(Judged))}")
        if not 0 < self.false_alarms_a_year <= 52:
            raise ProductError(
                f"monitoring: false_alarms_a_year={self.false_alarms_a_year!r}; write a number above 0, 52 at most"
            )
        if self.history_days < 1 or self.window_days < 1:
            raise ProductError(
                f"monitoring: window_days={self.window_days!r}, history_days={self.history_days!r}; write days, at "
                "least 1"
            )
        if self.anomaly_share is not None and not 0 < self.anomaly_share <= 0.1:
            raise ProductError(
                f"monitoring: anomaly_share={self.anomaly_share!r}; write a share above 0, 0.1 at most, or None"
            )
        if not 0 < self.max_mae_increase < float("inf"):
            raise ProductError(f"monitoring: max_mae_increase={self.max_mae_increase!r}; write a share above 0, as 0.2")
        if not 0 <= self.max_unexplained < 1:
            raise ProductError(f"monitoring: max_unexplained={self.max_unexplained!r}; write a share from 0 to below 1")

    def check_slices(self, product: str, features: Sequence[str], passthrough: Sequence[str]) -> None:
        """Checks that the feature table has the columns by which figures are told apart.

        Raises:
            ProductError: One is neither a feature nor passed through from the spine.
        """
        for name in self.slices:
            if name not in (*features, *passthrough):
                raise ProductError(
                    f"product {product}: monitoring.slices names '{name}', which is neither a feature nor in "
                    f"spine.passthrough {passthrough}"
                )
