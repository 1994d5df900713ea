"""The description of a training run: what its functions read, and what never changes or enters the state."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import optax

from metta_jax.agent import Policy
from metta_jax.mettagrid import BatchEnv, TaskChooser
from metta_jax.mettagrid.engine_path import EnginePath
from metta_jax.rl.batch_layout import BatchLayout
from metta_jax.rl.contracts import AdvantageFn, CurriculumCopies, DrawFn, FinalValueFn, GradientFn, LossFn
from metta_jax.rl.hyperparameters import Hyperparameters
from metta_jax.rl.kickstart import Teacher
from metta_jax.rl.optimizer import adapt_optimizer, create_optimizer
from metta_jax.rl.options import TrainingOptions

if TYPE_CHECKING:
    from metta_jax.rl.rows import Rows


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """First argument of the functions of this package. All but `hyperparameters` is known before tracing."""

    env: BatchEnv
    agent: Policy
    options: TrainingOptions
    hyperparameters: Hyperparameters  # inside of a compiled function, its argument
    layout: BatchLayout
    teachers: tuple[Teacher, ...]
    loss_fn: LossFn
    advantage_fn: AdvantageFn
    draw_fn: DrawFn
    gradient_fn: GradientFn
    final_value_fn: FinalValueFn
    rows: Rows
    path: EnginePath  # the form for an accelerator (wide) or for a CPU
    own_optimizer: optax.GradientTransformation | None = None  # in place of the one that `options` names
    rows_axis: str | None = None  # of `jax.shard_map`, over which a minibatch's rows are divided; None: all are here
    copies: CurriculumCopies | None = None  # of the curriculum on several devices; None: one for all environments

    def with_hyperparameters(self, hyperparameters: Hyperparameters) -> TrainingPlan:
        """The same plan with other numbers."""
        return replace(self, hyperparameters=hyperparameters)

    @property
    def static_key(self) -> Hashable:
        """Equal for plans of one environment and agent that differ in numbers alone, while these objects live.

        It has no hash if a function, or an argument of a `functools.partial`, has none.
        """
        functions = (
            self.loss_fn,
            self.advantage_fn,
            self.draw_fn,
            self.gradient_fn,
            self.final_value_fn,
        )
        return (
            id(self.env),
            id(self.agent),
            tuple(id(teacher.agent) for teacher in self.teachers),
            *(self.options, self.layout, self.path, self.own_optimizer, self.rows_axis, self.copies, self.rows),
            *(_function_key(function) for function in functions),
        )

    @property
    def optimizer(self) -> optax.GradientTransformationExtraArgs:
        """The optimizer, whose `update` takes `learning_rate=`."""
        if self.own_optimizer is not None:
            return adapt_optimizer(self.own_optimizer)
        numbers = self.hyperparameters
        return create_optimizer(
            type=self.options.optimizer,
            beta1=numbers.beta1,
            beta2=numbers.beta2,
            eps=numbers.eps,
            weight_decay=numbers.weight_decay,
        )

    @property
    def keeps_bits(self) -> bool:
        """Whether the calls of the written-out loop have the same bits as the fused ones."""
        return not self.path.is_wide

    @property
    def num_envs(self) -> int:
        return self.env.num_envs

    @property
    def agents_per_env(self) -> int:
        return self.env.num_agents

    @property
    def curriculum(self) -> TaskChooser | None:
        """What decides the task of each episode; None if there is only one task."""
        return self.env.curriculum

    @property
    def values_truncated_episodes(self) -> bool:
        """Whether a rollout needs the value of final observations: episodes can be truncated, and the option is on."""
        return self.options.advantage.bootstrap_truncated and self.env.truncates

    @property
    def uses_reference_weights(self) -> bool:
        return self.hyperparameters.l2_init_loss_coef is not None


def _function_key(function: Callable[..., Any]) -> Hashable:
    """Equal for the same function, and for `functools.partial`s of it with equal arguments of the same types."""
    if not isinstance(function, functools.partial):
        return function
    keywords = sorted(function.keywords.items())
    types = tuple(type(value) for value in (*function.args, *function.keywords.values()))
    return (function.func, function.args, tuple(keywords), types)
