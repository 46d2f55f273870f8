"""MLflow: the records of training runs, and the registry of a product's model versions.

Belongs here: starting and ending runs, registering a bundle as a model version, and moving the aliases `champion` and
`challenger` by compare-and-set. Does not belong here: what a run records (`run.py`), whether a model may be promoted
(`assets.registry`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from resources.environments import Environment
from resources.locks import exclusive
from resources.tracking.client import ABSENT, PRESENT, experiment_id, open_client, unless
from resources.tracking.run import TrackedRun
from resources.tracking.versions import (
    READY_TAG,
    REPLACED_TAG,
    RUN_TAG,
    Alias,
    LostRace,
    RegisteredVersion,
    TrackingError,
    registered_version,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

_BUNDLE = "bundle"


@dataclass(frozen=True)
class Tracking:
    """A connection to MLflow; it opens on first use.

    Attributes:
        uri: Address of the tracking store and registry: `sqlite:///…`, `postgresql+psycopg2://…` or a server's
            `http(s)://…`.
        artifacts: Folder or `s3://` prefix for the files of runs; empty where the server decides.
        lock: Address of the lock under which aliases move (`resources.locks.exclusive`); the same for every process.
    """

    uri: str
    artifacts: str
    lock: str

    @classmethod
    def of(cls, environment: Environment) -> "Tracking":
        """The environment's MLflow. The lock is in its database, or in the operational one where MLflow is a server."""
        uri = environment.mlflow_tracking_uri
        lock = environment.database_url if uri.startswith("http") else uri
        return cls(uri=uri, artifacts=environment.mlflow_artifacts, lock=lock)

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

    def resumed(self, run_id: str) -> TrackedRun:
        """A run that has ended, for further records; it stays ended.

        Raises:
            TrackingError: MLflow does not have the run.
        """
        with unless(ABSENT):
            return TrackedRun(client=self._client, run_id=self._client.get_run(run_id).info.run_id)
        raise TrackingError(f"MLflow has no run {run_id!r}; train again")

    def next_version(self, product: str, run_id: str) -> str:
        """The version number of this run: the one that it has, or else the next one, reserved for it.

        The signed bundle contains its version, so the number must be known before the bundle is registered.
        """
        with exclusive(self.lock, f"mlflow/{product}"):
            return self._reserved(product, run_id).version

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
        """The version of a number.

        Raises:
            TrackingError: The version does not exist.
        """
        for known in self.versions(product):
            if known.version == version:
                return known
        raise TrackingError(f"{product} has no version {version}; it has {[v.version for v in self.versions(product)]}")

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
        """The version that decides; `None` if none was ever promoted."""
        return self._holder(product, "champion")

    def challenger(self, product: str) -> RegisteredVersion | None:
        """The version that decides for a share of the traffic, or only scores; `None` without one."""
        return self._holder(product, "challenger")

    def promote(self, product: str, version: str, *, expected: str | None) -> RegisteredVersion:
        """Makes a version the champion, if the champion is still the expected one.

        Of several callers that expect the same champion, one wins and the others get LostRace. The new champion records
        the version that it replaced, and is no longer the challenger.

        Args:
            expected: The champion's version when the caller decided; `None` for no champion.

        Raises:
            LostRace: The champion is not the expected one.
            TrackingError: The version does not exist or has no bundle.
        """
        with exclusive(self.lock, f"mlflow/{product}"):
            chosen = self._ready(product, version)
            self._require(product, "champion", expected)
            if version == expected:
                return chosen
            # The tag comes first: after a crash between the two, a tag without the alias has no effect.
            self._client.set_model_version_tag(product, version, REPLACED_TAG, expected or "")
            self._client.set_registered_model_alias(product, "champion", version)
            if self._alias(product, "challenger") == version:
                self._client.delete_registered_model_alias(product, "challenger")
            return self.version(product, version)

    def rollback(self, product: str, *, expected: str) -> RegisteredVersion:
        """Makes the version that the champion replaced the champion again; a second rollback goes one further back.

        Raises:
            LostRace: The champion is not the expected one.
            TrackingError: The champion replaced no other version.
        """
        with exclusive(self.lock, f"mlflow/{product}"):
            self._require(product, "champion", expected)
            previous = self.version(product, expected).replaced
            if previous is None:
                raise TrackingError(f"{product}: version {expected} replaced no other; there is none to go back to")
            chosen = self.version(product, previous)
            self._client.set_registered_model_alias(product, "champion", previous)
            return chosen

    def challenge(self, product: str, version: str | None, *, expected: str | None) -> None:
        """Makes a version the challenger, or removes the challenger, if the challenger is still the expected one.

        Args:
            version: The new challenger; `None` removes the challenger.
            expected: The challenger's version when the caller decided; `None` for no challenger.

        Raises:
            LostRace: The challenger is not the expected one.
            TrackingError: The version does not exist or has no bundle.
        """
        with exclusive(self.lock, f"mlflow/{product}"):
            self._require(product, "challenger", expected)
            if version is not None:
                self._client.set_registered_model_alias(product, "challenger", self._ready(product, version).version)
            elif expected is not None:
                self._client.delete_registered_model_alias(product, "challenger")

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
        return open_client(self.uri, self.lock)

    def _ready(self, product: str, version: str) -> RegisteredVersion:
        found = self.version(product, version)
        if not found.ready:
            raise TrackingError(f"{product}: version {version} has no bundle; its run {found.run_id} did not finish")
        return found

    def _reserved(self, product: str, run_id: str) -> RegisteredVersion:
        """The run's version, made if it has none; the caller holds the lock."""
        with unless(PRESENT):
            self._client.create_registered_model(product)
        for known in self.versions(product):
            if known.tags.get(RUN_TAG) == run_id:
                return known
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{_BUNDLE}"
        made = self._client.create_model_version(
            product, source=source, run_id=run_id, tags={RUN_TAG: run_id}, await_creation_for=0
        )
        return registered_version(made)

    def _holder(self, product: str, alias: Alias) -> RegisteredVersion | None:
        version = self._alias(product, alias)
        return None if version is None else self.version(product, version)

    def _alias(self, product: str, alias: Alias) -> str | None:
        """The version with the alias, or `None`; MLflow's own call raises the same error for none and for a typo."""
        aliases: Mapping[str, object] = {}
        with unless(ABSENT):
            aliases = self._client.get_registered_model(product).aliases
        return str(aliases[alias]) if alias in aliases else None

    def _require(self, product: str, alias: Alias, expected: str | None) -> None:
        found = self._alias(product, alias)
        if found != expected:
            there, thought = found or "none", expected or "none"
            raise LostRace(
                f"{product}: the {alias} is {there}, not {thought}: another deployment moved it meanwhile. If your "
                f"version should still decide, deploy it again: loopline run {product}, or loopline approve {product} "
                f"VERSION --by NAME --reason TEXT",
                found,
            )
