"""The functions that `TrainingComponents.create` takes in place of its own, and what its bundle is to a caller.

S rows of the buffer, B rows of a minibatch, T slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import jax

from metta_jax.config import TrainerConfig
from metta_jax.core.device import Device
from metta_jax.monitor import Stopwatch
from metta_jax.rl.rollout_stats import Infos
from metta_jax.rl.train_state import (
    Experience,
    Minibatch,
    MinibatchLoss,
    Params,
    Recurrent,
    StepCounter,
    TrainState,
)

if TYPE_CHECKING:
    from metta_jax.rl.plan import TrainingPlan

_Tree = TypeVar("_Tree")


class LossFn(Protocol):
    """What is differentiated, as `minibatch_loss`."""

    def __call__(
        self,
        plan: TrainingPlan,
        params: Params,
        minibatch: Minibatch,
        *,
        reference: dict[str, jax.Array],
        agent_step: StepCounter,
    ) -> MinibatchLoss:
        """The total float32 [], its parts by name, and the values and ratios [B, T] that write-back stores.

        Args:
          plan: its `hyperparameters` are the numbers, its `options` the switches.
          reference: reference weights of l2_init_loss by layer, {} if that loss is off.
          agent_step: how far the run is.
        """
        ...


class AdvantageFn(Protocol):
    """Advantages of rows, as `compute_advantage`."""

    def __call__(
        self,
        values: jax.Array,
        rewards: jax.Array,
        dones: jax.Array,
        importance: jax.Array,
        *,
        gamma: jax.Array,
        gae_lambda: jax.Array,
        rho_clip: jax.Array,
        c_clip: jax.Array,
        **next_slot: jax.Array,
    ) -> jax.Array:
        """float32 [S, T]; no gradient flows through it.

        Args:
          values, rewards, dones, importance: float32 [S, T]; the reward of the action in slot t stands in slot t + 1.
          next_slot: next_value, next_reward, next_done float32 [S], with `advantage.bootstrap_last`.
        """
        ...


class DrawFn(Protocol):
    """The rows of a minibatch, as `draw_prioritized`."""

    def __call__(
        self, key: jax.Array, advantages: jax.Array, num_rows: int, /, *, prio_alpha: jax.Array, beta: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Different rows int32 [num_rows], and their weights float32 [num_rows, 1]; consumes `key`.

        With `row_groups`, it draws from each group by itself, under `jax.vmap`.
        """
        ...


class GradientFn(Protocol):
    """The gradient of the plan's loss, as `process_minibatch_update`."""

    def __call__(
        self,
        plan: TrainingPlan,
        params: Params,
        minibatch: Minibatch,
        *,
        reference: dict[str, jax.Array],
        agent_step: StepCounter,
    ) -> tuple[Params, MinibatchLoss]:
        """A pytree like `params`, and the loss that was differentiated."""
        ...


class FinalValueFn(Protocol):
    """Values of the last observations of truncated episodes, as `final_value`."""

    def __call__(
        self,
        plan: TrainingPlan,
        params: Params,
        key: jax.Array,
        observation: jax.Array,
        cut: jax.Array,
        recurrent: Recurrent,
        /,
    ) -> jax.Array:
        """float32 [N * A], 0 where `cut` is False. `observation`: uint8 [N * A, M, 3]; `cut`: bool [N * A]."""
        ...


class CurriculumCopies(Protocol):
    """A curriculum that every device copies for a rollout."""

    def split(self, curriculum: Any) -> Any:
        """D copies of the state, with a leading axis D."""
        ...

    def merge(self, curriculum: Any, done: jax.Array, task: jax.Array, score: jax.Array) -> Any:
        """The state `curriculum` after all episodes of a rollout, in the order of time and then of environments.

        done: bool [steps, N]. task: int32 [steps, N]. score: float32 [steps, N].
        """
        ...


