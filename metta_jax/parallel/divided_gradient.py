"""The gradient of a minibatch, of which every device takes its share of the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from metta_jax.parallel.mesh import ENVS
from metta_jax.rl.advantage import compute_advantage
from metta_jax.rl.minibatch import minibatch_loss, process_minibatch_update
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import Minibatch, MinibatchLoss, Params, StepCounter


def divided_gradient(plan: TrainingPlan, mesh: Mesh) -> Callable[..., tuple[Params, MinibatchLoss]]:
    """`process_minibatch_update` under `jax.shard_map`: gradients and losses are means over the devices.

    Every term of our loss is a mean over rows, or does not depend on them, so these are those of the whole minibatch.
    What need not be so is left to the compiler: a loss, gradient or advantage of the user's, a network that mixes rows;
    and rows that cannot be divided evenly. A Flax module of the user's is taken not to mix rows.
    """
    ours = (
        plan.loss_fn is minibatch_loss
        and plan.gradient_fn is process_minibatch_update
        and getattr(plan.advantage_fn, "func", plan.advantage_fn) is compute_advantage
    )
    by_row = ours and not getattr(plan.agent, "mixes_rows", False)
    if mesh.size == 1 or not by_row or plan.layout.minibatch_segments % mesh.size:
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
            grads, total, parts = jax.lax.pmean((grads, loss.total, loss.parts), ENVS)
            return grads, loss.replace(total=total, parts=parts)

        specs = jax.tree.map(lambda _: rows, minibatch)
        by_layer = jax.tree.map(lambda _: PartitionSpec(None, ENVS), minibatch.initial_state)  # [layers, B, hidden]
        return jax.shard_map(
            on_device,
            mesh=mesh,
            in_specs=(shared, specs.replace(initial_state=by_layer), shared, shared),
            out_specs=(shared, MinibatchLoss(total=shared, parts=shared, values=rows, ratio=rows)),  # type: ignore[arg-type]
            check_vma=False,
        )(params, minibatch, reference, agent_step)

    return gradient
