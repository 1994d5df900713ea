from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.config import KickstartConfig
from metta_jax.rl import Kickstarter, StepCounter, Teacher, TrainingComponents
from metta_jax.rl.kickstart import collect_teachers, create_kickstarter
from metta_jax.store import PolicyRecord
from metta_jax.worlds.environment import Environment
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import assert_same, config, variant

STUDENT = jnp.log(jnp.array([[[0.5, 0.5], [0.25, 0.75]]]))
TEACHERS = (jnp.log(jnp.array([[[0.9, 0.1], [0.2, 0.8]]])), jnp.log(jnp.array([[[0.5, 0.5], [0.5, 0.5]]])))
VALUES, TEACHER_VALUES = jnp.array([[1.0, 2.0]]), (jnp.array([[2.0, 4.0]]), jnp.array([[1.0, 3.0]]))


def _kickstarter(
    action_coefs: tuple[float, ...], value_coefs: tuple[float, ...], *, kickstart_steps: int, anneal_ratio: float
) -> Kickstarter:
    teachers = [Teacher(None, None, action, value) for action, value in zip(action_coefs, value_coefs, strict=True)]
    return create_kickstarter(teachers, KickstartConfig(kickstart_steps=kickstart_steps, anneal_ratio=anneal_ratio))


def test_losses_by_hand() -> None:
    kickstarter = _kickstarter((1.0, 0.5), (0.1, 3.0), kickstart_steps=1000, anneal_ratio=0.4)
    action, value = kickstarter(STUDENT, VALUES, TEACHERS, TEACHER_VALUES, StepCounter.create(800))
    first = -(np.log(0.5) + 0.2 * np.log(0.25) + 0.8 * np.log(0.75)) / 2
    second = -(np.log(0.5) + 0.5 * np.log(0.25) + 0.5 * np.log(0.75)) / 2
    # f = (1000 - 800) / (0.4 * 1000) = 0.5
    assert float(action) == pytest.approx(0.5 * (first + 0.5 * second), rel=1e-5)
    assert float(value) == pytest.approx(0.5 * (0.1 * (1.0 + 4.0) / 2 + 3.0 * 1.0 / 2), rel=1e-5)


@pytest.mark.parametrize(
    ("step", "ratio", "factor"),
    [
        (0, 0.4, 1.0),
        (600, 0.4, 1.0),
        (900, 0.4, 0.25),
        (1000, 0.4, 0.0),
        (1000, 0.0, 1.0),
        (1001, 0.0, 0.0),
        (1001, 0.4, 0),
    ],
)
def test_factor(step: int, ratio: float, factor: float) -> None:
    kickstarter = _kickstarter((1.0,), (1.0,), kickstart_steps=1000, anneal_ratio=ratio)
    assert float(kickstarter.factor(StepCounter.create(step))) == pytest.approx(factor, rel=1e-6)
    assert bool(kickstarter.active(StepCounter.create(step))) == (step <= 1000)


def test_long_kickstart() -> None:
    kickstarter = _kickstarter((1.0,), (1.0,), kickstart_steps=10**11, anneal_ratio=0.5)
    assert float(kickstarter.factor(StepCounter.create(75 * 10**9))) == pytest.approx(0.5, rel=1e-6)


def test_without_teachers_there_is_no_loss() -> None:
    kickstarter = _kickstarter((), (), kickstart_steps=1000, anneal_ratio=0.4)
    action, value = kickstarter(STUDENT, VALUES, (), (), StepCounter.create(0))
    assert float(action) == float(value) == 0.0


@pytest.mark.parametrize("ratio", [-0.5, 1.5])
def test_anneal_ratio_is_checked(ratio: float) -> None:
    kickstart = KickstartConfig.model_construct(kickstart_steps=1, anneal_ratio=ratio)
    with pytest.raises(ValueError, match="Anneal_ratio must be between 0 and 1"):
        create_kickstarter([], kickstart)


def test_teacher_is_recorded_while_it_counts() -> None:
    training = variant("original")  # 500 kickstart steps, 6 agents, 24 slots a rollout
    state, batch = training.rollout(training.init(jax.random.key(0)))
    assert_same(state.teacher_params[0], training.plan.teachers[0].params)
    probabilities = np.exp(np.asarray(batch.teacher_log_probs[0])).sum(axis=-1)
    np.testing.assert_allclose(probabilities, 1.0, rtol=1e-5)
    # The teacher's own recurrent state has been carried: its first slot is that of a fresh state, the last is not.
    teacher = training.plan.teachers[0]
    fresh = teacher.agent.initial_state(training.segments)
    rows = batch.observation[:, -1]
    (_, _, _, value, _), _ = teacher.agent.apply(teacher.params, rows, fresh, key=jax.random.key(0))
    assert float(jnp.abs(value[:, 0] - batch.teacher_values[0][:, -1]).max()) > 1e-3
    while int(state.agent_step) <= 500:
        state, _ = training.rollout(state)
    _, batch = training.rollout(state)
    assert not np.asarray(batch.teacher_log_probs[0]).any()
    assert not np.asarray(batch.teacher_values[0]).any()