class Training(Protocol):
    """A run on one device or on several: `TrainingComponents`, and the `ShardedTraining` of `metta_jax.parallel`.

    Code written for it runs on both. `TrainingComponents` explains each method.
    """

    @property
    def plan(self) -> TrainingPlan:
        """The static description of the run."""
        ...

    @property
    def config(self) -> TrainerConfig:
        """The configuration that the plan was made from."""
        ...

    @property
    def timer(self) -> Stopwatch:
        """Measures the run's phases."""
        ...

    @property
    def device(self) -> Device | None:
        """The device that was chosen for the run; None: JAX's default, or several devices."""
        ...

    @property
    def num_minibatches(self) -> int:
        """Minibatches per update epoch."""
        ...

    def init(
        self, key: jax.Array, params: Params | None = None, weight_limits: Mapping[str, float] | None = None
    ) -> TrainState:
        """The state before the first rollout; consumes `key`."""
        ...

    def state_shapes(self) -> TrainState:
        """A `jax.ShapeDtypeStruct` of each array of a state, with its place if there is one; computes nothing."""
        ...

    def place(self, tree: _Tree, /) -> _Tree:
        """Put the arrays of a state, or of parameters, where the run needs them; copies only what is elsewhere."""
        ...

    def whole(self, tree: _Tree, /) -> _Tree:
        """Make arrays fully readable in this process. In a run of several processes, all of them must call it."""
        ...

    def split_key(self, state: TrainState) -> tuple[TrainState, jax.Array]:
        """A key for one use, and the state with the next key."""
        ...

    def reset_for_rollout(self, state: TrainState) -> TrainState:
        """Write from the first slot again."""
        ...

    def is_ready_for_training(self, state: TrainState) -> bool:
        """Whether the buffer is full."""
        ...

    def rollout_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """One policy step in all environments."""
        ...

    def rollout(self, state: TrainState) -> tuple[TrainState, Experience]:
        """A new batch, which is also `state.experience`."""
        ...

    def accumulate_stats(self, stats: Mapping[str, list[Any]] | None, infos: Infos) -> dict[str, list[Any]]:
        """The lists of `stats` extended by `infos`."""
        ...

    def episode_stats(self, state: TrainState) -> dict[str, float]:
        """Statistics of the episodes that ended in the last rollout, by name."""
        ...

    def reset_training_state(self, state: TrainState) -> TrainState:
        """Loss sums start at 0."""
        ...

    def compute_advantages(self, batch: Experience) -> jax.Array:
        """Advantages of the whole rollout with importance 1, float32 [S, T]."""
        ...

    def anneal_beta(self, state: TrainState) -> jax.Array:
        """The beta of the next update, float32 []."""
        ...

    def sample_minibatch(
        self,
        key: jax.Array,
        batch: Experience,
        advantages: jax.Array,
        anneal_beta: jax.Array | float,
        minibatch_idx: int | None = None,
        total_minibatches: int | None = None,
    ) -> Minibatch:
        """Draw rows by the size of their advantages; consumes `key`."""
        ...

    def shuffle_rows(self, key: jax.Array) -> jax.Array:
        """The rows of each minibatch of an epoch, int32 [minibatches, rows]."""
        ...

    def take_minibatch(self, key: jax.Array, batch: Experience, advantages: jax.Array, rows: jax.Array) -> Minibatch:
        """The given rows; consumes `key`."""
        ...

    def train_minibatch(self, state: TrainState, minibatch: Minibatch) -> tuple[TrainState, MinibatchLoss]:
        """Forward and backward pass; the gradient is added to `state.grads`."""
        ...

    def write_back(self, batch: Experience, minibatch: Minibatch, loss: MinibatchLoss) -> Experience:
        """The batch with the new values and ratios of the minibatch's rows."""
        ...

    def optimize_step(self, state: TrainState, accumulate_steps: int = 1) -> TrainState:
        """One optimizer step if `accumulate_steps` gradients are in, else the same state."""
        ...

    def finish_epoch(self, state: TrainState) -> TrainState:
        """End of an update epoch."""
        ...

    def exceeds_target_kl(self, state: TrainState) -> bool:
        """Whether the mean approx_kl so far is above `ppo.target_kl`."""
        ...

    def finish_update(self, state: TrainState, batch: Experience, advantages: jax.Array) -> TrainState:
        """End of the training phase."""
        ...

    def metrics(self, state: TrainState, batch: Experience) -> dict[str, jax.Array]:
        """The metrics of `update` after a hand-written loop."""
        ...

    def update(self, state: TrainState, batch: Experience) -> tuple[TrainState, dict[str, jax.Array]]:
        """The state after the training phase on one batch, and its metrics."""
        ...

    def train_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """`rollout`, then `update`, in one program that donates `state`."""
        ...
