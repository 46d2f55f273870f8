"""Errors that end a command with one sentence.

Belongs here: the one list of errors whose message names the thing, the value and the remedy, so that a person needs no
traceback. An error that is not on it is a fault of the code. Imports every layer: import it once something has failed.
"""

from assets.features.conditions import FeatureError
from assets.governance.audit_log import AuditLogDamaged, AuditLogError
from assets.naming import BadName
from assets.product import ProductError
from assets.registry.registration import RegistrationError
from assets.serving.bundle import BundleError
from assets.serving.decision import NoDecision
from assets.serving.log_writer import DecisionLogError
from assets.serving.replay import CannotReplay
from assets.validation.contract import ContractError
from pipelines.cataloguing import NoPage
from pipelines.deciding import NoAnswer, UnreadableRequest
from pipelines.loading import NothingToLoad
from pipelines.loop import ImpossibleDay, UnknownAsset
from pipelines.products import UnknownProduct
from pipelines.replaying import NothingToReplay
from pipelines.running import RunFailed
from pipelines.services import ServiceError
from pipelines.tables import ExportError
from resources.dagster_server import DagsterServerError
from resources.environments import UnknownEnvironment
from resources.keys import MissingKey
from resources.lake import LakeError
from resources.locks import LockError
from resources.model_versions import TrackingError
from resources.processes import ProcessError, RecordError
from resources.rollout_store import RolloutError
from resources.sandbox.incidents import SandboxError

KNOWN: tuple[type[Exception], ...] = (
    AuditLogDamaged, AuditLogError, BadName, BundleError, CannotReplay, ContractError, DagsterServerError,
    DecisionLogError, ExportError, FeatureError, ImpossibleDay, LakeError, LockError, MissingKey, NoAnswer, NoDecision,
    NoPage, NothingToLoad, NothingToReplay, ProcessError, ProductError, RecordError, RegistrationError, RolloutError,
    RunFailed, SandboxError, ServiceError, TrackingError, UnknownAsset, UnknownEnvironment, UnknownProduct,
    UnreadableRequest,
)  # fmt: skip
