"""Facts about a policy that training relies on, and batch sizes of the original's worker processes."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from metta_jax.agent import AgentTables, Policy
from metta_jax.agent.features import UNKNOWN_FEATURE
from metta_jax.mettagrid import EnvSpec
from metta_jax.mettagrid.env_spec import has_unique_tokens
from metta_jax.mettagrid.spaces import ActionSpace


def validate_policy_environment_match(policy: Policy, env: EnvSpec) -> None:
    """Raise ValueError unless the policy was bound to observations and actions like those of `env`.

    Args:
      policy: a `Policy`. Its table `flat_actions` is compared, and if it has them: its window (`names.obs_height`,
        `names.obs_width`), the names of its actions (`action_space`), and which feature it takes each id for
        (`tables.feature_remap`). Features that it does not know by name are no mismatch: it does not see them.
      env: anything with the static facts of an environment.
    """
    expected = (env.obs_height, env.obs_width)
    if not hasattr(policy, "apply"):
        raise ValueError(
            "No component with observation shape found in policy. "
            f"Environment observation shape: {(env.num_observation_tokens, 3)}"
        )
    names = policy.names
    window = expected if names is None else (names.obs_height, names.obs_width)
    if window != expected:
        raise ValueError(
            f"Observation space mismatch error: component '_obs_' was built for a window of {window}, the "
            f"environment's is {expected} (height, width)"
        )
    space = ActionSpace.of(env)
    if not np.array_equal(np.asarray(policy.flat_actions), space.flat_actions()):
        raise ValueError(
            f"Action space mismatch error: the policy has {len(policy.flat_actions)} flat actions, the environment has "
            f"{space.num_flat_actions} of {space.names}; bind the policy to this environment"
        )
    bound = policy.action_space
    if bound is not None and bound.names != space.names:
        raise ValueError(
            f"Action space mismatch error: the policy was bound to {bound.names}, the environment has {space.names}; "
            "bind the policy to this environment"
        )
    if policy.tables is not None and names is not None:
        _check_features(names.feature_ids, policy.tables, env)
    if policy.needs_unique_tokens and not has_unique_tokens(env):
        raise ValueError(
            "Observation space mismatch error: the policy was bound to an environment without two tokens for one "
            "location and feature, this one may have them; bind the policy to this environment"
        )


def _check_features(own: Mapping[str, int], tables: AgentTables, env: EnvSpec) -> None:
    """Ids mean in the policy's table what they mean in the environment; names that it never learned, nothing."""
    own_names = {feature_id: name for name, feature_id in own.items()}
    names = {int(entry["id"]): name for name, entry in env.get_observation_features().items()}
    for env_id, read in enumerate(np.asarray(tables.feature_remap).tolist()):
        name = names.get(env_id)
        if read == (UNKNOWN_FEATURE if name is None else own.get(name, UNKNOWN_FEATURE)):
            continue
        what = f"id {env_id}, which is no feature here," if name is None else f"feature '{name}' (id {env_id})"
        how = "not read" if read == UNKNOWN_FEATURE else f"read as '{own_names[read]}'"
        raise ValueError(
            f"Observation space mismatch error: the policy was bound to another environment: {what} is {how}; bind the "
            "policy to this environment"
        )


def get_lstm_config(agent: Policy) -> tuple[int, int]:
    """(hidden size, number of layers) of the recurrent core; (256, 2) if the agent does not say."""
    if not hasattr(agent, "initial_state"):
        return 256, 2
    layers, _, hidden = jax.eval_shape(lambda: agent.initial_state(1))[0].shape
    return int(hidden), int(layers)


def calculate_batch_sizes(
    forward_pass_minibatch_target_size: int, num_agents: int, num_workers: int, async_factor: int
) -> tuple[int, int, int]:
    """(target, batch, number of environments) of the original's worker processes.

    t = target size // num_agents, or num_workers if that is less than max(2, num_workers); batch is t rounded down to a
    multiple of num_workers; the number of environments is batch * async_factor.
    """
    target = forward_pass_minibatch_target_size // num_agents
    if target < max(2, num_workers):
        target = num_workers
    batch = (target // num_workers) * num_workers
    return target, batch, batch * async_factor
