"""MLflow: the records of training runs, and the registry of a product's model versions."""

from resources.tracking.aliases import MovedByHand
from resources.tracking.run import TrackedRun
from resources.tracking.tracking import Tracking
from resources.tracking.versions import Alias, RegisteredVersion, TrackingError

__all__ = ["Alias", "MovedByHand", "RegisteredVersion", "TrackedRun", "Tracking", "TrackingError"]
