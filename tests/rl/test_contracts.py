"""Classes of one's own: what keeps the contract passes, what breaks it is told where."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent, Policy, PolicyOutput
from metta_jax.mettagrid import BatchEnv
from metta_jax.rl import TrainingComponents, check_env, check_policy
from metta_jax.trainer import run_training
from metta_jax.worlds.environment import Environment
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config

TOKENS = 2


class Timestep(dict):
    """Someone else's way to hold fields."""

    __getattr__ = dict.__getitem__


jax.tree_util.register_pytree_node(
    Timestep, lambda t: (tuple(t.values()), tuple(t)), lambda names, values: Timestep(zip(names, values, strict=True))
)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class CountingState:
    count: jax.Array
    observation: jax.Array


class CountingEnv(BatchEnv):
    """Two agents that see how many steps have passed; the action of that parity earns 1. Nothing of ours in it."""

    num_envs, num_agents = 3, 2
    obs_width = obs_height = 1
    num_observation_tokens = TOKENS
    action_names = ("even", "odd")
    max_action_args = (0, 0)
    params: Any = ()
    length = 4

    def reset(self, params: Any, key: jax.Array) -> tuple[Any, Any]:
        count = jax.random.randint(key, (self.num_envs,), 0, self.length, jnp.int32)
        return self._now(count, jnp.zeros((self.num_envs, self.num_agents), jnp.float32), jnp.zeros_like(count, bool))

    def step(self, params: Any, state: Any, actions: jax.Array) -> tuple[Any, Any]:
        reward = (actions[..., 0] == state.count[:, None] % 2).astype(jnp.float32)
        count = state.count + 1
        done = count == self.length
        return self._now(jnp.where(done, 0, count), reward, done)

    def _now(self, count: jax.Array, reward: jax.Array, done: jax.Array) -> tuple[Any, Any]:
        shape = (self.num_envs, self.num_agents)
        observation = jnp.broadcast_to(count.astype(jnp.uint8)[:, None, None, None], (*shape, TOKENS, 3))
        ends = jnp.broadcast_to(done[:, None], shape)
        episode = Timestep(done=done, episode_return=reward, episode_length=jnp.full_like(count, self.length))
        return CountingState(count, observation), Timestep(
            observation=observation,
            reward=reward,
            terminated=ends,
            truncated=jnp.zeros_like(ends),
            final_observation=observation,
            episode=episode,
        )


class TablePolicy(Policy):
    """A table of logits and values for each count; no memory. Nothing of ours in it."""

    num_flat_actions = 2
    flat_actions = np.array([[0, 0], [1, 0]], np.int32)

    def init(self, key: jax.Array) -> Any:
        return {"logits": 0.1 * jax.random.normal(key, (256, 2)), "value": jnp.zeros((256,), jnp.float32)}

    def initial_state(self, batch_size: int) -> tuple[jax.Array, jax.Array]:
        return jnp.zeros((1, batch_size, 1), jnp.float32), jnp.zeros((1, batch_size, 1), jnp.float32)

    def apply(
        self,
        params: Any,
        observation: jax.Array,
        recurrent: Any,
        key: jax.Array | None = None,
        action: jax.Array | None = None,
        reset: jax.Array | None = None,
    ) -> tuple[PolicyOutput, Any]:
        rows = observation[..., 0, 0].reshape(-1).astype(jnp.int32)
        log_probs = jax.nn.log_softmax(params["logits"][rows])
        if action is None:
            assert key is not None
            kind = jax.random.categorical(key, log_probs)
            action = jnp.stack([kind, jnp.zeros_like(kind)], -1).astype(jnp.int32)
        kind = action.reshape(-1, 2)[:, 0]
        logprob = jnp.take_along_axis(log_probs, kind[:, None], axis=1)[:, 0]
        entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=1)
        return PolicyOutput(action, logprob, entropy, params["value"][rows][:, None], log_probs), recurrent


def test_classes_of_ones_own_train() -> None:
    env, policy = CountingEnv(), TablePolicy()
    check_env(env)
    check_policy(policy, env)
    settings = config(batch_size=96, minibatch_size=48, optimizer={"learning_rate": 0.05})
    training = TrainingComponents.create(env, policy, settings)
    state = training.init(jax.random.key(0))
    for _ in range(30):
        state, metrics = training.train_step(state)
    assert float(metrics["experience/rewards"]) > 0.9  # chance is 0.5
    assert training.episode_stats(state) == {"attributes/steps": 4.0}


def test_a_run_with_a_policy_that_cannot_be_saved_is_refused_at_its_start(tmp_path: Path) -> None:
    settings = config(batch_size=96, minibatch_size=48, run_dir=str(tmp_path / "run"))
    training = TrainingComponents.create(CountingEnv(), TablePolicy(), settings)
    with pytest.raises(ValueError, match="agent: a TablePolicy cannot be saved"):
        run_training(training)
    assert not (tmp_path / "run").exists()


