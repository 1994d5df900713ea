"""Rows that stay on the device that collected them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

from metta_jax.parallel.mesh import ENVS
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.rows import Rows, compute_advantages, dealt_minibatch, sample_minibatch, shuffled_rows
from metta_jax.rl.train_state import Experience, Minibatch

_ROWS, _SHARED = PartitionSpec(ENVS), PartitionSpec()


@dataclass(frozen=True)
class OwnRows(Rows):
    """Every device holds whole groups of rows, and draws its share of each minibatch from them; nothing is exchanged.

    Minibatches are those that one device draws with the same `row_groups`.
    """

    mesh: Mesh

    def compute_advantages(self, plan: TrainingPlan, batch: Experience) -> jax.Array:
        """As on one device; each row is on the device of its environment, and so are its advantages."""
        return self._on_devices(lambda batch: compute_advantages(plan, batch), (_ROWS,), _ROWS)(batch)

    def sample(
        self, plan: TrainingPlan, key: jax.Array, batch: Experience, advantages: jax.Array, beta: jax.Array
    ) -> Minibatch:
        """As on one device; every device has its share of the rows."""

        def sample(key: jax.Array, batch: Experience, advantages: jax.Array, beta: jax.Array) -> Minibatch:
            return sample_minibatch(plan, key, batch, advantages, beta, self._first_group(plan))

        return self._on_devices(sample, (_SHARED, _ROWS, _ROWS, _SHARED), _minibatch_specs())(
            key, batch, advantages, beta
        )

    def shuffle(self, plan: TrainingPlan, key: jax.Array) -> jax.Array:
        """As on one device; every device has its share of each minibatch."""

        def shuffle(key: jax.Array) -> jax.Array:
            return shuffled_rows(plan, key, self._num_groups(plan), self._first_group(plan))

        return self._on_devices(shuffle, (_SHARED,), PartitionSpec(None, ENVS))(key)

    def deal(
        self, plan: TrainingPlan, key: jax.Array, batch: Experience, advantages: jax.Array, rows: jax.Array
    ) -> Minibatch:
        """As on one device, for rows of `shuffle`; every device has its share."""

        def deal(key: jax.Array, batch: Experience, advantages: jax.Array, rows: jax.Array) -> Minibatch:
            return dealt_minibatch(plan, key, batch, advantages, rows, self._first_group(plan))

        return self._on_devices(deal, (_SHARED, _ROWS, _ROWS, _ROWS), _minibatch_specs())(key, batch, advantages, rows)

    def _num_groups(self, plan: TrainingPlan) -> int:
        return plan.layout.row_groups // self.mesh.size

    def _first_group(self, plan: TrainingPlan) -> jax.Array:
        return jax.lax.axis_index(ENVS) * self._num_groups(plan)

    def _on_devices(self, fn: Callable[..., Any], in_specs: Any, out_specs: Any) -> Callable[..., Any]:
        return jax.shard_map(fn, mesh=self.mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)


def _minibatch_specs() -> Any:
    """How the fields of a Minibatch are divided. Networks with dropout, which need a key, are not divided by hand."""
    specs: dict[str, Any] = dict.fromkeys((field.name for field in dataclasses.fields(Minibatch)), _ROWS)
    by_layer = PartitionSpec(None, ENVS)  # [L, B, H]
    return Minibatch(**specs | {"initial_state": (by_layer, by_layer), "dropout_key": None})
