"""Learning from frozen teachers during the first part of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.rl.train_state import StepCounter


@dataclass(frozen=True, eq=False)
class Teacher:
    """A policy to imitate, bound to the environment that is trained in."""

    agent: Any
    params: Any
    action_loss_coef: float = 1.0
    value_loss_coef: float = 1.0
    name: str = "teacher"


@dataclass(frozen=True)
class Kickstarter:
    """The kickstart loss as a pure function: `kickstarter(...) -> (ks_action_loss, ks_value_loss)`."""

    action_loss_coefs: tuple[float, ...]
    value_loss_coefs: tuple[float, ...]
    kickstart_steps: int
    anneal_ratio: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.anneal_ratio <= 1.0:
            raise ValueError(f"kickstart.anneal_ratio: {self.anneal_ratio}. Anneal_ratio must be between 0 and 1.")

    @property
    def num_teachers(self) -> int:
        return len(self.action_loss_coefs)

    def active(self, agent_step: StepCounter) -> jax.Array:
        """Whether teachers still count, bool []: agent_step <= kickstart_steps."""
        return agent_step.remaining(self.kickstart_steps) >= 0.0

    def factor(self, agent_step: StepCounter) -> jax.Array:
        """Weight of the teachers, float32 []: 1, then linear to 0 over the last `anneal_ratio` of kickstart_steps."""
        remaining = agent_step.remaining(self.kickstart_steps)
        ramp = 1.0
        if self.anneal_ratio > 0.0:
            ramp = jnp.clip(remaining / (self.kickstart_steps * self.anneal_ratio), 0.0, 1.0)
        return jnp.where(remaining >= 0.0, ramp, 0.0).astype(jnp.float32)

    def __call__(
        self,
        log_probs: jax.Array,
        values: jax.Array,
        teacher_log_probs: Sequence[jax.Array],
        teacher_values: Sequence[jax.Array],
        agent_step: StepCounter,
    ) -> tuple[jax.Array, jax.Array]:
        """Both losses, float32 [], with f = factor(agent_step):

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


def create_kickstarter(teachers: Sequence[Teacher], kickstart: Any) -> Kickstarter:
    """The loss for `teachers` under a KickstartConfig."""
    return Kickstarter(
        action_loss_coefs=tuple(float(teacher.action_loss_coef) for teacher in teachers),
        value_loss_coefs=tuple(float(teacher.value_loss_coef) for teacher in teachers),
        kickstart_steps=kickstart.kickstart_steps,
        anneal_ratio=kickstart.anneal_ratio,
    )


def collect_teachers(
    kickstart: Any, teachers: Sequence[Any], agent: Any, env: Any, policy_store: Any
) -> tuple[Teacher, ...]:
    """Given teachers first, then those the configuration names: additional_teachers, then teacher_uri.

    Args:
        kickstart: a KickstartConfig. teachers: `Teacher`s, (agent, params) pairs or policy records, bound to `env`.
        agent: the student. env: what teachers of the configuration are bound to.
        policy_store: needed only if the configuration names teachers.

    Raises:
        ValueError: a teacher is named but there is no store, or a teacher's actions are not the student's.
    """
    collected = [_as_teacher(teacher, index) for index, teacher in enumerate(teachers)]
    named = [
        (f"kickstart.additional_teachers[{index}]", entry)
        for index, entry in enumerate(kickstart.additional_teachers or ())
    ]
    if kickstart.teacher_uri is not None:
        named.append(("kickstart.teacher_uri", kickstart))
    for field, entry in named:
        if policy_store is None:
            raise ValueError(f"{field}: {entry.teacher_uri!r} needs a policy store; give policy_store= or teachers=")
        record = policy_store.policy_record(entry.teacher_uri)
        bound = record.agent.bind(env) if hasattr(record.agent, "bind") else record.agent
        collected.append(
            Teacher(bound, record.params, entry.action_loss_coef, entry.value_loss_coef, name=entry.teacher_uri)
        )
    for teacher in collected:
        check_teacher(teacher, agent)
    return tuple(collected)


def check_teacher(teacher: Teacher, agent: Any) -> None:
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


def _action_names(agent: Any) -> tuple[str, ...]:
    """Names of the flat actions, () if the agent does not tell."""
    space = getattr(agent, "action_space", None)
    return tuple(getattr(agent, "action_names", ()) if space is None else space.full_names())
