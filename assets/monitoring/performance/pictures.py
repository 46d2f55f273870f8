"""The picture of realised figures, in the metrics of the product's kind of target.

Belongs here: which picture it is. Does not belong here: drawing it (`assets.monitoring.plots`), the figures
(`realised.py`).
"""

from assets.monitoring.performance.realised import Realised
from assets.monitoring.plots import errors_over_time, performance_over_time
from assets.product import Amount, Product


def realised_plot(product: Product, found: Realised) -> bytes:
    """Realised figures day by day beside those at approval, as PNG bytes."""
    policy, target = product.monitoring, product.model.target
    if not isinstance(target, Amount):
        return performance_over_time(found.shown, approved_auc=found.approved_auc, max_auc_loss=policy.max_auc_loss)
    approved = [value for value in found.table["approved_mae"].to_pylist() if value is not None]
    return errors_over_time(
        found.shown, approved_mae=approved[-1] if approved else None, max_increase=policy.max_mae_increase,
        unit=target.unit,
    )  # fmt: skip
