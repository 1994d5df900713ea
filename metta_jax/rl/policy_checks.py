"""Facts about a policy that training relies on, and batch sizes of the original's worker processes."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def validate_policy_environment_match(policy: Any, env: Any) -> None:
    """Raise ValueError unless the policy was bound to observations and actions like those of `env`.

    Args:
        policy: an agent. Its window (`names.obs_height`, `names.obs_width`) is compared if it tells, and its table
            `flat_actions`.
        env: anything with the static facts of an environment.
    """
    expected = (env.obs_height, env.obs_width)
    if not hasattr(policy, "apply"):
        raise ValueError(
            "No component with observation shape found in policy. "
            f"Environment observation shape: {(env.num_observation_tokens, 3)}"
        )
    names = getattr(policy, "names", None)
    window = expected if names is None else (names.obs_height, names.obs_width)
    if window != expected:
        raise ValueError(
            f"Observation space mismatch error: component '_obs_' was built for a window of {window}, the "
            f"environment's is {expected} (height, width)"
        )
    actions = [(kind, argument) for kind, most in enumerate(env.max_action_args) for argument in range(most + 1)]
    if not np.array_equal(np.asarray(policy.flat_actions), np.asarray(actions)):
        raise ValueError(
            f"Action space mismatch error: the policy has {len(policy.flat_actions)} flat actions, the environment has "
            f"{len(actions)} of {tuple(env.action_names)}; bind the policy to this environment"
        )


def get_lstm_config(agent: Any) -> tuple[int, int]:
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
