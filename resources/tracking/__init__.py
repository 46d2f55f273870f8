"""MLflow: what every training run was, and which version of a model decides."""

from resources.tracking.run import TrackedRun
from resources.tracking.tracking import Tracking
from resources.tracking.versions import Alias, LostRace, RegisteredVersion, TrackingError

__all__ = ["Alias", "LostRace", "RegisteredVersion", "TrackedRun", "Tracking", "TrackingError"]
