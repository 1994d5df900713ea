"""Policies in directories: saving, listing, choosing, loading."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, overload

import flax.linen as nn
import jax

from metta_jax.agent import Agent
from metta_jax.agent.device import default_device, find_device
from metta_jax.config.directories import paths_in
from metta_jax.config.store import PolicyStoreConfig
from metta_jax.store.arrays import check_leaves, host_copy, named_leaves
from metta_jax.store.background import BackgroundSaver
from metta_jax.store.cache import LRUCache
from metta_jax.store.checkpoint import change_document, read_checkpoint_arrays, write_checkpoint
from metta_jax.store.files import DamagedError, existing, finished_names, plain_text
from metta_jax.store.layout import PARAMS, POLICY_JSON, TRAINER_STATE, make_model_name
from metta_jax.store.metadata import PolicyMetadata, check_metadata
from metta_jax.store.policy_file import (
    describe_policy,
    flat_params,
    nested_params,
    read_policy_file,
    restore_agent,
)
from metta_jax.store.record import AgentAndParams, PolicyRecord
from metta_jax.store.selectors import SELECTORS, select
from metta_jax.store.uris import path_of, uri_of

_logger = logging.getLogger(__name__)
_Stamp = tuple[int, int, int]


class PolicyStore:
    """The policies of a directory, `model_<epoch>/` each, and any others that a uri names.

    A policy's directory holds its parameters, written by Orbax, and policy.json: network, names of features and
    actions, metadata, checksums. Nothing in it is ever executed. It is loaded without the program that trained it, and
    is bound to another environment by `record.agent.bind(env)`.

    Args:
      cfg: a directory, a PolicyStoreConfig, or a mapping such as {"device": ..., "policy_cache_size": 10, "trainer":
        {"checkpoint": {"checkpoint_dir": ...}}}. None: the default trainer's directory.
      wandb_run: must be None; nothing is uploaded.
      cache_size: policies kept in memory, at least 1; None: the configuration's, 10 if that does not say.
      asynchronous: save in a thread; the next save, and every read, waits for it. Call `wait()` at the end.

    Raises:
      ValueError: "Cache size must be positive", a wandb_run, or a configuration that is refused.
    """

    def __init__(
        self,
        cfg: PolicyStoreConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        wandb_run: None = None,
        cache_size: int | None = None,
        *,
        asynchronous: bool = False,
    ) -> None:
        if wandb_run is not None:
            raise ValueError("wandb_run: must be None; policies are files, nothing is uploaded")
        if isinstance(cfg, str | os.PathLike):
            cfg = {"checkpoint_dir": str(path_of(cfg))}
        config = PolicyStoreConfig.model_validate({} if cfg is None else cfg)
        self.config = config if cache_size is None else config.replace(policy_cache_size=cache_size)
        self.checkpoint_dir = Path(self.config.checkpoint_dir)
        self._cache: LRUCache[tuple[_Stamp, PolicyRecord]] = LRUCache(self.config.policy_cache_size)
        self._saving = threading.Lock()
        self._saver = BackgroundSaver() if asynchronous else None

    # -- finding and loading --------------------------------------------------------------------------------------

    def policy_record(
        self,
        uri: str | os.PathLike[str],
        selector_type: str = "top",
        metric: str = "score",
        key: jax.Array | None = None,
    ) -> PolicyRecord:
        """The one policy that a selector finds; see `policy_records`. ValueError if it finds several."""
        records = self.policy_records(uri, selector_type, 1, metric, key)
        if len(records) != 1:
            raise ValueError(f"Expected 1 policy record at {uri}, found {len(records)}")
        return records[0]

    def policy_records(
        self,
        uri: str | os.PathLike[str],
        selector_type: str = "top",
        n: int = 1,
        metric: str = "score",
        key: jax.Array | None = None,
    ) -> list[PolicyRecord]:
        """Policies at a uri, chosen by their metadata alone; nothing else is read.

        Args:
          uri: `file://path` or a path, of a policy's directory, a directory of them, or a run's directory with
            `checkpoints/`. Policies in it that are damaged are left out with a warning.
          selector_type: "all", sorted by epoch; "latest", the n highest epochs; "rand", n different ones; "top", the n
            highest values of `metric`; "specific", the policy that the uri names. See `selectors.select`.
          metric: looked up in the metadata's eval_scores, evals, then its top level.
          key: what "rand" draws with; None: key 0.

        Raises:
          ValueError: "No policy records found at X", "Invalid URI: X", "Invalid selector type: X", or a damaged policy
            that the uri names itself.
        """
        if selector_type not in SELECTORS:
            raise ValueError(f"Invalid selector type: {selector_type}")
        path = path_of(uri)
        self.wait()
        if (existing(path) / POLICY_JSON).exists():
            return select([self._read(path)], "specific", n)  # whatever the selector, there is nothing to choose
        # A run's directory, which users try first, stands for the policies in it.
        records = self._list(path) or self._list(Path(paths_in(str(path)).checkpoints))
        if not records:
            raise ValueError(f"No policy records found at {uri}")
        return select(records, selector_type, n, metric, key)

    def load_from_uri(self, uri: str | os.PathLike[str], architecture: nn.Module | None = None) -> PolicyRecord:
        """The policy at exactly this uri, from the cache if it has not changed on disk.

        Args:
          architecture: the Flax module of a policy that was made from one; files hold no code.

        Raises:
          ValueError: "No policy records found at X" if it is not a policy's directory, or what is wrong with it.
        """
        path = path_of(uri)
        self.wait()
        if not (existing(path) / POLICY_JSON).exists():
            raise ValueError(f"No policy records found at {uri}")
        return self._read(path, architecture)

    # -- saving ---------------------------------------------------------------------------------------------------

    def make_model_name(self, epoch: int) -> str:
        """The name of an epoch's policy: "model_0100"."""
        return make_model_name(epoch)

    def create_empty_policy_record(
        self, name: str, override_path: str | os.PathLike[str] | None = None
    ) -> PolicyRecord:
        """A record without a policy: set `record.policy = (agent, params)`, then `save(record)`.

        It goes to `override_path`, or to `name` in the store's directory.
        """
        if override_path is None and (not name or name.startswith(".") or name == TRAINER_STATE or "/" in name):
            raise ValueError(f"name: {name!r} cannot be the name of a policy's directory")
        path = self.checkpoint_dir / name if override_path is None else path_of(override_path)
        return PolicyRecord(self, name, uri_of(path), PolicyMetadata())

    @overload
    def save(self, record: PolicyRecord, /, path: str | os.PathLike[str] | None = None) -> PolicyRecord: ...

    @overload
    def save(
        self, agent: Agent, /, params: Mapping[str, Any], epoch: int, metadata: Mapping[str, Any] | None = None
    ) -> PolicyRecord: ...

    def save(self, policy: PolicyRecord | Agent, /, *args: Any, **options: Any) -> PolicyRecord:
        """`save(record, path=None)` or `save(agent, params, epoch, metadata=None)`: write a policy atomically.

        A record is written to its uri, or to `path`, which then becomes its uri; it is returned. An agent is written to
        `model_<epoch>/` in the store's directory; its record is returned without arrays, which are read on first
        use: those in memory may be donated to the next training step.

        Raises:
          ValueError: the parameters are not the agent's, or metadata that JSON cannot hold; names it.
        """
        if isinstance(policy, PolicyRecord):
            return self._save_record(policy, *args, **options)
        return self._save_agent(policy, *args, **options)

    def update_metadata(self, record: PolicyRecord, values: Mapping[str, Any]) -> PolicyRecord:
        """Write values into the metadata of a stored policy, atomically, and return the record, which has them too.

        Scores are known only after a policy was saved: `update_metadata(record, results.scores.to_metadata())`.

        Raises:
          ValueError: values that JSON cannot hold, or a policy that is damaged or not there.
        """
        self.wait()
        path = existing(record.file_path)
        with self._saving:
            _, contents = read_policy_file(path)
            metadata = check_metadata({**contents["metadata"], **values})
            change_document(path, POLICY_JSON, {"metadata": metadata})
        record.metadata = metadata
        return record

    def wait(self) -> None:
        """Return when nothing is being saved; raise the error of a save in the background."""
        if self._saver is not None:
            self._saver.wait()

    # -- what records ask for -------------------------------------------------------------------------------------

    def load_policy(self, record: PolicyRecord) -> AgentAndParams:
        """The agent and the parameters of a record, from disk. Raises ValueError that names what is wrong."""
        self.wait()
        path = existing(record.file_path)
        saved, contents = read_policy_file(path)
        device = find_device(self.config.device)
        try:
            agent = restore_agent(saved, record.architecture)
            template = jax.eval_shape(agent.init, jax.random.key(0))
            check_leaves(contents["leaves"], named_leaves(template))
        except ValueError as error:
            raise ValueError(f"{path}: {plain_text(error)}") from None
        except Exception as error:  # a network that makes no sense can fail in any way: strides of 0, sizes of 2**60
            reason = f"{type(error).__name__}: {plain_text(error)}"
            raise ValueError(f"{path}: the network cannot be built ({reason})") from None
        sharding = jax.sharding.SingleDeviceSharding(default_device() if device is None else device)
        wanted = {
            name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
            for name, leaf in named_leaves(template).items()
        }
        arrays = read_checkpoint_arrays(path, contents, wanted, arrays_name=PARAMS)
        return agent, nested_params(saved, arrays)

    def describe_params(self, record: PolicyRecord) -> dict[str, tuple[int, ...]]:
        """Shapes of a record's parameters by name, from policy.json."""
        _, contents = read_policy_file(existing(record.file_path))
        return {name: tuple(leaf["shape"]) for name, leaf in contents["leaves"].items()}

    # -- helpers --------------------------------------------------------------------------------------------------

    def _list(self, directory: Path) -> list[PolicyRecord]:
        records = []
        for name in finished_names(directory):
            path = directory / name
            if name != TRAINER_STATE and (existing(path) / POLICY_JSON).exists():
                try:
                    records.append(self._read(path))
                except ValueError as error:
                    _logger.warning("Left out: %s", error)
        return sorted(records, key=lambda record: (record.metadata.epoch, record.run_name))

    def _read(self, path: Path, architecture: nn.Module | None = None) -> PolicyRecord:
        uri = uri_of(path)
        stamp = _stamp(path)
        cached = self._cache.get(uri)
        if cached is not None and cached[0] == stamp and architecture in (None, cached[1].architecture):
            return cached[1]
        _, contents = read_policy_file(existing(path))
        record = PolicyRecord(self, path.name, uri, contents["metadata"], architecture=architecture)
        self._cache.put(uri, (stamp, record))
        return record

    def _save_record(self, record: PolicyRecord, path: str | os.PathLike[str] | None = None) -> PolicyRecord:
        agent, params = record.policy
        target = record.file_path if path is None else path_of(path)
        record.uri = uri_of(target)
        self._write(agent, params, record.metadata, target)
        return record

    def _save_agent(
        self, agent: Agent, params: Mapping[str, Any], epoch: int, metadata: Mapping[str, Any] | None = None
    ) -> PolicyRecord:
        fields = PolicyMetadata({**(metadata or {}), "epoch": epoch})
        return self._write(agent, params, fields, self.checkpoint_dir / make_model_name(epoch))

    def _write(self, agent: Agent, params: Mapping[str, Any], metadata: PolicyMetadata, target: Path) -> PolicyRecord:
        document = describe_policy(agent, params, metadata)
        leaves = {name: leaf for name, (_, leaf) in flat_params(params).items()}
        target = target.absolute()
        architecture = getattr(agent.network, "architecture", None)
        record = PolicyRecord(self, target.name, uri_of(target), dict(document["metadata"]), architecture=architecture)

        def write() -> None:
            with self._saving:
                write_checkpoint(target, leaves, document, json_name=POLICY_JSON, arrays_name=PARAMS)
                self._cache.put(uri_of(target), (_stamp(target), record.without_policy()))

        if self._saver is None:
            write()
        else:
            leaves = {name: host_copy(leaf) for name, leaf in leaves.items()}
            self._saver.submit(write)
        return record


def _stamp(path: Path) -> _Stamp:
    """Changes when a policy is written again."""
    try:
        facts = (existing(path) / POLICY_JSON).stat()
    except OSError:
        raise DamagedError(f"{path}: {POLICY_JSON} is missing or cannot be read") from None
    return facts.st_mtime_ns, facts.st_ino, facts.st_size
