"""The gradient of a minibatch, of which every device takes its share of the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from metta_jax.parallel.mesh import ENVS
from metta_jax.rl.minibatch import minibatch_loss, process_minibatch_update
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.train_state import Minibatch, MinibatchLoss, Params, StepCounter


def divided_gradient(plan: TrainingPlan, mesh: Mesh) -> Callable[..., tuple[Params, MinibatchLoss]]:
    """`process_minibatch_update` under `jax.shard_map`: gradients and losses are means over the devices.

    All terms of the loss are means over rows, so these are those of the whole minibatch. That need not hold for a loss
    of the user's; it, and rows that cannot be divided evenly, are left to the compiler.
    """
    if mesh.size == 1 or plan.loss_fn is not minibatch_loss or plan.layout.minibatch_segments % mesh.size:
        return process_minibatch_update
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