def test_teachers_of_the_configuration_come_from_the_store() -> None:
    agent = ProbeAgent()
    kickstart = KickstartConfig.model_validate(
        {
            "teacher_uri": "file://last",
            "action_loss_coef": 0.25,
            "additional_teachers": [{"teacher_uri": "file://first", "value_loss_coef": 0.5}],
        }
    )
    asked = []

    def policy_record(uri: str) -> SimpleNamespace:
        asked.append(uri)
        return SimpleNamespace(agent=agent, params={"of": uri})

    teachers = collect_teachers(kickstart, (), agent, ProbeEnv(), SimpleNamespace(policy_record=policy_record))
    assert asked == ["file://first", "file://last"]
    assert [t.params["of"] for t in teachers] == asked
    assert [(t.action_loss_coef, t.value_loss_coef) for t in teachers] == [(1.0, 0.5), (0.25, 1.0)]
    with pytest.raises(ValueError, match=r"kickstart.additional_teachers\[0\]: 'file://first' needs a policy store"):
        collect_teachers(kickstart, (), agent, ProbeEnv(), None)


def test_teacher_for_other_actions_is_rejected() -> None:
    env, agent = ProbeEnv(), ProbeAgent()
    more = dataclasses.replace(agent, num_flat_actions=5, action_names=tuple("abcde"))
    with pytest.raises(ValueError, match=r"teachers: 'big' has 5 flat actions .*environment has 3 .*bind the teacher"):
        TrainingComponents.create(env, agent, config(), teachers=[Teacher(more, {}, name="big")])
    renamed = dataclasses.replace(agent, action_names=("zero", "two", "one"))
    with pytest.raises(ValueError, match=r"teachers: 'teachers\[0\]' has the actions \('zero', 'two', 'one'\)"):
        TrainingComponents.create(env, agent, config(), teachers=[(renamed, {})])
    with pytest.raises(ValueError, match=r"teachers\[0\]: int is not a Teacher"):
        TrainingComponents.create(env, agent, config(), teachers=[3])


def _simple_teacher_in_forage() -> tuple[Any, Agent, Agent, Any]:
    simple, forage = (Environment(name, num_envs=1, num_maps=1) for name in ("simple", "forage"))
    agent = Agent(simple, "fast")
    return forage, Agent(forage, "fast"), agent, agent.init(jax.random.key(5))


@pytest.mark.parametrize("form", ["record", "pair", "teacher"])
def test_given_teachers_are_bound_by_name_as_the_student_is(form: str) -> None:
    env, student, agent, params = _simple_teacher_in_forage()
    given: Any = {
        "record": PolicyRecord(None, "old", None, {}, agent=agent, params=params),
        "pair": (agent, params),
        "teacher": Teacher(agent, params),
    }[form]
    (teacher,) = collect_teachers(KickstartConfig(), [given], student, env, None)
    ids = {name: int(entry["id"]) for name, entry in env.get_observation_features().items()}
    own = agent.names.feature_ids
    table = np.asarray(teacher.agent.tables.feature_remap)
    assert any(own.get(name) != env_id for name, env_id in ids.items()), "the worlds number features differently"
    assert {name: int(table[env_id]) for name, env_id in ids.items()} == {name: own.get(name, 255) for name in ids}


def test_coefficients_of_the_configuration_count_for_given_teachers() -> None:
    env, agent = ProbeEnv(), ProbeAgent()
    kickstart = KickstartConfig(action_loss_coef=0.25, value_loss_coef=0.5)
    record = SimpleNamespace(agent=agent, params={"of": "record"}, uri="file://r")
    teachers = collect_teachers(
        kickstart, [record, (agent, {}), Teacher(agent, {}), Teacher(agent, {}, 2.0, 3.0)], agent, env, None
    )
    coefs = [(teacher.action_loss_coef, teacher.value_loss_coef) for teacher in teachers]
    assert coefs == [(0.25, 0.5), (0.25, 0.5), (0.25, 0.5), (2.0, 3.0)]
    made = create_kickstarter(teachers, kickstart).action_loss_coefs
    assert [float(coef) for coef in made] == [0.25, 0.25, 0.25, 2.0]


def test_teacher_with_another_window_is_rejected() -> None:
    env, student, _, params = _simple_teacher_in_forage()
    small = Environment("simple", num_envs=1, num_maps=1)
    seen = SimpleNamespace(
        action_names=small.action_names,
        max_action_args=small.max_action_args,
        get_observation_features=small.get_observation_features,
        obs_width=7,
        obs_height=11,
        num_observation_tokens=small.num_observation_tokens,
    )
    tokens = Agent(seen, "latent_attn_tiny")
    with pytest.raises(ValueError, match=r"teachers: 'teachers\[0\]': .*window of \(11, 7\).*\(11, 11\)"):
        collect_teachers(KickstartConfig(), [(tokens, params)], student, env, None)
