"""MLflow: the records of training runs, and the registry of a product's model versions.

Belongs here: starting and ending runs, registering a bundle as a model version, and the aliases `champion` and
`challenger`, which follow the rollout state. Does not belong here: what a run records (`run.py`), whether a model may
be promoted (`assets.rollout`), which version decides (`resources.rollout_store`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from resources.environments import Environment
from resources.errors import listed
from resources.locks import exclusive
from resources.tracking.aliases import ALIASES_TAG, MovedByHand, holder, moved_by_hand, note, noted
from resources.tracking.client import ABSENT, PRESENT, experiment_id, open_client, prepare_store, unless
from resources.tracking.run import TrackedRun
from resources.tracking.versions import (
    READY_TAG,
    RUN_TAG,
    Alias,
    RegisteredVersion,
    TrackingError,
    registered_version,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

DAGSTER_TAG = "dagster_run"
"""Tag of a run in MLflow: the id of the Dagster run that it belongs to."""

AUTHOR_TAG = "mlflow.user"
"""Tag of a run in MLflow: who started it."""

_BUNDLE = "bundle"


@dataclass(frozen=True)
class Tracking:
    """A connection to MLflow; it opens on first use.

    Attributes:
        uri: Address of the tracking store and registry: `sqlite:///…`, `postgresql+psycopg2://…` or a server's
            `http(s)://…`.
        artifacts: Folder or `s3://` prefix for the files of runs; empty where the server decides.
        lock: Address of the lock under which aliases move (`resources.locks.exclusive`); the same for every process.
        rollout: Folder of the rollout store, whose bundles a local registry must know; empty for none.
        pages: Address of MLflow's pages for people; empty if there are none.
    """

    uri: str
    artifacts: str
    lock: str
    rollout: str = ""
    pages: str = ""

    @classmethod
    def of(cls, environment: Environment) -> "Tracking":
        """The environment's MLflow. The lock is in its database, or among our own records where MLflow is a server."""
        uri = environment.mlflow_tracking_uri
        lock = environment.records if uri.startswith("http") else uri
        rollout = "" if "://" in environment.rollout else environment.rollout
        return cls(
            uri=uri, artifacts=environment.mlflow_artifacts, lock=lock, rollout=rollout, pages=environment.mlflow_url
        )

    def check(self) -> None:
        """Checks a local database against the files beside it and makes a missing one, before MLflow's server opens it.

        Raises:
            TrackingError: The database is missing or damaged, although there are runs or published bundles.
        """
        if not self.uri.startswith("http"):
            prepare_store(self.uri, self.lock, self.artifacts, self.rollout)

    @contextmanager
    def run(self, product: str, name: str, *, tags: Mapping[str, str] | None = None) -> Iterator[TrackedRun]:
        """A run in the product's experiment; it ends with the block, as failed if the block raises.

        Args:
            product: Name of the experiment, made if it does not exist.
            name: The run's name on MLflow's pages.
            tags: Tags such as the Dagster run and the code version.
        """
        client = self._client
        run = client.create_run(experiment_id(client, product, self.artifacts), run_name=name, tags=dict(tags or {}))
        status = "FAILED"
        try:
            yield TrackedRun(client=client, run_id=run.info.run_id)
            status = "FINISHED"
        finally:
            client.set_terminated(run.info.run_id, status)

    def end_left_open(self, product: str, is_over: Callable[[str], bool]) -> tuple[str, ...]:
        """Ends the product's runs that were left open because their process was killed; returns their ids.

        Args:
            is_over: Whether the Dagster run of this id, which a run's tag `dagster_run` names, has ended.
        """
        experiment = self._client.get_experiment_by_name(product)
        if experiment is None:
            return ()
        found = self._client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'", max_results=1000)
        left = [run for run in found if DAGSTER_TAG in run.data.tags and is_over(run.data.tags[DAGSTER_TAG])]
        for run in left:
            self._client.set_terminated(run.info.run_id, "KILLED")
        return tuple(run.info.run_id for run in left)

    def resumed(self, run_id: str) -> TrackedRun:
        """A run that has ended, for further records; it stays ended.

        Raises:
            TrackingError: MLflow does not have the run.
        """
        with unless(ABSENT):
            return TrackedRun(client=self._client, run_id=self._client.get_run(run_id).info.run_id)
        raise TrackingError(f"MLflow has no run {run_id!r}; train again")

    def page(self, run_id: str) -> str:
        """The address of the run on MLflow's pages."""
        experiment = self._client.get_run(run_id).info.experiment_id
        return f"{self.pages}/#/experiments/{experiment}/runs/{run_id}"

    def next_version(self, product: str, run_id: str) -> str:
        """The version number of this run: the one that it has, or else the next one, reserved for it.

        The signed bundle contains its version, so the number must be known before the bundle is registered.
        """
        with exclusive(self.lock, f"mlflow/{product}"):
            return self._reserved(product, run_id).version

    def reserve(self, product: str, run_id: str, version: str, tags: Mapping[str, str]) -> RegisteredVersion:
        """Reserves a number that another registry gave; the numbers before it that are free stay without a bundle.

        A number that was reserved before with the same tags, by a call that was interrupted, is returned with its run.

        Raises:
            TrackingError: The number was given here, or a later one was.
        """
        with exclusive(self.lock, f"mlflow/{product}"):
            with unless(PRESENT):
                self._client.create_registered_model(product)
            known = self.versions(product)
            last = int(known[-1].version) if known else 0
            same = [one for one in known if one.version == version and tags.items() <= one.tags.items()]
            if same and not same[0].ready:
                return same[0]
            if int(version) <= last:
                raise TrackingError(f"{product}: version {version} cannot be taken over, {last} was given here already")
            for _ in range(last + 1, int(version)):
                self._made(product, run_id, {})
            return self._made(product, run_id, {RUN_TAG: run_id, **tags})

    def register(self, product: str, run_id: str, bundle: Path, tags: Mapping[str, str]) -> RegisteredVersion:
        """Copies a bundle to its run and registers it as the run's version of the product's model.

        A run has one version. A repeated call, from a step that was retried, returns the registered version and leaves
        its bundle as it is.

        Args:
            bundle: Folder of the signed bundle, copied whole.
            tags: Tags of the version.

        Raises:
            TrackingError: The folder does not exist or is empty.
        """
        if not bundle.is_dir() or not any(bundle.iterdir()):
            raise TrackingError(f"{product}: there is no bundle in {bundle}; write it before registering it")
        with exclusive(self.lock, f"mlflow/{product}"):
            known = self._reserved(product, run_id)
            if known.ready:
                return known
            self._client.log_artifacts(run_id, str(bundle), _BUNDLE)
            self.annotate(product, known.version, {**tags, READY_TAG: "yes"})
            return self.version(product, known.version)

    def version(self, product: str, version: str) -> RegisteredVersion:
        """The version with this number.

        Raises:
            TrackingError: The version does not exist.
        """
        for known in self.versions(product):
            if known.version == version:
                return known
        there = listed([known.version for known in self.versions(product)]) or f"none yet: loopline run {product}"
        raise TrackingError(f"{product} has no version {version}; it has {there}")

    def versions(self, product: str) -> tuple[RegisteredVersion, ...]:
        """All versions, the oldest first; empty if the product was never registered."""
        found: list[RegisteredVersion] = []
        token: str | None = None
        while True:
            page = self._client.search_model_versions(f"name = '{product}'", max_results=200, page_token=token)
            found += [registered_version(entry) for entry in page]
            token = page.token
            if not token:
                return tuple(sorted(found, key=lambda entry: int(entry.version)))

    def champion(self, product: str) -> RegisteredVersion | None:
        """The version with the alias champion; `None` for none. Which version decides, the rollout state says."""
        version = holder(self._model(product), "champion")
        return None if version is None else self.version(product, version)

    def follow(self, product: str, holders: Callable[[], Mapping[Alias, str | None]]) -> tuple[str, ...]:
        """Gives each alias to the version that holds it by the product's rollout state.

        Args:
            holders: Reads the state: for each alias its version, or `None` for none. It is called under the lock, so
                that of two callers the last one follows the newest state.

        Returns:
            The aliases that were moved.

        Raises:
            TrackingError: The version does not exist or has no bundle.
        """
        with exclusive(self.lock, f"mlflow/{product}"):
            wanted, model = holders(), self._model(product)
            at = {alias: holder(model, alias) for alias in wanted}
            moved = [alias for alias, version in wanted.items() if at[alias] != version]
            ready = {version: self._ready(product, version) for version in (wanted[one] for one in moved) if version}
            before = noted(model)
            if moved:
                self._note(product, {**before, **{alias: [at[alias], wanted[alias]] for alias in moved}})
            for alias in moved:
                version = wanted[alias]
                if version is None:
                    self._client.delete_registered_model_alias(product, alias)
                else:
                    self._client.set_registered_model_alias(product, alias, ready[version].version)
            after = {**before, **{alias: [version] for alias, version in wanted.items()}}
            if model is not None and (moved or after != before):
                self._note(product, after)
            return tuple(moved)

    def moved_by_hand(self, product: str) -> tuple[MovedByHand, ...]:
        """The aliases that somebody else has moved since Loopline moved them last."""
        return moved_by_hand(self._model(product))

    def model_tags(self, product: str) -> Mapping[str, str]:
        """The tags of the product's model, which belong to no version; empty if it was never registered."""
        model = self._model(product)
        return {} if model is None else {str(name): str(value) for name, value in model.tags.items()}

    def annotate_model(self, product: str, tags: Mapping[str, str]) -> None:
        """Writes tags of the product's model, which belong to no version."""
        for name, value in tags.items():
            self._client.set_registered_model_tag(product, name, value)

    @contextmanager
    def alone(self, product: str) -> Iterator[None]:
        """Within the block nobody else answers on a version of the product or moves its rollout.

        Raises:
            LockTimeout: Somebody else did for a minute.
        """
        with exclusive(self.lock, f"rollout/{product}"):
            yield

    def bundle(self, product: str, version: str, place: Path) -> Path:
        """Copies the registry's bundle of a version into a local folder; the caller verifies it.

        Raises:
            TrackingError: The version does not exist or has no bundle, or its files cannot be read.
        """
        from mlflow.exceptions import MlflowException

        found = self._ready(product, version)
        try:
            return self.resumed(found.run_id).download(_BUNDLE, place)
        except (OSError, MlflowException) as error:
            raise TrackingError(
                f"{product}: the registry's bundle of version {version} (run {found.run_id}) cannot be read: {error}"
            ) from error

    def annotate(self, product: str, version: str, tags: Mapping[str, str]) -> None:
        """Adds tags to a version, such as its approver.

        Raises:
            TrackingError: The version does not exist.
        """
        found = self.version(product, version)
        for name, value in tags.items():
            self._client.set_model_version_tag(product, found.version, name, value)

    @cached_property
    def _client(self) -> "MlflowClient":
        return open_client(self.uri, self.lock, self.artifacts, self.rollout)

    def _ready(self, product: str, version: str) -> RegisteredVersion:
        found = self.version(product, version)
        if not found.ready:
            raise TrackingError(f"{product}: version {version} has no bundle; its run {found.run_id} did not finish")
        return found

    def _reserved(self, product: str, run_id: str) -> RegisteredVersion:
        """The run's version; creates it if there is none. The caller holds the lock."""
        with unless(PRESENT):
            self._client.create_registered_model(product)
        for known in self.versions(product):
            if known.tags.get(RUN_TAG) == run_id:
                return known
        return self._made(product, run_id, {RUN_TAG: run_id})

    def _made(self, product: str, run_id: str, tags: Mapping[str, str]) -> RegisteredVersion:
        """The next version, without a bundle."""
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{_BUNDLE}"
        made = self._client.create_model_version(
            product, source=source, run_id=run_id, tags=dict(tags), await_creation_for=0
        )
        return registered_version(made)

    def _note(self, product: str, places: Mapping[Alias, list[str | None]]) -> None:
        self._client.set_registered_model_tag(product, ALIASES_TAG, note(places))

    def _model(self, product: str) -> "RegisteredModel | None":
        """The product's model, with aliases and tags in one answer; `None` if it was never registered.

        MLflow's own lookup of an alias reports a missing one as a wrong argument.
        """
        with unless(ABSENT):
            return self._client.get_registered_model(product)
        return None
