"""Whether a class of your own is a `Policy`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent import Policy
from metta_jax.mettagrid import BatchEnv
from metta_jax.mettagrid.spaces import ActionSpace
from metta_jax.rl.shapes import check_arrays, check_attributes

_SLOTS = 4
_MOST_ROWS = 3
_CLOSE = 1e-4  # between acting and evaluating: both compute in the policy's own precision


def check_policy(policy: Policy, env: BatchEnv, key: jax.Array | None = None) -> None:
    """Raise ValueError, in one line that says what and where, unless `policy` keeps the contract of `Policy`.

    Its attributes are there; acting and evaluating give arrays of the right shapes and dtypes; log-probabilities are
    normalized, and evaluating the recorded actions of a few steps gives what acting gave; `reset` clears the recurrent
    state. Observations are those of a few random steps in `env`, drawn from `key` (None: `jax.random.key(0)`). For the
    tests of your policy.

    Args:
      env: what the policy is bound to.
    """
    check_policy_attributes(policy)
    num_actions = policy.num_flat_actions
    pairs = np.asarray(policy.flat_actions)
    if pairs.shape != (num_actions, 2):
        raise ValueError(f"policy.flat_actions: shape {pairs.shape} is not {(num_actions, 2)}")
    expected = ActionSpace.of(env).num_flat_actions
    if num_actions != expected:
        raise ValueError(f"policy.num_flat_actions: {num_actions} is not {expected}, those of the environment")
    init_key, env_key, *keys = jax.random.split(jax.random.key(0) if key is None else key, 2 + _SLOTS)
    params = jax.jit(policy.init)(init_key)
    observation = _observations(env, env_key, pairs)
    rows = observation.shape[0]
    state = start = policy.initial_state(rows)
    _check_recurrent("initial_state", start, rows)

    act = jax.jit(lambda params, observation, state, key: policy.apply(params, observation, state, key=key))
    acted: list[Any] = []
    for slot in range(_SLOTS):
        output, state = act(params, observation[:, slot], state, keys[slot])
        _check_output("acting", output, (rows,), num_actions)
        _check_recurrent("acting", state, rows, start)
        _check_log_probs("acting", output, pairs)
        acted.append(output)

    actions = jnp.stack([output.action for output in acted], axis=1)

    @jax.jit
    def evaluate(reset: jax.Array) -> Any:
        return policy.apply(params, observation, start, action=actions, reset=reset)

    output, after = evaluate(jnp.zeros((rows, _SLOTS), bool))
    _check_output("evaluating", output, (rows, _SLOTS), num_actions)
    _check_recurrent("evaluating", after, rows, start)
    if not policy.mixes_rows:
        _compare_modes(output, acted)
    # A state that is cleared in every slot: all slots are first slots.
    cleared, _ = evaluate(jnp.ones((rows, _SLOTS), bool))
    fresh, _ = jax.jit(lambda last: policy.apply(params, last, start, key=keys[0]))(observation[:, -1])
    last = cleared.log_probs.reshape(rows, _SLOTS, -1)[:, -1]
    if not policy.mixes_rows and not np.allclose(last, fresh.log_probs, atol=_CLOSE):
        raise ValueError("policy: evaluating with reset in a slot differs from acting with the initial state")


def _observations(env: BatchEnv, key: jax.Array, pairs: np.ndarray) -> jax.Array:
    """Observations uint8 [rows, slots, M, 3] that a few agents see while all act at random."""
    reset_key, *step_keys = jax.random.split(key, _SLOTS)
    state, timestep = jax.jit(env.reset)(env.params, reset_key)
    step, seen = jax.jit(env.step), [timestep.observation]
    for step_key in step_keys:
        kinds = jax.random.randint(step_key, (env.num_envs, env.num_agents), 0, len(pairs), jnp.int32)
        state, timestep = step(env.params, state, jnp.asarray(pairs)[kinds])
        seen.append(timestep.observation)
    observation = jnp.stack(seen, axis=2)
    return observation.reshape(-1, *observation.shape[2:])[:_MOST_ROWS]


def check_policy_attributes(policy: Policy) -> None:
    """Raise ValueError unless `policy` has every attribute of a `Policy`."""
    check_attributes("agent", policy, Policy, needed=("init", "initial_state", "apply"))


def _check_output(where: str, output: Any, slots: tuple[int, ...], num_actions: int) -> None:
    rows = int(np.prod(slots))
    check_arrays(
        f"policy: output of {where}",
        output,
        {
            "action": ((*slots, 2), jnp.int32),
            "logprob": ((rows,), jnp.float32),
            "entropy": ((rows,), jnp.float32),
            "value": ((rows, 1), jnp.float32),
            "log_probs": ((rows, num_actions), jnp.float32),
        },
    )


def _check_recurrent(where: str, state: Any, rows: int, start: Any = None) -> None:
    """`start`: the initial state, whose shapes all others have."""
    if not isinstance(state, tuple) or len(state) != 2:
        raise ValueError(f"policy: recurrent state of {where} is a {type(state).__name__}, not a pair of arrays")
    for name, part, first in zip("hc", state, state if start is None else start, strict=True):
        if part.ndim != 3 or part.shape[1] != rows or part.shape != first.shape or part.dtype != jnp.float32:
            raise ValueError(
                f"policy: recurrent state of {where}: {name} is {part.dtype}{list(part.shape)}, expected "
                f"float32[layers, {rows}, hidden], as from initial_state"
            )


def _check_log_probs(where: str, output: Any, pairs: np.ndarray) -> None:
    log_probs, actions = np.asarray(output.log_probs), np.asarray(output.action)
    if not np.allclose(np.exp(log_probs).sum(axis=-1), 1.0, atol=_CLOSE):
        raise ValueError(f"policy: output of {where}: the exponentials of log_probs do not add up to 1")
    matches = (actions[:, None, :] == pairs[None]).all(axis=-1)
    if not matches.any(axis=1).all():
        raise ValueError(f"policy: output of {where}: an action is not in flat_actions")
    of_action = log_probs[np.arange(len(actions)), matches.argmax(axis=1)]
    if not np.allclose(of_action, output.logprob, atol=_CLOSE):
        raise ValueError(f"policy: output of {where}: logprob is not that of the action in log_probs")
    entropy = -(np.exp(log_probs) * log_probs).sum(axis=-1)
    if not np.allclose(entropy, output.entropy, atol=1e-3):
        raise ValueError(f"policy: output of {where}: entropy is not that of log_probs")


def _compare_modes(output: Any, acted: list[Any]) -> None:
    for name in ("logprob", "value", "log_probs"):
        expected = np.stack([np.asarray(getattr(one, name)).reshape(len(one.action), -1) for one in acted], axis=1)
        found = np.asarray(getattr(output, name)).reshape(expected.shape)
        if not np.allclose(found, expected, atol=_CLOSE, rtol=1e-3):
            raise ValueError(f"policy: {name} of evaluating differs from what acting gave for the same observations")
