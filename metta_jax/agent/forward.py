"""One pass of an agent: tokens in, action statistics and recurrent state out.

B agents or rows, T steps, M tokens, F flat actions; B * T is ordered batch first, and T is 1 when acting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from metta_jax.agent import distribution
from metta_jax.agent.components import Context
from metta_jax.agent.network import NetworkOutput, Recurrent
from metta_jax.agent.tables import AgentTables


class PolicyOutput(NamedTuple):
    """What a policy says of B * T observations, batch first; T is 1 when acting."""

    action: jax.Array  # int32 [B, 2] (acting) or [B, T, 2] (evaluating): type and argument
    logprob: jax.Array  # float32 [B * T], of the action
    entropy: jax.Array  # float32 [B * T]
    value: jax.Array  # float32 [B * T, 1]
    log_probs: jax.Array  # float32 [B * T, F], of all flat actions


def make_context(
    tables: AgentTables, observation: jax.Array, recurrent: Recurrent, reset: jax.Array, key: jax.Array | None
) -> Context:
    """Split observation uint8 [B, T, M, 3] into tokens with the policy's feature ids."""
    tokens = observation.reshape(-1, *observation.shape[2:])
    return Context(
        location=tokens[..., 0],
        feature=tables.feature_remap.at[tokens[..., 1].astype(jnp.int32)].get(mode="promise_in_bounds"),
        value=tokens[..., 2],
        normalization=tables.feature_normalization,
        action_rows=tables.action_rows,
        recurrent=recurrent,
        reset=reset,
        dropout_key=key,
    )


def run_network(network: nn.Module, params: Mapping[str, Any], context: Context) -> tuple[NetworkOutput, Recurrent]:
    """The network's output for all B * T observations, and the state after the last step."""
    # Parameters from a file may be NumPy arrays, which a traced index cannot read.
    params = jax.tree.map(jnp.asarray, params)
    return network.apply({"params": params}, context)  # type: ignore[return-value]


def act(
    network: nn.Module,
    params: Mapping[str, Any],
    tables: AgentTables,
    observation: jax.Array,
    recurrent: Recurrent,
    reset: jax.Array,
    key: jax.Array | None,
) -> tuple[PolicyOutput, Recurrent]:
    """Acting mode: observation [B, M, 3], reset [B]; without a key the most probable action is taken."""
    context = make_context(tables, observation[:, None], recurrent, reset[:, None], None)
    output, recurrent = run_network(network, params, context)
    log_probs = jax.nn.log_softmax(output.logits, axis=-1)
    if key is None:
        flat_action = jnp.argmax(log_probs, axis=-1).astype(jnp.int32)
    else:
        flat_action = distribution.sample(key, log_probs)
    action = tables.flat_actions[flat_action]
    logprob = distribution.pick(log_probs, flat_action)
    return PolicyOutput(action, logprob, distribution.entropy(log_probs), output.value, log_probs), recurrent


def evaluate(
    network: nn.Module,
    params: Mapping[str, Any],
    tables: AgentTables,
    observation: jax.Array,
    recurrent: Recurrent,
    reset: jax.Array,
    action: jax.Array,
    key: jax.Array | None,
) -> tuple[PolicyOutput, Recurrent]:
    """Evaluating mode: observation [B, T, M, 3], reset [B, T], action [B, T, 2]; the rest comes out flat, [B * T, ...].

    The log-probability of a pair outside the action table is NaN: nothing traced can raise. With a key dropout is on.
    """
    context = make_context(tables, observation, recurrent, reset, key)
    output, recurrent = run_network(network, params, context)
    log_probs = jax.nn.log_softmax(output.logits, axis=-1)
    flat_action, valid = distribution.flat_index(action.reshape(-1, 2), tables.action_offsets, tables.max_args)
    logprob = jnp.where(valid, distribution.pick(log_probs, flat_action), jnp.nan)
    return PolicyOutput(action, logprob, distribution.entropy(log_probs), output.value, log_probs), recurrent
