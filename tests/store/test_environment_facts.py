"""A training state resumes only in an environment that has what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import pytest

from metta_jax.agent import Agent
from metta_jax.config import TrainerConfig
from metta_jax.rl import TrainingComponents
from metta_jax.store import load_train_state, save_train_state
from metta_jax.store.environment_facts import check_environment, environment_facts
from metta_jax.worlds.environment import Environment
from tests.rl.training import assert_same

SIZES: dict[str, Any] = {"num_agents": 2, "width": 8, "height": 8}


def _env(**options: Any) -> Environment:
    return Environment("default", **{**SIZES, "num_envs": 2, "num_maps": 3, **options})


def _training(env: Environment) -> TrainingComponents:
    config = TrainerConfig(batch_size=16, minibatch_size=16, bptt_horizon=4, total_timesteps=64)
    return TrainingComponents.create(env, Agent(env, "fast"), config)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"num_maps": 2}, "^num_maps: the training state was made with 3, this is 2$"),
        ({"seed": 1}, "^maps: the training state was made with different maps than this environment has$"),
        ({"num_envs": 4}, "^num_envs: the training state was made with 2, this is 4$"),
        ({"num_agents": 3}, "^num_agents: the training state was made with 2, this is 3$"),
        ({"width": 9}, "^map_width: the training state was made with "),
        (
            {"curriculum_path": "forage", "num_agents": None, "width": None, "height": None},
            "the training state was made",
        ),
    ],
    ids=str,
)
def test_what_is_refused(change: dict[str, Any], problem: str) -> None:
    facts = environment_facts(_env())
    with pytest.raises(ValueError, match=problem):
        path = change.get("curriculum_path", "default")
        options = {**SIZES, "num_envs": 2, "num_maps": 3, **change, "curriculum_path": path}
        check_environment(facts, Environment(**options))


def test_names_are_facts_too() -> None:
    env = _env()
    facts = environment_facts(env)
    check_environment(facts, env)
    for name in ("features", "action_names", "task_names", "num_observation_tokens", "inventory_item_names"):
        assert name in facts
        with pytest.raises(ValueError, match=f"^{name}: the training state was made with"):
            check_environment({**facts, name: 7 if name.startswith("num") else ["other"]}, env)


def test_what_is_not_known_is_not_checked() -> None:
    check_environment({}, _env())
    assert environment_facts(object()) == {}
    check_environment(environment_facts(_env()), object())


def test_more_maps_will_do_if_the_old_ones_are_the_first() -> None:
    check_environment(environment_facts(_env()), _env(num_maps=5))


def test_a_state_is_not_loaded_into_fewer_maps(tmp_path: Path) -> None:
    training = _training(_env())
    state = training.init(jax.random.key(0))
    save_train_state(tmp_path, state, training)
    loaded = load_train_state(tmp_path, training)
    assert_same(loaded, state)
    with pytest.raises(ValueError, match="^num_maps: the training state was made with 3, this is 1$"):
        load_train_state(tmp_path, _training(_env(num_maps=1)))
    with pytest.raises(ValueError, match="^num_maps: the training state was made with 3, this is 1$"):
        load_train_state(tmp_path, _training(_env(num_maps=1)), like=state)
