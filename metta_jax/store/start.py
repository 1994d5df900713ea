"""Which policy a run starts from."""

from __future__ import annotations

import logging

import jax

from metta_jax.agent import Agent
from metta_jax.config.running import InitialPolicyConfig
from metta_jax.store.files import existing
from metta_jax.store.layout import POLICY_JSON, make_model_name
from metta_jax.store.policy_store import PolicyStore
from metta_jax.store.record import PolicyRecord
from metta_jax.store.selectors import select
from metta_jax.store.train_state import read_trainer_info

_logger = logging.getLogger(__name__)


def find_initial_policy(
    policy_store: PolicyStore,
    agent: Agent,
    key: jax.Array,
    initial_policy: InitialPolicyConfig | None = None,
) -> PolicyRecord:
    """The policy that a run in the store's directory starts or resumes from.

    In this order: the one that the newest training state names; `initial_policy.uri`, chosen by its type, metric and
    filters; model_0000; a new one from `agent.init(key)`, which is saved as model_0000.

    Raises:
      ValueError: no policy at `initial_policy.uri`, or none that passes its filters.
    """
    info = read_trainer_info(policy_store.checkpoint_dir)
    if info is not None and info.policy_path is not None:
        try:
            return policy_store.load_from_uri(info.policy_path)
        except ValueError as error:
            _logger.warning("The policy that the training state names cannot be used: %s", error)
    if initial_policy is not None and initial_policy.uri is not None:
        return _configured(policy_store, initial_policy)
    first = policy_store.checkpoint_dir / make_model_name(0)
    if (existing(first) / POLICY_JSON).exists():
        return policy_store.load_from_uri(first)
    return policy_store.save(agent, agent.init(key), 0)


def _configured(policy_store: PolicyStore, wanted: InitialPolicyConfig) -> PolicyRecord:
    assert wanted.uri is not None
    if wanted.type == "specific":
        candidates = [policy_store.load_from_uri(wanted.uri)]
    else:
        candidates = policy_store.policy_records(wanted.uri, "all")
    passing = [record for record in candidates if all(record.metadata.get(k) == v for k, v in wanted.filters.items())]
    if not passing:
        raise ValueError(
            f"initial_policy.filters: none of the {len(candidates)} policies at {wanted.uri} has {dict(wanted.filters)}"
        )
    return select(passing, wanted.type, wanted.range, wanted.metric)[0]
