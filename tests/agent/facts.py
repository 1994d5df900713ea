"""Static facts as an environment has them, a small network, and observations to feed it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent import Agent
from metta_jax.agent.components import Component, Context, Facts

FEATURES = (
    ("type_id", 1.0),
    ("agent:group", 10.0),
    ("hp", 30.0),
    ("agent:frozen", 1.0),
    ("agent:orientation", 1.0),
    ("agent:color", 255.0),
    ("converting", 1.0),
    ("swappable", 1.0),
    ("episode_completion_pct", 255.0),
    ("last_action", 10.0),
    ("last_action_arg", 10.0),
    ("last_reward", 100.0),
    ("agent:glyph", 255.0),
    ("resource_rewards", 255.0),
)
SEVEN_ACTIONS = {"attack": 8, "get_output": 0, "move": 1, "noop": 0, "put_recipe_items": 0, "rotate": 3, "swap": 0}


def facts_env(
    num_items: int = 10,
    actions: dict[str, int] | None = None,
    window: int = 11,
    num_tokens: int = 200,
    features: dict[str, dict[str, float]] | None = None,
) -> Any:
    """An object with the static facts of an environment and nothing else."""
    actions = SEVEN_ACTIONS if actions is None else actions
    if features is None:
        names = [*FEATURES, *((f"inv:item_{index}", 100.0) for index in range(num_items))]
        features = {name: {"id": index, "normalization": scale} for index, (name, scale) in enumerate(names)}
    return SimpleNamespace(
        action_names=tuple(actions),
        max_action_args=tuple(actions.values()),
        get_observation_features=lambda: features,
        obs_width=window,
        obs_height=window,
        num_observation_tokens=num_tokens,
        inventory_item_names=tuple(f"item_{index}" for index in range(num_items)),
        num_agents=4,
    )


def small_env(**options: Any) -> Any:
    """A 5 x 5 window, 12 tokens, 16 features, 5 flat actions."""
    defaults: dict[str, Any] = {"num_items": 2, "actions": {"move": 1, "noop": 0, "rotate": 1}}
    return facts_env(**{**defaults, "window": 5, "num_tokens": 12, **options})


def small_config(**changes: Any) -> dict[str, Any]:
    """A network of the same kinds of components as the preset "fast", small; `changes` replace or add components."""
    components = {
        "_obs_": {"type": "ObsTokenToBoxShaper", "sources": None},
        "obs_normalizer": {"type": "ObservationNormalizer", "sources": [{"name": "_obs_"}]},
        "cnn1": {
            "type": "Conv2d",
            "sources": [{"name": "obs_normalizer"}],
            "nn_params": {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 0},
        },
        "flat": {"type": "Flatten", "sources": [{"name": "cnn1"}]},
        "encoded_obs": {"type": "Linear", "sources": [{"name": "flat"}], "nn_params": {"out_features": 9}},
        "_core_": {"type": "LSTM", "sources": [{"name": "encoded_obs"}], "output_size": 8, "num_layers": 2},
        "critic_1": {
            "type": "Linear",
            "sources": [{"name": "_core_"}],
            "out_features": 7,
            "nonlinearity": "nn.Tanh",
            "analyze_weights": True,
        },
        "_value_": {"type": "Linear", "sources": [{"name": "critic_1"}], "out_features": 1, "nonlinearity": None},
        "_action_embeds_": {"type": "ActionEmbedding", "num_embeddings": 20, "embedding_dim": 4},
        "_action_": {"type": "MettaActorSingleHead", "sources": [{"name": "_core_"}, {"name": "_action_embeds_"}]},
    }
    components.update(changes)
    return {"observations": {"obs_key": "grid_obs"}, "components": components}


def random_observations(
    seed: int, shape: tuple[int, ...], num_tokens: int, num_features: int, window: int
) -> np.ndarray:
    """uint8 [*shape, num_tokens, 3]: tokens inside the window, the later slots of every list empty."""
    generator = np.random.default_rng(seed)
    slots = (*shape, num_tokens)
    row, column = generator.integers(0, window, (2, *slots))
    tokens = np.stack(
        [row << 4 | column, generator.integers(0, num_features, slots), generator.integers(0, 4, slots)], axis=-1
    )
    used = generator.integers(1, num_tokens + 1, shape)
    empty = np.arange(num_tokens) >= used[..., None]
    tokens[empty] = 255
    return tokens.astype(np.uint8)


def randomize(params: Any, seed: int = 0, scale: float = 0.6) -> Any:
    """Parameters of the same shapes, all drawn normal: fresh ones are too regular to show mistakes."""
    generator = np.random.default_rng(seed)
    params = jax.tree.map(lambda leaf: jnp.asarray(generator.normal(size=leaf.shape) * scale, jnp.float32), params)
    params["_action_embeds_"] = jax.tree.map(lambda table: 6 * table, params["_action_embeds_"])  # decided policies
    return params


_COMPILED: dict[Any, Any] = {}


def apply(agent: Agent, params: Any, observation: Any, state: Any = None, **arguments: Any) -> Any:
    """`agent.apply`, compiled once for all agents with the same network, arguments and shapes."""
    greedy = arguments.pop("greedy", False)
    slots = observation.shape[:-2]
    arguments["recurrent"] = agent.initial_state(slots[0]) if state is None else state
    arguments["reset"] = jnp.asarray(arguments.get("reset", np.zeros(slots, bool)))
    call = _COMPILED.setdefault(
        (agent.network, greedy),
        jax.jit(lambda params, tables, obs, kw: agent.apply(params, obs, greedy=greedy, tables=tables, **kw)),
    )
    return call(params, agent.tables, jnp.asarray(observation), arguments)


def component_facts(**changes: int) -> Facts:
    """Facts that components are built from."""
    defaults = {"obs_height": 5, "obs_width": 5, "num_tokens": 6, "num_channels": 16, "num_actions": 3}
    return Facts(**{**defaults, **changes})


def make_context(observation: np.ndarray, num_steps: int = 1, **changes: Any) -> Context:
    """A context for observation uint8 [B * T, M, 3] with the identity as feature table."""
    rows = observation.shape[0]
    tokens = jnp.asarray(observation)
    state = jnp.zeros((1, rows // num_steps, 4), jnp.float32)
    context = Context(
        location=tokens[..., 0],
        feature=tokens[..., 1].astype(jnp.int32),
        value=tokens[..., 2],
        normalization=jnp.asarray(np.arange(256) % 7 + 1, jnp.float32),
        action_rows=jnp.asarray([2, 5, 1], jnp.int32),
        recurrent=(state, state),
        reset=jnp.zeros((rows // num_steps, num_steps), bool),
        dropout_key=None,
    )
    return context.replace(**changes)  # type: ignore[attr-defined]


def component_params(component: Component, seed: int = 0) -> dict[str, jax.Array]:
    """Random values for all parameters that a component declares."""
    generator = np.random.default_rng(seed)
    return {
        name: jnp.asarray(generator.normal(size=shape) * 0.5, jnp.float32)
        for name, (shape, _) in component.parameters().items()
    }


def run_component(
    kind: type[Component],
    *sources: np.ndarray,
    context: Context | None = None,
    facts: Facts | None = None,
    shapes: tuple[tuple[int, ...], ...] | None = None,
    rows: tuple[int, ...] | None = None,
    **options: Any,
) -> tuple[Any, dict[str, np.ndarray], Component]:
    """(output, parameters, component) of one component fed with `sources`; images are given as
    [B * T, height, width, channels].

    Checks that the declared shape is the output's.
    """
    if shapes is None:
        shapes = tuple(declared_shape(source) for source in sources)
    rows = (1,) * len(sources) if rows is None else rows
    component = kind(
        component_name="part",
        facts=facts or component_facts(),
        source_shapes=shapes,
        source_rows=rows,
        parent=None,
        **options,
    )
    component.check()
    params = component_params(component)
    if context is None:
        context = make_context(np.full((len(sources[0]) if sources else 2, 6, 3), 255, np.uint8))
    apply = jax.jit(lambda params, context, sources: component.apply({"params": params}, context, *sources))
    output = apply(params, context, tuple(jnp.asarray(source) for source in sources))
    first = output[0] if isinstance(output, tuple) else output
    assert declared_shape(first) == component.shape()
    return output, {name: np.asarray(value) for name, value in params.items()}, component


def declared_shape(array: Any) -> tuple[int, ...]:
    """The shape that a component declares for an array with a batch axis: channels first."""
    shape = tuple(array.shape[1:])
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else shape
