"""The policy of large fits: from how many rows on they are distributed, and how they go on after a crash.

Belongs here: the policy as a frozen value, and what is wrong with one. Does not belong here: the fits
(`assets.training.large`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """How XGBoost's final fit is made where the rows are many.

    Attributes:
        spark_rows: From so many training rows on, the fit runs in Spark tasks (`xgboost.spark`), on the cluster where
            one is configured; `None` for never. The search over settings stays in this process, on its folds.
        spark_workers: How many tasks fit together, each with one core. With 1 the model is that of a local fit, up to
            rounding; with more, splits are placed by a merged sketch of the rows, and scores differ slightly.
        checkpoint_rounds: After so many trees the fit is written down, so that a killed run goes on from there, with
            the model of an undisturbed fit; `None` for no checkpoints. It draws rows and columns by the number of the
            tree, and so makes other trees than a fit without checkpoints. A fit in Spark tasks has none.
    """

    spark_rows: int | None = None
    spark_workers: int = 2
    checkpoint_rounds: int | None = None


def scale_fault(scale: Scale) -> str | None:
    """What is wrong with the policy, and what to write instead; `None` where nothing is."""
    if scale.spark_rows is not None and scale.spark_rows < 1:
        return f"scale spark_rows is {scale.spark_rows!r}; write rows, at least 1, or None"
    if scale.spark_workers < 1:
        return f"scale spark_workers is {scale.spark_workers!r}; write tasks, at least 1"
    if scale.checkpoint_rounds is not None and scale.checkpoint_rounds < 1:
        return f"scale checkpoint_rounds is {scale.checkpoint_rounds!r}; write trees, at least 1, or None"
    return None
