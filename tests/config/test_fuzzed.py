"""Configurations drawn at random: what is accepted can be played and trained.

What is refused says which field, which value, and what is allowed.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metta_jax.config import Config, ConfigError, GameConfig, TrainerConfig
from metta_jax.mettagrid import MettaGrid
from metta_jax.rl import TrainingComponents
from tests.config.test_every_class import CLASSES, REQUIRED
from tests.mettagrid.small_world import MAP, game
from tests.rl.probes import ProbeAgent, ProbeEnv

FEW, MANY = 60, 1000
ODD = st.one_of(
    st.sampled_from(
        [None, True, False, "", "7", "x", b"7", [], {}, [1], {"a": 1}, (), object(), 3 + 4j, np.array([1, 2])]
    ),
    st.sampled_from([0, -1, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**63, -(2**70), np.int8(3)]),
    st.sampled_from(
        [0.0, -0.0, 1.0, 0.99999999, 1e-30, 5e-324, 1e39, 1e300, float("nan"), float("inf"), np.float32(0.5)]
    ),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
)


ROOM = {"type": "MapGen", "width": 5, "height": 5, "root": {"type": "Random", "objects": {"wall": 1}, "agents": 2}}


def example_of(kind: type[Config]) -> dict[str, Any]:
    if kind.__name__ == "GameConfig":
        return game()
    if kind.__name__ == "EnvConfig":
        return {"game": game(), "map_builder": ROOM}
    return REQUIRED.get(kind.__name__, {})


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything in nested mappings and lists."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list | tuple) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    result = dict(data) if isinstance(data, dict) else list(data)
    result[path[0]] = changed(data[path[0]], path[1:], value)
    return result


@st.composite
def nearly_valid(draw: st.DrawFn) -> tuple[type[Config], dict[str, Any], tuple[Any, ...], Any]:
    kind = draw(st.sampled_from(CLASSES))
    data = kind(example_of(kind)).model_dump(mode="json")
    path = draw(st.sampled_from(places(data)[1:]))
    value = draw(ODD)
    return kind, changed(data, path, value), path, value


def check_refusal(case: tuple[type[Config], dict[str, Any], tuple[Any, ...], Any]) -> None:
    kind, data, path, _ = case
    before = repr(data)
    try:
        config = kind(data)
    except ConfigError as error:
        text = str(error)
        assert any(str(part) in text for part in path), text
        return
    finally:
        assert repr(data) == before
    assert hash(config) == hash(kind(data))
    assert kind.model_validate(config.model_dump()) == config


@settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck))
@given(nearly_valid())
def test_refusals_name_the_field(case: Any) -> None:
    check_refusal(case)


@pytest.mark.slow
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
@given(nearly_valid())
def test_refusals_name_the_field_many_times(case: Any) -> None:
    check_refusal(case)


BYTE = st.integers(0, 255)
REWARD = st.floats(-1e9, 1e9, width=32) | st.sampled_from([1e9, -1e9, 1e-9])


@st.composite
def games(draw: st.DrawFn) -> dict[str, Any]:
    """Games of one shape, whose numbers lie anywhere in what is allowed."""
    mine = {
        "type_id": 2,
        "output_resources": {"ore": draw(BYTE)},
        "max_output": draw(st.integers(0, 32767)),
        "conversion_ticks": draw(st.sampled_from([1, 2, 65535])),
        "cooldown": draw(st.sampled_from([0, 1, 65535])),
        "initial_resource_count": draw(BYTE),
        "color": draw(BYTE),
    }
    agent = {
        "default_resource_limit": draw(BYTE),
        "freeze_duration": draw(BYTE),
        "action_failure_penalty": abs(draw(REWARD)),
        "rewards": {"inventory": {"ore": draw(REWARD), "ore_max": draw(REWARD | st.none())}},
    }
    return game(
        max_steps=draw(st.sampled_from([0, 1, 2, 3, 2**31 - 1])),
        agent=agent,
        groups={"agent": {"id": draw(BYTE), "group_reward_pct": draw(st.floats(0, 1))}},
        objects={"wall": {"type_id": draw(st.integers(3, 255))}, "mine": mine},
        resource_reward_cap="per_item",
    )


def check_play(config: dict[str, Any]) -> None:
    env = MettaGrid(GameConfig.model_validate(config), [MAP], stats="none")
    state, _ = env.reset(env.params, jax.random.key(0), 0)
    for action in ((0, 0), (3, 1), (0, 0), (9, 9)):
        state, timestep = env.step(env.params, state, np.full((2, 2), action, np.int32))
        assert np.isfinite(timestep.reward).all()
    assert np.isfinite(state.episode_return).all()


@settings(max_examples=FEW, deadline=None, suppress_health_check=list(HealthCheck))
@given(games())
def test_accepted_games_are_played(config: dict[str, Any]) -> None:
    check_play(config)


@pytest.mark.slow
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))
@given(games())
def test_accepted_games_are_played_many_times(config: dict[str, Any]) -> None:
    check_play(config)


def extreme(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


# What is static. Numbers compile nothing, so that a thousand configurations need no more programs than there are kinds.
KINDS = (
    {"type": "adam", "norm_adv": True, "clip_vloss": True, "warmup": None, "interval": 0, "l2": False, "kl": False},
    {"type": "adam", "norm_adv": False, "clip_vloss": True, "warmup": 3, "interval": 1, "l2": True, "kl": False},
    {"type": "adam", "norm_adv": True, "clip_vloss": False, "warmup": 3, "interval": 0, "l2": False, "kl": True},
    {"type": "muon", "norm_adv": True, "clip_vloss": True, "warmup": None, "interval": 1, "l2": True, "kl": True},
    {"type": "muon", "norm_adv": False, "clip_vloss": False, "warmup": 3, "interval": 0, "l2": False, "kl": False},
)


@st.composite
def trainers(draw: st.DrawFn) -> dict[str, Any]:
    """Numbers at the ends of what is allowed, and beyond."""
    kind = draw(extreme(*KINDS))
    coefficient = extreme(0.0, 1e-30, 1.0, 1e6)
    used = extreme(1e-30, 1.0, 1e6)
    return {
        "batch_size": 32,
        "minibatch_size": 16,
        "bptt_horizon": 4,
        "total_timesteps": draw(extreme(1, 100, 2**62)),
        "grad_mean_variance_interval": draw(extreme(1, 2**31 - 1)) if kind["interval"] else 0,
        "optimizer": {
            "type": kind["type"],
            "learning_rate": draw(extreme(1e-30, 1e-3, 1.0)),
            "beta1": draw(extreme(0.0, 0.9, 0.9999999, 1.0)),
            "beta2": draw(extreme(0.0, 0.999, 0.9999999)),
            "eps": draw(extreme(1e-18, 1e-12, 1.0)),
            "weight_decay": draw(extreme(0.0, 0.5, 2.0)),
        },
        "ppo": {
            "gamma": draw(extreme(0.0, 0.9, 1.0)),
            "gae_lambda": draw(extreme(0.0, 0.9, 1.0)),
            "clip_coef": draw(extreme(1e-30, 0.1, 1.0)),
            "ent_coef": draw(coefficient),
            "vf_coef": draw(coefficient),
            "l2_reg_loss_coef": draw(used) if kind["l2"] else 0.0,
            "l2_init_loss_coef": draw(used) if kind["l2"] else 0.0,
            "vf_clip_coef": draw(extreme(0.0, 0.1, 3e38)),
            "max_grad_norm": draw(extreme(2e-38, 0.5, 3e38)),
            "norm_adv": kind["norm_adv"],
            "clip_vloss": kind["clip_vloss"],
            "target_kl": draw(extreme(2e-38, 1.0)) if kind["kl"] else None,
        },
        "vtrace": {"vtrace_rho_clip": draw(extreme(2e-38, 1.0, 3e38)), "vtrace_c_clip": draw(extreme(1.0, 3e38))},
        "prioritized_experience_replay": {"prio_alpha": draw(extreme(0.0, 1.0)), "prio_beta0": draw(extreme(0.0, 1.0))},
        "lr_scheduler": {"enabled": True, "warmup_steps": draw(extreme(1, 2**31 - 1))} if kind["warmup"] else {},
    }


@functools.cache
def players() -> tuple[ProbeEnv, ProbeAgent]:
    return ProbeEnv(game="memory", episode_length=4), ProbeAgent()


def check_training(data: dict[str, Any]) -> None:
    try:
        config = TrainerConfig.model_validate(data)
    except ConfigError:
        return  # see above for what it says
    training = TrainingComponents.create(*players(), config)
    state = training.init(jax.random.key(0))
    state, _ = training.update(*training.rollout(state))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params)), data


@pytest.mark.slow
@settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(trainers())
def test_accepted_trainers_train(data: dict[str, Any]) -> None:
    check_training(data)
    num_programs = len({id(programs) for programs in vars(players()[0])["_training_programs"].values()})
    assert num_programs <= len(KINDS)
