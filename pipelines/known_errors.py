"""Errors that end a command with one sentence.

Belongs here: the one list of errors whose message names the thing, the value and the remedy, so that a person needs no
traceback. An error that is not on it is a fault of the code. Imports every layer: import it once something has failed.
"""

from assets.bundle.bundle import BundleError
from assets.bundle.registration import RegistrationError
from assets.governance.audit_log import AuditLogDamaged, AuditLogError
from assets.product import ContractError, ProductError
from assets.replay.decision import CannotReplay
from assets.serving.decision import NoDecision
from assets.serving.log_writer import DecisionLogError
from assets.vocabulary import FeatureError
from pipelines.operations.catalogue import NoPage
from pipelines.operations.decide import NoAnswer, UnreadableRequest
from pipelines.operations.load_store import NothingToLoad
from pipelines.operations.replay import NothingToReplay
from pipelines.operations.run_job import RunFailed
from pipelines.operations.run_loop import ImpossibleDay, UnknownAsset
from pipelines.operations.tables import ExportError
from pipelines.products import UnknownProduct
from pipelines.services.lifecycle import ServiceError
from resources.dagster.server import DagsterServerError
from resources.environments import UnknownEnvironment
from resources.keys import MissingKey
from resources.lake import LakeError
from resources.locks import LockError
from resources.naming import BadName
from resources.processes import ProcessError, RecordError
from resources.rollout_store.manifest import RolloutError
from resources.sandbox.world.incidents import SandboxError
from resources.tracking import TrackingError

KNOWN: tuple[type[Exception], ...] = (
    AuditLogDamaged, AuditLogError, BadName, BundleError, CannotReplay, ContractError, DagsterServerError,
    DecisionLogError, ExportError, FeatureError, ImpossibleDay, LakeError, LockError, MissingKey, NoAnswer, NoDecision,
    NoPage, NothingToLoad, NothingToReplay, ProcessError, ProductError, RecordError, RegistrationError, RolloutError,
    RunFailed, SandboxError, ServiceError, TrackingError, UnknownAsset, UnknownEnvironment, UnknownProduct,
    UnreadableRequest,
)  # fmt: skip
