"""The static description of a training run: what its functions read, and what never changes or enters the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import optax

from metta_jax.mettagrid import MettaGrid
from metta_jax.rl.kickstart import Kickstarter, Teacher
from metta_jax.rl.replay.layout import BatchLayout
from metta_jax.rl.schedules import Schedule
from metta_jax.rl.train_state import MinibatchLoss, Params


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """First argument of the functions of this package. Everything in it is known before tracing."""

    env: Any  # VectorEnv or Environment
    agent: Any
    config: Any  # TrainerConfig
    layout: BatchLayout
    optimizer: optax.GradientTransformationExtraArgs
    kickstarter: Kickstarter
    teachers: tuple[Teacher, ...]
    schedule: Schedule
    num_rollouts: int  # total_timesteps // layout.batch_size, at least 1
    loss_fn: Callable[..., MinibatchLoss]  # as `minibatch_loss`
    advantage_fn: Callable[..., jax.Array]  # as `compute_advantage`
    draw_fn: Callable[..., tuple[jax.Array, jax.Array]]  # as `draw_prioritized`
    gradient_fn: Callable[..., tuple[Params, MinibatchLoss]]  # as `process_minibatch_update`
    rows_axis: str | None = None  # of `jax.shard_map`, over which a minibatch's rows are divided; None: all are here

    @property
    def num_envs(self) -> int:
        return self.env.num_envs

    @property
    def agents_per_env(self) -> int:
        return self.env.num_agents

    @property
    def curriculum(self) -> Any:
        """What decides the task of each episode; None if there is only one task."""
        return getattr(self.env, "curriculum", None)

    @property
    def stat_names(self) -> tuple[dict[str, int], ...]:
        """Of every group of agents, its statistics by name; () if the environments keep none."""
        grid = getattr(self.env, "mettagrid", getattr(self.env, "env", None))
        return grid.agent_stat_names if isinstance(grid, MettaGrid) else ()

    @property
    def values_truncated_episodes(self) -> bool:
        """Whether a rollout must know the value of final observations: episodes can be truncated and it is asked for.

        Environments that do not say whether they truncate are taken to.
        """
        games = getattr(self.env, "task_configs", (getattr(self.env, "config", None),))
        truncates = any(getattr(game, "episode_truncates", True) for game in games)
        return self.config.advantage.bootstrap_truncated and truncates

    @property
    def uses_reference_weights(self) -> bool:
        return self.config.ppo.l2_init_loss_coef > 0

    @property
    def unused_losses(self) -> frozenset[str]:
        """Names of the losses that are not reported: their terms are off."""
        unused: set[str] = set()
        if not self.config.ppo.l2_reg_loss_coef:
            unused.add("l2_reg_loss")
        if not self.config.ppo.l2_init_loss_coef:
            unused.add("l2_init_loss")
        if not self.teachers:
            unused.update(("ks_action_loss", "ks_value_loss"))
        return frozenset(unused)
