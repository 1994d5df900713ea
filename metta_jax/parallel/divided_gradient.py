"""The gradient of a minibatch, of which every device takes its share of the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec

from metta_jax.core.pytree import PyTree
from metta_jax.parallel.mesh import ENVS
from metta_jax.rl.advantage import compute_advantage
from metta_jax.rl.contracts import FinalValueFn
from metta_jax.rl.minibatch import minibatch_loss, process_minibatch_update
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.rollout import final_value
from metta_jax.rl.train_state import Minibatch, MinibatchLoss, Params, StepCounter


def divided_gradient(plan: TrainingPlan, mesh: Mesh) -> Callable[..., tuple[Params, MinibatchLoss]]:
    """`process_minibatch_update` under `jax.shard_map`: gradients and losses are means over the devices.

    Every term of our loss is a mean over rows, or does not depend on them, so these are those of the whole minibatch.
    What need not be so is left to the compiler: a loss, gradient or advantage of the user's, a network that mixes
    rows or uses dropout; and rows that cannot be divided evenly. A Flax module of the user's is taken not to mix rows.
    """
    ours = (
        plan.loss_fn is minibatch_loss
        and plan.gradient_fn is process_minibatch_update
        and getattr(plan.advantage_fn, "func", plan.advantage_fn) is compute_advantage
    )
    # The masks of dropout are drawn for all rows at once.
    by_row = ours and not (plan.agent.mixes_rows or plan.agent.uses_dropout)
    if mesh.size == 1 or not by_row or plan.layout.rows_per_minibatch % mesh.size:
        return plan.gradient_fn
    shared, rows = PartitionSpec(), PartitionSpec(ENVS)

    def gradient(
        plan: TrainingPlan,
        params: Params,
        minibatch: Minibatch,
        *,
        reference: dict[str, jax.Array],
        agent_step: StepCounter,
    ) -> tuple[Params, MinibatchLoss]:
        local = dataclasses.replace(plan, rows_axis=ENVS)

        def on_device(params: Params, minibatch: Minibatch, reference: Any, agent_step: Any) -> Any:
            grads, loss = process_minibatch_update(local, params, minibatch, reference=reference, agent_step=agent_step)
            grads, total, parts = _mean((grads, loss.total, loss.parts))
            return grads, loss.replace(total=total, parts=parts)

        specs = jax.tree.map(lambda _: rows, minibatch)
        by_layer = jax.tree.map(lambda _: PartitionSpec(None, ENVS), minibatch.initial_state)  # [L, B, H]
        return jax.shard_map(
            on_device,
            mesh=mesh,
            in_specs=(shared, specs.replace(initial_state=by_layer), shared, shared),
            out_specs=(shared, MinibatchLoss(total=shared, parts=shared, values=rows, ratio=rows)),  # type: ignore[arg-type]
            check_vma=False,
        )(params, minibatch, reference, agent_step)

    return gradient


def divided_final_value(plan: TrainingPlan, mesh: Mesh) -> FinalValueFn:
    """`final_value` on every device for its own agents; each device skips it if none of its own agents needs it."""
    if mesh.size == 1 or plan.agent.mixes_rows or plan.final_value_fn is not final_value:
        return plan.final_value_fn
    shared, rows, by_layer = PartitionSpec(), PartitionSpec(ENVS), PartitionSpec(None, ENVS)

    def value(plan: TrainingPlan, *args: Any) -> jax.Array:
        return jax.shard_map(
            lambda *args: final_value(plan, *args),
            mesh=mesh,
            in_specs=(shared, shared, rows, rows, by_layer),
            out_specs=rows,
            check_vma=False,
        )(*args)

    return value


def _mean(tree: PyTree) -> PyTree:
    """The mean over the devices of every number, by one all-reduce for each dtype."""
    flat, unravel = ravel_pytree(tree)
    return unravel(jax.lax.pmean(flat, ENVS))
