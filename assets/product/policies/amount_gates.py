"""The gates of a model that states an amount.

Belongs here: their thresholds. Does not belong here: judging (`assets.evaluation.amounts.gates`), the gates of both
kinds of targets, which this policy inherits (`model.py`).
"""

from dataclasses import dataclass

from assets.product.policies.model import GatePolicy


@dataclass(frozen=True)
class AmountGates(GatePolicy):
    """Thresholds that a model of an amount must meet; a value that cannot be computed fails its gate.

    Of the inherited thresholds those of leaks, stability, latency, size and explanations mean the same. Those of AUC,
    calibration error, selection and odds are of a binary target, and are not asked.

    Attributes:
        min_auc: Not asked of an amount.
        min_skill: Share of the loss of the best constant that the model saves on the test rows: by `squared_error` the
            R2, else the deviance (or pinball loss) explained.
        max_skill: Above it the model is too good to be true: a leak is suspected.
        max_mean_error: How far the sum of the predicted amounts may lie from that of the actual ones, as a share; of
            `pinball` how far the share of rows below may lie from the quantile.
        max_decile_error: The same of the worst tenth of the rows by prediction, as a share of the mean amount.
        max_loss_increase: Upper end of the 95% interval of (loss - champion's loss) / champion's loss on the same rows,
            by drawing entities again.
        max_overfit_loss: Lower end of the 95% interval of (loss on the test rows - loss on the training rows), as a
            share of the loss of the best constant on each.
        max_group_error: How far predictions of a protected group may be from its amounts in the mean, as a share: the
            end of the 95% interval that is nearer to zero.
    """

    min_auc: float = 0.0
    min_skill: float = 0.02
    max_skill: float = 0.97
    max_mean_error: float = 0.1
    max_decile_error: float = 0.5
    max_loss_increase: float = 0.05
    max_overfit_loss: float = 0.3
    max_group_error: float = 0.2
