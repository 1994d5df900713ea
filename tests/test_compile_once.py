"""Every public function of arrays, called without a jit around it, compiles nothing from its third call on.

A function that compiled in each call would be slow, and worse: every program takes memory maps of the process, which
dies when it has too many of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax import api
from metta_jax.mapgen import RandomRoom
from metta_jax.mettagrid.fresh_maps import fresh_maps
from tests.agent.facts import small_config
from tests.curriculum.test_curriculum import nested
from tests.mettagrid.small_world import MAP, game_config

_EVENT = "/jax/core/compile/backend_compile_duration"
_compiled: list[str] = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, seconds, **_: _compiled.append(name) if name == _EVENT else None
)


@contextmanager
def compiles_nothing():
    before = len(_compiled)
    yield
    assert len(_compiled) == before, f"{len(_compiled) - before} programs were compiled"


def key(number: int) -> jax.Array:
    return jax.random.key(number)


@functools.cache
def grid() -> api.MettaGrid:
    return api.MettaGrid(game_config(), [MAP])


@functools.cache
def environment() -> api.Environment:
    return api.Environment(env_config=_env_config(), num_envs=2, num_maps=1)


@functools.cache
def agent() -> api.Agent:
    return api.Agent(environment(), small_config() | {"clip_range": 1.0})


@functools.cache
def training() -> api.TrainingComponents:
    config = api.TrainerConfig(batch_size=32, minibatch_size=16, bptt_horizon=4)
    return api.TrainingComponents.create(environment(), agent(), config)


@functools.cache
def rollout() -> tuple[api.TrainState, api.MinibatchLoss | Any]:
    """A state after a rollout, and a minibatch of it."""
    state, batch = training().rollout(training().init(key(0)))
    advantages = training().compute_advantages(batch)
    return state, training().sample_minibatch(key(1), batch, advantages, 1.0)


@functools.cache
def curriculum(kind: str) -> api.Curriculum:
    tasks: Any = ["arena/basic_easy", "arena/basic"]
    if kind == "nested":
        return nested()
    return api.make_curriculum({"kind": kind, "tasks": tasks})


def _env_config() -> dict[str, Any]:
    room = RandomRoom(width=3, height=3, border_width=1, agents=2, objects={"mine": 1})
    return {"game": game_config(), "map_builder": room}


def _with_state(start: Callable[[], Any], step: Callable[[Any, int], Any]) -> Callable[[int], Any]:
    """Calls that continue from each other's state."""
    last: list[Any] = []

    def call(turn: int) -> Any:
        if not last:
            last.append(start())
        last[0] = step(last[0], turn)
        return last[0]

    return call


def _rows(turn: int) -> list[jax.Array]:
    return [jnp.full((3, 4), turn, jnp.float32) for _ in range(4)]


def _agent_call(method: str, **options: Any) -> Callable[[int], Any]:
    def call(turn: int) -> Any:
        observation = np.zeros((2, 24, 3), np.uint8) if method == "act_numpy" else jnp.zeros((2, 24, 3), jnp.uint8)
        seed = {"seed": turn} if method == "act_numpy" else {"key": key(turn)}
        return getattr(agent(), method)(_params(), observation, **seed, **options)

    return call


@functools.cache
def _params() -> Any:
    return agent().init(key(0))


def _advantage(estimator: str, has_next: bool) -> Callable[[int], Any]:
    def call(turn: int) -> Any:
        last = jnp.zeros((3,), jnp.float32)
        following = {"next_value": last, "next_reward": last, "next_done": last} if has_next else {}
        return api.compute_advantage(*_rows(turn), gamma=0.9, gae_lambda=0.9, estimator=estimator, **following)

    return call


