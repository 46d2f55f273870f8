"""Checks of where models are trained.

Belongs here: whether the device that products declare is there. Does not belong here: the machine itself
(`machine.py`), keys and servers (`settings.py`).
"""

from pipelines.operations.doctor.finding import Finding
from pipelines.products import loaded_products


def device() -> Finding:
    """Whether XGBoost finds the device on which each product trains."""
    products, _ = loaded_products()
    asking = sorted(product.name for product in products if product.model.device == "cuda")
    if not asking:
        return Finding("device", True, "every product trains on the CPU")
    from assets.training.fitting.boosting import check_device
    from assets.training.rows.folds import TrainingError

    named = ", ".join(asking)
    try:
        check_device("cuda")
    except TrainingError as error:
        remedy = (
            f"write ModelSpec(device='cpu') in the product.py of {named}, or train where a GPU and its driver are: a "
            "retraining here is refused"
        )
        return Finding("device", False, f"{named} trains on cuda: {error}", remedy)
    return Finding("device", True, f"{named} trains on cuda, and XGBoost finds it")