def test_ours_keep_the_contracts() -> None:
    env = Environment("simple", num_envs=2, num_maps=1)
    check_env(env, num_steps=4)
    check_policy(Agent(env, "fast"), env)
    check_env(ProbeEnv(ends="mixed"), num_steps=8)
    check_policy(ProbeAgent(), ProbeEnv())


class _Broken(CountingEnv):
    def __init__(self, change: Any) -> None:
        self.change = change

    def step(self, params: Any, state: Any, actions: jax.Array) -> tuple[Any, Any]:
        state, timestep = super().step(params, state, actions)
        return self.change(state, timestep)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s, t: (s, Timestep(t | {"reward": t.reward.astype(jnp.int32)})), r"reward is int32\[3, 2\], expected"),
        (
            lambda s, t: (s, Timestep(t | {"reward": t.reward[:, 0]})),
            r"reward is float32\[3\], expected float32\[3, 2\]",
        ),
        (
            lambda s, t: (s, Timestep(t | {"terminated": t.terminated.at[:, 1].set(False)})),
            "ends for some of its agents",
        ),
        (lambda s, t: (s, Timestep(t | {"truncated": ~t.terminated})), "episode.done is not where"),
        (lambda s, t: (dataclasses.replace(s, count=s.count.astype(jnp.int16)), t), "count is int16"),
        (lambda s, t: (dataclasses.replace(s, observation=s.observation + 1), t), "its observation is not that of"),
        (lambda s, t: (dataclasses.replace(s, count=None), t), "another structure"),
    ],
)
def test_a_broken_environment_is_told_what_is_wrong(change: Any, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^env: (state|timestep) of step \d+.*{words}"):
        check_env(_Broken(change))


def test_a_promise_of_unique_tokens_is_checked() -> None:
    class Promising(CountingEnv):
        unique_tokens = True  # its two tokens are the same

    with pytest.raises(ValueError, match="timestep of reset: two tokens for location . and feature ., though unique"):
        check_env(Promising())


def test_missing_attributes_are_named() -> None:
    class Bare:
        num_envs = num_agents = obs_width = obs_height = num_observation_tokens = 1
        action_names, max_action_args, params = ("noop",), (0,), ()
        reset = step = None

    with pytest.raises(ValueError, match=r"env: Bare has no attribute 'curriculum'; inherit from .*BatchEnv"):
        TrainingComponents.create(Bare(), TablePolicy(), config())  # type: ignore[arg-type]
    Bare.num_envs = 0
    with pytest.raises(ValueError, match=r"env: Bare has no attribute|env.num_envs: 0 is not a positive integer"):
        check_env(Bare())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"agent: object has no attribute 'num_flat_actions'; it is needed"):
        TrainingComponents.create(CountingEnv(), object(), config())  # type: ignore[arg-type]
    env = CountingEnv()
    env.num_agents = 0
    with pytest.raises(ValueError, match=r"env.num_agents: 0 is not a positive integer"):
        check_env(env)


def _output_of(change: Any) -> Policy:
    class Changed(TablePolicy):
        def apply(self, *args: Any, **options: Any) -> tuple[PolicyOutput, Any]:
            output, recurrent = super().apply(*args, **options)
            return change(output, recurrent, options)

    return Changed()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda o, r, _: (tuple(o), r), "tuple has no attribute 'action'"),
        (lambda o, r, _: (o._replace(value=o.value[:, 0]), r), r"value is float32\[3\], expected float32\[3, 1\]"),
        (lambda o, r, _: (o._replace(log_probs=o.log_probs + 0.1), r), "do not add up to 1"),
        (lambda o, r, _: (o._replace(action=o.action + 1), r), "an action is not in flat_actions"),
        (lambda o, r, _: (o._replace(logprob=o.logprob - 0.1), r), "logprob is not that of the action"),
        (lambda o, r, _: (o._replace(entropy=-o.entropy), r), "entropy is not that of log_probs"),
        (lambda o, r, _: (o, r[0]), "not a pair of arrays"),
        (lambda o, r, _: (o, (r[0], r[1][:, :1])), r"c is float32\[1, 1, 1\]"),
        (
            lambda o, r, given: (o._replace(value=o.value + 1.0 * (given.get("action") is not None)), r),
            "value of evaluating differs from what acting gave",
        ),
    ],
)
def test_a_broken_policy_is_told_what_is_wrong(change: Any, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^policy: .*{words}"):
        check_policy(_output_of(change), CountingEnv())


def test_a_policy_that_keeps_its_memory_at_a_reset_is_found() -> None:
    with pytest.raises(ValueError, match="evaluating with reset in a slot differs"):
        check_policy(_Forgetless(), ProbeEnv())


class _Forgetless(ProbeAgent):
    def apply(self, *args: Any, **options: Any) -> tuple[PolicyOutput, Any]:
        return super().apply(*args, **options | {"reset": None})
