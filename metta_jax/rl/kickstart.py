"""Learning from frozen teachers during the first part of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from metta_jax.agent import Policy, SavedPolicies, SavedPolicy
from metta_jax.config.learning import KickstartConfig, KickstartTeacherConfig
from metta_jax.mettagrid import BatchEnv
from metta_jax.rl.policy_checks import validate_policy_environment_match
from metta_jax.rl.train_state import Params, StepCounter


@dataclass(frozen=True, eq=False)
class Teacher:
    """A policy to imitate. A coefficient of None is that of the KickstartConfig."""

    agent: Policy
    params: Params
    action_loss_coef: float | None = None
    value_loss_coef: float | None = None
    name: str = "teacher"


class Kickstarter(struct.PyTreeNode):
    """The numbers of the kickstart loss, which is a pure function of them: `kickstarter(...)`."""

    action_loss_coefs: tuple[jax.Array, ...]  # float32 [] per teacher
    value_loss_coefs: tuple[jax.Array, ...]  # float32 [] per teacher
    kickstart_steps: StepCounter  # agent steps with teachers
    anneal_ratio: jax.Array  # float32 [], 0..1: share of these steps, at their end, in which the weights go down to 0

    @property
    def num_teachers(self) -> int:
        return len(self.action_loss_coefs)

    def active(self, agent_step: StepCounter) -> jax.Array:
        """Whether teachers still count, bool []: agent_step <= kickstart_steps."""
        return agent_step.remaining(self.kickstart_steps) >= 0.0

    def factor(self, agent_step: StepCounter) -> jax.Array:
        """Weight of the teachers, float32 []: 1, then linear to 0 over the last `anneal_ratio` of kickstart_steps."""
        remaining = agent_step.remaining(self.kickstart_steps)
        ramp_steps = StepCounter.create().remaining(self.kickstart_steps) * self.anneal_ratio
        ramp = jnp.where(ramp_steps > 0.0, jnp.clip(remaining / ramp_steps, 0.0, 1.0), 1.0)
        return jnp.where(remaining >= 0.0, ramp, 0.0)

    def __call__(
        self,
        log_probs: jax.Array,
        values: jax.Array,
        teacher_log_probs: Sequence[jax.Array],
        teacher_values: Sequence[jax.Array],
        agent_step: StepCounter,
    ) -> tuple[jax.Array, jax.Array]:
        """ks_action_loss and ks_value_loss, float32 [], with f = factor(agent_step):

        ks_action = -sum over teachers action_loss_coef * f * mean over slots sum_a exp(p_T[a]) * p_S[a]
        ks_value  =  sum over teachers value_loss_coef * f * mean (V_T - V_S)^2

        Args:
          log_probs: float32 [..., F] of the student. values: float32 [...].
          teacher_log_probs, teacher_values: the same shapes, per teacher.
        """
        action_loss = value_loss = jnp.zeros((), jnp.float32)
        if not self.num_teachers:
            return action_loss, value_loss
        factor = self.factor(agent_step)
        for index in range(self.num_teachers):
            cross_entropy = -jnp.mean(jnp.sum(jnp.exp(teacher_log_probs[index]) * log_probs, axis=-1))
            distance = jnp.mean(jnp.square(teacher_values[index] - values))
            action_loss = action_loss + self.action_loss_coefs[index] * factor * cross_entropy
            value_loss = value_loss + self.value_loss_coefs[index] * factor * distance
        return action_loss, value_loss


def create_kickstarter(teachers: Sequence[Teacher], kickstart: KickstartConfig) -> Kickstarter:
    """The loss for `teachers` under a KickstartConfig, which gives the coefficients that they do not have.

    Raises:
      ValueError: an anneal_ratio that is no share.
    """
    if not 0.0 <= kickstart.anneal_ratio <= 1.0:
        raise ValueError(f"kickstart.anneal_ratio: {kickstart.anneal_ratio}. Anneal_ratio must be between 0 and 1.")
    weighed = [_weighed(teacher, kickstart) for teacher in teachers]
    return Kickstarter(
        action_loss_coefs=tuple(jnp.float32(action) for action, _ in weighed),
        value_loss_coefs=tuple(jnp.float32(value) for _, value in weighed),
        kickstart_steps=StepCounter.create(kickstart.kickstart_steps),
        anneal_ratio=jnp.float32(kickstart.anneal_ratio),
    )


def collect_teachers(
    kickstart: KickstartConfig,
    teachers: Sequence[Teacher | tuple[Policy, Params] | SavedPolicy],
    agent: Policy,
    env: BatchEnv,
    policy_store: SavedPolicies | None,
) -> tuple[Teacher, ...]:
    """Given teachers first, then those the configuration names: additional_teachers, then teacher_uri.

    All are bound to `env`, by the names of its features and actions, and checked as the student is.

    Args:
      kickstart: a KickstartConfig. teachers: `Teacher`s, (agent, params) pairs or policy records.
      agent: the student. env: what is trained in.
      policy_store: needed only if the configuration names teachers.

    Raises:
      ValueError: a teacher is named but there is no store, or a teacher does not fit the environment.
    """
    collected = [_as_teacher(teacher, index) for index, teacher in enumerate(teachers)]
    named: list[tuple[str, str, KickstartTeacherConfig | KickstartConfig]] = [
        (f"kickstart.additional_teachers[{index}]", entry.teacher_uri, entry)
        for index, entry in enumerate(kickstart.additional_teachers or ())
    ]
    if kickstart.teacher_uri is not None:
        named.append(("kickstart.teacher_uri", kickstart.teacher_uri, kickstart))
    for field, uri, entry in named:
        if policy_store is None:
            raise ValueError(f"{field}: {uri!r} needs a policy store; give policy_store= or teachers=")
        record = policy_store.policy_record(uri)
        collected.append(Teacher(record.agent, record.params, entry.action_loss_coef, entry.value_loss_coef, name=uri))
    return tuple(_bound(teacher, kickstart, agent, env) for teacher in collected)


def check_teacher(teacher: Teacher, agent: Policy) -> None:
    """Raise ValueError unless the teacher's flat actions are those of `agent`."""
    ours, theirs = np.asarray(agent.flat_actions), np.asarray(teacher.agent.flat_actions)
    names, teacher_names = _action_names(agent), _action_names(teacher.agent)
    if not np.array_equal(ours, theirs):
        raise ValueError(
            f"teachers: {teacher.name!r} has {theirs.shape[0]} flat actions {teacher_names or ''}, the "
            f"environment has {ours.shape[0]} {names or ''}; bind the teacher to this environment first"
        )
    if names and teacher_names and names != teacher_names:
        raise ValueError(
            f"teachers: {teacher.name!r} has the actions {teacher_names}, the environment has {names}; "
            "bind the teacher to this environment first"
        )


