"""Facts about a policy that training relies on, and batch sizes of the original's worker processes."""

from __future__ import annotations

from typing import Any

import jax


def validate_policy_environment_match(policy: Any, env: Any) -> None:
    """Raise ValueError unless the policy was built for observations and actions like those of `env`.

    Args:
        policy: an agent; its facts `num_observation_tokens`, `obs_width`, `obs_height` and `num_flat_actions` are
            compared where it has them.
        env: anything with the static facts of an environment.
    """
    expected = (env.num_observation_tokens, 3)
    shape = getattr(policy, "observation_shape", None)
    if shape is None:
        return
    if tuple(shape) != expected:
        raise ValueError(
            f"Observation space mismatch error: component '_obs_' was built for observations of shape {tuple(shape)}, "
            f"the environment's have shape {expected}"
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