def _training_calls() -> dict[str, Callable[[int], Any]]:
    def state() -> Any:
        return rollout()[0]

    def copied() -> Any:
        return jax.tree.map(jnp.copy, state())  # train_step donates it

    def plan_call(turn: int) -> Any:
        return api.perform_rollout_step(
            training().plan, environment().params, state().replace(position=jnp.int32(turn))
        )

    def gradient(function: Callable[..., Any]) -> Callable[[int], Any]:
        return lambda turn: function(
            training().plan, state().params, rollout()[1], reference={}, agent_step=state().agent_step
        )

    def update(turn: int) -> Any:
        return training().update(state(), state().experience)

    def phases(turn: int) -> Any:
        bundle, new = training(), state()
        new = bundle.reset_training_state(new)
        new, loss = bundle.train_minibatch(new, rollout()[1])
        bundle.write_back(new.experience, rollout()[1], loss)
        new = bundle.finish_epoch(bundle.optimize_step(new, 1))
        bundle.exceeds_target_kl(new)
        new = bundle.finish_update(new, new.experience, bundle.compute_advantages(new.experience))
        return bundle.metrics(new, new.experience)

    return {
        "TrainingComponents.init": lambda turn: training().init(key(turn)),
        "TrainingComponents.split_key": lambda turn: training().split_key(state()),
        "TrainingComponents.rollout_step": lambda turn: api.unpack_infos(
            training().rollout_step(training().reset_for_rollout(state()))[1]
        ),
        "TrainingComponents.rollout": lambda turn: training().rollout(state()),
        "TrainingComponents.update": update,
        "TrainingComponents.phases": phases,
        "TrainingComponents.episode_stats": lambda turn: training().episode_stats(state()),
        "TrainingComponents.train_step": _with_state(copied, lambda s, turn: training().train_step(s)[0]),
        "accumulate_rollout_stats": lambda turn: api.accumulate_rollout_stats(
            training().rollout_step(training().reset_for_rollout(state()))[1]
        ),
        "compute_gradient_stats": lambda turn: api.compute_gradient_stats(state()),
        "loss_stats": lambda turn: api.loss_stats(state().losses),
        "minibatch_loss": gradient(api.minibatch_loss),
        "perform_rollout_step": plan_call,
        "process_minibatch_update": gradient(api.process_minibatch_update),
        "get_lstm_config": lambda turn: api.get_lstm_config(agent()),
        "init_population": lambda turn: api.init_population(training(), jax.random.split(key(turn), 2)),
        "shard_train_state": lambda turn: api.shard_train_state(training(), state(), 1),
    }


def _curriculum_calls(kind: str) -> dict[str, Callable[[int], Any]]:
    def at() -> api.Curriculum:
        return curriculum(kind)

    @functools.cache
    def state() -> api.CurriculumState:
        return at().init()

    def complete(state: Any, turn: int) -> Any:
        return at().complete(state, at().sample(state, key(turn)), jnp.float32(0.7))

    def advance(turn: int) -> Any:
        tasks, scores = jnp.zeros((3,), jnp.int32), jnp.zeros((3,), jnp.float32)
        return at().advance(state(), tasks, scores, jnp.ones((3,), bool), jax.random.split(key(turn), 3))

    return {
        f"Curriculum.init/{kind}": lambda turn: at().init(key(turn)),
        f"Curriculum.sample/{kind}": lambda turn: at().sample(state(), key(turn)),
        f"Curriculum.complete/{kind}": _with_state(lambda: state(), complete),
        f"Curriculum.advance/{kind}": advance,
        f"Curriculum.probabilities/{kind}": lambda turn: at().probabilities(state()),
        f"Curriculum.stats/{kind}": lambda turn: at().stats(state()),
        f"Curriculum.begin_rollout/{kind}": lambda turn: at().begin_rollout(state()),
    }


