"""Acting in all environments, in chunks of agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from metta_jax.agent import Policy, PolicyOutput, distribution
from metta_jax.core.pytree import PyTree
from metta_jax.rl.batch_layout import num_equal_chunks
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import Recurrent

_Result = TypeVar("_Result")


def act(
    plan: TrainingPlan,
    params: PyTree,
    observation: jax.Array,
    recurrent: Recurrent,
    key: jax.Array,
    reset: jax.Array | None,
) -> tuple[PolicyOutput, Recurrent]:
    """`plan.agent.apply` in acting mode, in chunks of agents if the layout says so.

    The network runs on one chunk after another, with the memory of one chunk. Then all actions are drawn at once, with
    the same random numbers as without chunks.
    """
    num_chunks = num_equal_chunks(observation.shape[0], plan.layout.acting_chunk)
    if num_chunks == 1:
        return plan.agent.apply(params, observation, recurrent, key=key, reset=reset)

    def one(observation: jax.Array, recurrent: Recurrent, reset: jax.Array | None) -> tuple[PolicyOutput, Recurrent]:
        # What it draws is not used, and so not computed.
        return plan.agent.apply(params, observation, recurrent, key=key, reset=reset)

    output, after = _in_chunks(num_chunks, one, observation, recurrent, reset)
    log_probs = _joined(output.log_probs)
    flat_action = distribution.sample(key, log_probs)
    return PolicyOutput(
        action=jnp.asarray(plan.agent.flat_actions)[flat_action],
        logprob=distribution.pick(log_probs, flat_action),
        entropy=_joined(output.entropy),
        value=_joined(output.value),
        log_probs=log_probs,
    ), _joined_memory(after)


def follow(
    plan: TrainingPlan,
    teacher: Policy,
    params: PyTree,
    observation: jax.Array,
    recurrent: Recurrent,
    key: jax.Array,
    reset: jax.Array | None,
) -> tuple[Recurrent, jax.Array, jax.Array]:
    """A teacher's memory, log-probabilities float32 [A, F] and values float32 [A], in the chunks of `act`."""

    def one(
        observation: jax.Array, recurrent: Recurrent, reset: jax.Array | None
    ) -> tuple[Recurrent, jax.Array, jax.Array]:
        output, after = teacher.apply(params, observation, recurrent, key=key, reset=reset)
        return after, output.log_probs, output.value[:, 0]

    num_chunks = num_equal_chunks(observation.shape[0], plan.layout.acting_chunk)
    if num_chunks == 1:
        return one(observation, recurrent, reset)
    after, log_probs, value = _in_chunks(num_chunks, one, observation, recurrent, reset)
    return _joined_memory(after), _joined(log_probs), _joined(value)


def policy_value(
    plan: TrainingPlan,
    params: PyTree,
    observation: jax.Array,
    recurrent: Recurrent,
    key: jax.Array,
    reset: jax.Array | None,
) -> jax.Array:
    """Value of observations uint8 [N * A, M, 3], float32 [N * A], in the chunks of `act`.

    The key is needed by `apply` but nothing is drawn from it.
    """

    def one(observation: jax.Array, recurrent: Recurrent, reset: jax.Array | None) -> jax.Array:
        return plan.agent.apply(params, observation, recurrent, key=key, reset=reset)[0].value[:, 0]

    num_chunks = num_equal_chunks(observation.shape[0], plan.layout.acting_chunk)
    if num_chunks == 1:
        return one(observation, recurrent, reset)
    return _joined(_in_chunks(num_chunks, one, observation, recurrent, reset))


def _in_chunks(
    num_chunks: int,
    one: Callable[[jax.Array, Recurrent, jax.Array | None], _Result],
    observation: jax.Array,
    recurrent: Recurrent,
    reset: jax.Array | None,
) -> _Result:
    """What `one` returns for each chunk of agents, with an axis of chunks in front."""

    def split(x: jax.Array, axis: int = 0) -> jax.Array:
        # A chunk takes every n-th agent, so that of agents that are divided among devices it has some of each.
        shape = (*x.shape[:axis], x.shape[axis] // num_chunks, num_chunks, *x.shape[axis + 1 :])
        return jnp.moveaxis(x.reshape(shape), axis + 1, 0)

    chunks = split(observation), (split(recurrent[0], 1), split(recurrent[1], 1))
    return jax.lax.map(lambda chunk: one(*chunk), (*chunks, None if reset is None else split(reset)))


def _joined_memory(recurrent: Recurrent) -> Recurrent:
    return _joined(recurrent[0], 1), _joined(recurrent[1], 1)


def _joined(x: jax.Array, axis: int = 0) -> jax.Array:
    """The agents of all chunks [chunks, ..., agents of one, ...] as one axis, in their order."""
    x = jnp.moveaxis(x, 0, axis + 1)
    return x.reshape(*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :])
