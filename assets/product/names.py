"""The names of a product's assets and tables.

Belongs here: every name that more than one stage must agree on. An asset that writes a table has the table's name. Does
not belong here: the key of an asset in Dagster (`assets.materialising`), the names of jobs (`pipelines.jobs`).
"""

FEATURES = "features"
ONLINE_STORE = "online_store"
TRAINING_SET = "training_set"
MODEL = "model"
EVALUATION = "evaluation"
REGISTERED_MODEL = "registered_model"
DEPLOYMENT = "deployment"
ROLLOUT = "rollout"
EXPOSED = "exposed"
SCORES = "scores"
DELIVERED_SCORES = "delivered_scores"
DECISIONS = "decisions"
OUTCOMES = "outcomes"
BATCH_OUTCOMES = "batch_outcomes"
DISTRIBUTIONS = "distributions"
ATTRIBUTIONS = "attributions"
SEPARATION = "separation"
DRIFT = "drift"
DRIFT_LIMITS = "drift_limits"
PERFORMANCE = "performance"
BATCH_PERFORMANCE = "batch_performance"
ANOMALIES = "anomalies"
VINTAGES = "vintages"
CALIBRATION = "calibration"
ESTIMATED_PERFORMANCE = "estimated_performance"
KPIS = "kpis"
GROUP_PERFORMANCE = "group_performance"
FINGERPRINTS = "fingerprints"
DATA_FAULTS = "data_faults"
CONSISTENCY = "consistency"
RETRAINING = "retraining"
MONITORING_PAGE = "monitoring_page"
REVIEW_QUEUE = "review_queue"
REVIEW_AGREEMENT = "review_agreement"
MODEL_DOCUMENTS = "model_documents"


def source_name(source: str) -> str:
    """The asset that stands for the source itself, outside of the lake."""
    return f"source_{source}"


def raw_name(source: str) -> str:
    """The rows of a source as they arrived."""
    return f"raw_{source}"


def validated_name(source: str) -> str:
    """The rows of a source that keep its contract."""
    return f"validated_{source}"


def quarantine_name(source: str) -> str:
    """The rows of a source that break its contract, each with the rule."""
    return f"quarantine_{source}"


def table_name(product: str, name: str) -> str:
    """The lake's name of a product's table: `<product>/<name>`."""
    return f"{product}/{name}"


def validated_table(product: str, source: str) -> str:
    """The lake's name of a source's validated table."""
    return table_name(product, validated_name(source))


LABEL_AMOUNT = "label_amount"
"""The column of the training set and of outcomes with the amount that a row turned out to have, of such a target."""