def _env_calls() -> dict[str, Callable[[int], Any]]:
    def play_grid(state: Any, turn: int) -> Any:
        return grid().step(grid().params, state, np.zeros((2, 2), np.int32))[0]

    def in_order(state: Any, turn: int) -> Any:
        order = np.arange(2, dtype=np.int32)
        return grid().step(grid().params, state, jnp.zeros((2, 2), jnp.int32), order)[0]

    def play_env(state: Any, turn: int) -> Any:
        return environment().step(environment().params, state, jnp.zeros((2, 2, 2), jnp.int32))[0]

    def play_many(states: Any, turn: int) -> Any:
        actions = jnp.zeros((3, 2, 2), jnp.int32)
        return jax.vmap(grid().step, in_axes=(None, 0, 0))(grid().params, states, actions)[0]

    def start_many() -> Any:
        return jax.vmap(grid().reset, in_axes=(None, 0))(grid().params, jax.random.split(key(0), 3))[0]

    map_fn = functools.cache(lambda: fresh_maps(environment().mettagrid, _env_config()["map_builder"]))
    return {
        "MettaGrid.reset": lambda turn: grid().reset(grid().params, key(turn)),
        "MettaGrid.reset(map_index)": lambda turn: grid().reset(grid().params, key(turn), 0),
        "MettaGrid.step": _with_state(lambda: grid().reset(grid().params, key(0))[0], play_grid),
        "MettaGrid.step(order)": _with_state(lambda: grid().reset(grid().params, key(0))[0], in_order),
        "vmap(MettaGrid.step)": _with_state(start_many, play_many),
        "Environment.reset": lambda turn: environment().reset(environment().params, key(turn)),
        "Environment.step": _with_state(lambda: environment().reset(environment().params, key(0))[0], play_env),
        "VectorEnv.reset": lambda turn: environment().vector.reset(environment().params, key(turn)),
        "Environment.params_of": lambda turn: environment().params_of(
            environment().reset(environment().params, key(turn))[0], 1
        ),
        "fresh_maps": lambda turn: map_fn()(key(turn)),
    }


CALLS: dict[str, Callable[[int], Any]] = {
    **_env_calls(),
    **_curriculum_calls("learning_progress"),
    **_curriculum_calls("prioritize_regressed"),
    **_curriculum_calls("progressive_multi_task"),
    **_curriculum_calls("nested"),
    "Agent.init": lambda turn: agent().init(key(turn)),
    "Agent.initial_state": lambda turn: agent().initial_state(2),
    "Agent.apply": _agent_call("apply"),
    "Agent.apply(greedy)": lambda turn: agent().apply(_params(), jnp.zeros((2, 24, 3), jnp.uint8), greedy=True),
    "Agent.apply(action)": lambda turn: agent().apply(
        _params(), jnp.zeros((2, 3, 24, 3), jnp.uint8), action=jnp.zeros((2, 3, 2), jnp.int32)
    ),
    "Agent.act": _agent_call("act"),
    "Agent.act_numpy": _agent_call("act_numpy"),
    "Agent.weight_limits": lambda turn: agent().weight_limits(_params()),
    "Agent.clip_weights": lambda turn: agent().clip_weights(_params(), agent().weight_limits(_params())),
    "Agent.weight_metrics": lambda turn: agent().weight_metrics(_params()),
    "PolicyDriver": lambda turn: api.PolicyDriver(agent(), _params())(np.zeros((2, 24, 3), np.uint8)),
    "compute_advantage": _advantage("importance_clipped", True),
    "compute_advantage/gae": _advantage("gae", False),
    "compute_advantage/vtrace": _advantage("vtrace", True),
    "normalize_advantage_distributed": lambda turn: api.normalize_advantage_distributed(_rows(turn)[0]),
    "calculate_explained_variance": lambda turn: api.calculate_explained_variance(*_rows(turn)[:2]),
    "calculate_prioritized_sampling_params": lambda turn: api.calculate_prioritized_sampling_params(
        epoch=turn, total_timesteps=1000, batch_size=32, prio_alpha=0.5, prio_beta0=0.5
    ),
    "calculate_anneal_beta": lambda turn: api.calculate_anneal_beta(
        epoch=turn, total_timesteps=1000, batch_size=32, prio_alpha=0.5, prio_beta0=0.5
    ),
    "compute_ppo_losses": lambda turn: api.compute_ppo_losses(
        **dict(
            zip(
                ("logprobs", "entropies", "values", "old_logprobs", "old_values", "returns", "advantages"),
                [*_rows(turn), *_rows(turn)],
                strict=False,
            )
        ),
        clip_coef=0.1,
        vf_clip_coef=0.1,
        clip_vloss=True,
    ),
    "diversity_factors": lambda turn: api.diversity_factors(
        jnp.full((4,), turn, jnp.float32), jnp.zeros((4,), jnp.int32), similarity_coef=0.1, diversity_coef=0.1
    ),
    **_training_calls(),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_third_call_compiles_nothing(name: str) -> None:
    call = CALLS[name]
    for turn in range(2):
        jax.block_until_ready(jax.tree.leaves(call(turn)))
    with compiles_nothing():
        jax.block_until_ready(jax.tree.leaves(call(2)))