def _bound(teacher: Teacher, kickstart: KickstartConfig, agent: Policy, env: BatchEnv) -> Teacher:
    """The teacher bound to `env` and with coefficients."""
    try:
        bound = teacher.agent.bind(env)
        action, value = _weighed(teacher, kickstart)
        teacher = replace(teacher, agent=bound, action_loss_coef=action, value_loss_coef=value)
        check_teacher(teacher, agent)
        validate_policy_environment_match(bound, env)
    except ValueError as error:
        text = str(error)
        raise ValueError(text if text.startswith("teachers: ") else f"teachers: {teacher.name!r}: {text}") from None
    return teacher


def _weighed(teacher: Teacher, kickstart: KickstartConfig) -> tuple[float, float]:
    """Coefficients of the action and of the value loss."""
    action, value = teacher.action_loss_coef, teacher.value_loss_coef
    return (
        kickstart.action_loss_coef if action is None else action,
        kickstart.value_loss_coef if value is None else value,
    )


def _as_teacher(teacher: Any, index: int) -> Teacher:
    if isinstance(teacher, Teacher):
        return teacher
    name = f"teachers[{index}]"
    if isinstance(teacher, tuple):
        agent, params = teacher
        return Teacher(agent, params, name=name)
    agent, params = getattr(teacher, "agent", None), getattr(teacher, "params", None)
    if agent is not None and params is not None:
        return Teacher(agent, params, name=str(getattr(teacher, "uri", name)))
    raise ValueError(f"{name}: {type(teacher).__name__} is not a Teacher, an (agent, params) pair or a policy record")


def _action_names(agent: Policy) -> tuple[str, ...]:
    """Names of the flat actions, () if the agent does not say."""
    space = getattr(agent, "action_space", None)
    return tuple(getattr(agent, "action_names", ()) if space is None else space.full_names())
