"""What is easily given in the place of something else is refused in one line that says what was meant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from metta_jax import api, mapgen

KEY = jax.random.key(0)


class Arrays(nn.Module):
    """Returns arrays where an ArchitectureOutput is expected."""

    hidden_size: int = 0
    num_layers: int = 0

    @nn.compact
    def __call__(self, observation: jax.Array, recurrent: Any, reset: jax.Array) -> Any:
        x = observation.reshape(*observation.shape[:2], -1).astype(jnp.float32)
        return (nn.Dense(23)(x), nn.Dense(1)(x)), recurrent


class Table(Arrays):
    """Holds an array, so it has no hash."""

    table: Any = None


@functools.cache
def things() -> Any:
    """An environment and what is made for it; nothing is compiled."""
    env = api.Environment(num_agents=2, width=6, height=5, num_envs=3, num_maps=2)
    agent = api.Agent(env, "fast")
    config = api.TrainerConfig(batch_size=96, minibatch_size=48, bptt_horizon=16)
    training = api.TrainingComponents.create(env, agent, config)
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), jax.eval_shape(agent.init, KEY))
    state, timestep = jax.tree.map(lambda leaf: leaf, jax.eval_shape(env.reset, env.params, KEY))
    return SimpleNamespace(
        env=env, agent=agent, config=config, training=training, params=params, state=state, timestep=timestep,
        grid=env.mettagrid, actions=np.zeros((3, 2, 2), np.int32), tokens=np.zeros((3, 200, 3), np.uint8),
        train_state=jax.eval_shape(training.init, KEY), store=api.PolicyStore("nowhere"),
    )  # fmt: skip


create = api.TrainingComponents.create
WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "reset: order": (lambda t: t.env.reset(KEY, t.env.params), "reset: .* wrong order; it is reset.params, key."),
    "reset: a game": (lambda t: t.grid.reset(KEY, t.grid.params), "reset: .* wrong order; it is reset.params, key."),
    "reset: seed": (
        lambda t: t.env.reset(t.env.params, 0),
        r"key: 0 is not a random key; jax.random.key\(0\) makes one",
    ),
    "reset: keys": (
        lambda t: t.env.reset(t.env.params, jax.random.split(KEY, 3)),
        r"keys of shape \[3\]; give one key",
    ),
    "reset: old keys": (lambda t: t.env.reset(t.env.params, jnp.zeros((3, 2), jnp.uint32)), r"keys of shape \[3, 2\]"),
    "reset: rules": (lambda t: t.env.reset(t.env.params.rules, KEY), "params is a Rules, not an EnvParams: env.params"),
    "step: order": (
        lambda t: t.env.step(t.state, t.env.params, t.actions),
        "step: .* wrong order; it is step.params, ",
    ),
    "step: actions": (lambda t: t.env.step(t.env.params, t.actions, t.state), "state is an array, not a VectorState"),
    "step: timestep": (lambda t: t.env.step(t.env.params, t.timestep, t.actions), "VectorTimeStep, not a VectorState"),
    "step: flat": (
        lambda t: t.env.step(t.env.params, t.state, np.zeros((3, 2), np.int32)),
        r"actions: shape \[3, 2\] is not \[3, 2, 2\]; flat actions become pairs by env.flat_actions\[actions\]",
    ),
    "step: a game": (lambda t: t.grid.step(t.state.env, t.grid.params, t.actions[0]), "step: .* in the wrong order"),
    "batch of a batch": (lambda t: api.VectorEnv(t.env, 3), "env: an Environment is not a MettaGrid"),
    "batch of a name": (lambda t: api.VectorEnv("forage", 3), "env: a str is not a MettaGrid"),
    "world: class": (lambda t: api.Environment(api.EnvConfig), "the class EnvConfig is neither a name"),
    "world: environment": (lambda t: api.Environment(t.env), "curriculum_path: an Environment is made already"),
    "world: game": (lambda t: api.Environment(t.grid), "curriculum_path: a MettaGrid is made already"),
    "world: rules": (lambda t: api.Environment(t.env.config), "a GameConfig has no maps; give EnvConfig"),
    "world: name": (
        lambda t: api.Environment(env_config="forage"),
        r"'forage' is a name; give it first, Environment\(",
    ),
    "map: path": (lambda t: api.MettaGrid(t.env.config, "maps/my_map.txt"), "maps: 'maps/my_map.txt' is text"),
    "map: path object": (lambda t: api.MettaGrid(t.env.config, Path("my_map.txt")), r"read_map\(path\)"),
    "map: number": (lambda t: api.MettaGrid(t.env.config, 3), "maps: an int is not a map"),
    "text: path": (lambda t: mapgen.from_text("my_map.txt"), r"is a path, not a map; read_map\(path\) reads a file"),
    "text: path object": (lambda t: mapgen.from_text(Path("my_map.txt")), r"is not text; read_map\(path\)"),
    "text: fixed": (lambda t: mapgen.FixedMap("my_map.txt"), r"map: 'my_map.txt' is text; FixedMap takes rows"),
    "text: room": (lambda t: mapgen.AsciiRoom("maps/my_map.txt"), "is a path, not a map"),
    "path: text": (lambda t: mapgen.read_map("###\n#@#\n###"), r"is a map, not the path of one; from_text\(text\)"),
    "agent: order": (lambda t: api.Agent("fast", t.env), "env: 'fast' is text, an environment is needed"),
    "agent: config": (lambda t: api.Agent(t.env, t.env), "config: is an environment; it comes first"),
    "agent: class": (lambda t: api.Agent(t.env, Arrays), r"the class Arrays is given, an instance .*: Arrays\(...\)"),
    "agent: env class": (lambda t: api.Agent(api.Environment), "env: the class Environment is given, an instance"),
    "agent: nnx": (lambda t: api.Agent(t.env, nnx.Dropout(0.1)), "config: a Dropout is not a network; .* flax.linen"),
    "agent: timestep": (lambda t: api.Agent(t.timestep), "env: a VectorTimeStep is not an environment"),
    "agent: arrays": (
        lambda t: jax.eval_shape(api.Agent(t.env, Arrays()).init, KEY),
        r"Arrays: returns \(\(an array, an array\), .* expected is \(ArchitectureOutput",
    ),
    "agent: array field": (
        lambda t: api.Agent(t.env, Table(table=np.zeros(3))),
        "Table: its field 'table' is an array; make arrays in __call__",
    ),
    "init: seed": (lambda t: t.agent.init(0), "key: 0 is not a random key"),
    "apply: order": (
        lambda t: t.agent.apply(t.tokens, t.params, key=KEY),
        "params: an array is not a mapping of param",
    ),
    "apply: state": (lambda t: t.agent.apply(t.train_state, t.tokens, key=KEY), "a TrainState .*; give its .params"),
    "apply: timestep": (lambda t: t.agent.apply(t.params, t.timestep, key=KEY), "not an array; give its .observation"),
    "apply: batch": (
        lambda t: t.agent.apply(t.params, t.timestep.observation, key=KEY),
        r"observation: shape \(3, 2, 200, 3\) .* makes rows of all agents",
    ),
    "act: seed": (lambda t: t.agent.act(t.params, t.tokens, None, 3), "key: 3 is not a random key"),
    "create: order": (lambda t: create(t.agent, t.env, t.config), "env: an Agent is given; the order is create"),
    "create: world": (lambda t: create("forage", t.agent, t.config), "env: 'forage' is text, a BatchEnv is needed"),
    "create: class": (lambda t: create(api.Environment, t.agent, t.config), "the class Environment is given, an inst"),
    "create: preset": (lambda t: create(t.env, "fast", t.config), r"an Agent is needed: Agent\(env, 'fast'\)"),
    "create: module": (lambda t: create(t.env, Arrays(), t.config), r"an Agent is needed: Agent\(env, Arrays\(...\)\)"),
    "create: pair": (lambda t: create(t.env, (t.agent, t.params), t.config), "agent: a pair is given"),
    "create: dict": (
        lambda t: create(t.env, t.agent, {}),
        r"a dict is not a TrainerConfig; TrainerConfig\(...\) makes one",
    ),
    "create: optax": (lambda t: create(t.env, t.agent, t.config, optimizer=optax.adam), "optimizer: the function adam"),
    "create: name": (lambda t: create(t.env, t.agent, t.config, optimizer="adam"), "optimizer: 'adam' is not an optax"),
    "create: loss": (lambda t: create(t.env, t.agent, t.config, loss_fn="ppo"), "loss_fn: 'ppo' is not a function"),
    "create: store": (
        lambda t: create(t.env, t.agent, t.config, "checkpoints"),
        "policy_store: a str is not a PolicyS",
    ),
    "training: seed": (lambda t: t.training.init(0), "key: 0 is not a random key"),
    "training: policy": (
        lambda t: t.training.init(KEY, (t.agent, t.params)),
        "params: a tuple is given; give the para",
    ),
    "training: params": (lambda t: t.training.rollout(t.params), r"state: a dict is not a TrainState; training.init"),
    "training: key": (lambda t: t.training.train_step(KEY), "state: a random key is not a TrainState"),
    "training: none": (lambda t: t.training.update(None, None), "state: None is not a TrainState"),
    "save: order": (
        lambda t: api.save_checkpoint(t.store, t.agent, 1),
        r"an Agent .* save_checkpoint\(policy, store, ",
    ),
    "load: order": (
        lambda t: api.load_checkpoint("x", t.store),
        r"a str is not a PolicyStore; .* load_checkpoint\(store",
    ),
    "load: torch": (lambda t: t.store.load_from_uri("model_0100.pt"), "PyTorch, a policy is a directory here; load_or"),
    "load: s3": (lambda t: t.store.policy_record("s3://bucket/x"), "Invalid URI: .*: s3:// is not supported; policies"),
    "load: wandb": (lambda t: t.store.policy_record("wandb://run/x"), "wandb:// is not supported; policies are files"),
    "store: http": (lambda t: api.PolicyStore("https://x/y"), "https:// is not supported; policies are files"),
    "train state: order": (
        lambda t: api.save_train_state("x", t.training, t.train_state),
        "TrainingComponents is not a Tra",
    ),
    "train state: env": (
        lambda t: api.load_train_state("x", t.env),
        "training: an Environment is not a TrainingComponents",
    ),
    "evaluate: list": (
        lambda t: api.evaluate_policy((t.agent, t.params), ["forage"]),
        "env_config: is a list; evaluate_policy plays in one world, simulate in several",
    ),
}
NO_POLICY: dict[str, tuple[Callable[[Any], Any], str]] = {
    "agent": (lambda t: api.simulate(t.agent, "forage"), r"no parameters, give \(agent, params\)"),
    "state": (lambda t: api.simulate(t.train_state, "forage"), r"give \(agent, state.params\)"),
    "order": (
        lambda t: api.simulate("forage", (t.agent, t.params)),
        r"PolicyStore\(\).policy_record\('forage'\) reads",
    ),
    "pair": (lambda t: api.evaluate_policy((t.params, t.agent), "forage"), "the agent comes first"),
    "params": (lambda t: api.evaluate_policy((t.agent, t.train_state), "forage"), "a TrainState, .*; give its .params"),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_line_says_what_was_meant(case: str) -> None:
    call, message = WRONG[case]
    with pytest.raises(ValueError, match=message) as caught:
        call(things())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", NO_POLICY)
def test_what_is_no_policy(case: str) -> None:
    call, message = NO_POLICY[case]
    with pytest.raises(TypeError, match=message) as caught:
        call(things())
    assert "\n" not in str(caught.value)


def test_keys_of_both_forms_are_keys() -> None:
    t = things()
    for key in (KEY, jax.random.PRNGKey(0)):
        jax.eval_shape(t.env.reset, t.env.params, key)
        jax.eval_shape(t.agent.init, key)
