"""The agent: a static description of a policy, and the pure functions that run it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent import forward
from metta_jax.agent.actions import ActionSpace, assign_action_rows
from metta_jax.agent.components import Facts
from metta_jax.agent.definition import parse_components
from metta_jax.agent.features import bind_features
from metta_jax.agent.forward import Outputs
from metta_jax.agent.graph import build_graph
from metta_jax.agent.network import ComponentNetwork, Recurrent
from metta_jax.agent.presets import preset
from metta_jax.agent.tables import AgentTables

Params = dict[str, Any]


@dataclasses.dataclass(frozen=True, init=False, eq=False)
class Agent:
    """A policy without its parameters.

    `Agent(env, config)` reads the static facts of `env` (action_names, max_action_args, get_observation_features(),
    obs_width, obs_height, num_observation_tokens) and keeps no reference to it. `config` is the name of a preset, a
    mapping or an AgentConfig; None means the preset "default". `dtype` ("float32" or "bfloat16") is the dtype of the
    computation; parameters and recurrent state are float32 either way.

    Holds no arrays but small lookup tables, so it may be closed over by traced functions.
    """

    network: nn.Module
    facts: Facts
    action_space: ActionSpace
    tables: AgentTables
    hidden_size: int
    num_layers: int

    def __init__(self, env: Any, config: Any = None, device: str | None = None, *, dtype: str = "float32") -> None:
        action_space = ActionSpace.of(env)
        features = bind_features(env.get_observation_features())
        settings = preset(config or "default") if config is None or isinstance(config, str) else dict(config)
        definition = parse_components(settings["components"])
        embeds = next(part for part in definition.components if part.name == "_action_embeds_")
        num_embeddings = dict(embeds.options).get("num_embeddings", 100)
        _, action_rows = assign_action_rows(action_space.full_names(), {}, num_embeddings)
        facts = Facts(
            obs_height=int(env.obs_height),
            obs_width=int(env.obs_width),
            num_tokens=int(env.num_observation_tokens),
            num_channels=features.num_channels,
            num_actions=action_space.num_flat_actions,
        )
        graph = build_graph(definition, facts)
        core = graph.node("_core_").component(parent=None)
        self._set(
            network=ComponentNetwork(graph, jnp.dtype(dtype)),
            facts=facts,
            action_space=action_space,
            tables=AgentTables.make(features, action_space, action_rows),
            hidden_size=core.output_size,  # type: ignore[attr-defined]
            num_layers=core.num_layers,  # type: ignore[attr-defined]
        )

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def num_flat_actions(self) -> int:
        """F: the number of valid (type, argument) pairs."""
        return self.action_space.num_flat_actions

    @property
    def flat_actions(self) -> np.ndarray:
        """int32 [F, 2]: (type, argument) of every flat action."""
        return self.action_space.flat_actions()

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters: a nested dict of float32 arrays."""
        tables = self.tables
        facts = self.facts

        def create(key: jax.Array) -> Params:
            observation = jnp.full((1, 1, facts.num_tokens, 3), 255, jnp.uint8)
            context = forward.make_context(
                tables.on_device(), observation, self.initial_state(1), jnp.zeros((1, 1), bool), None
            )
            return self.network.init(key, context)["params"]  # type: ignore[index]

        return jax.jit(create)(key)

    def initial_state(self, batch_size: int) -> Recurrent:
        """(h, c) of zeros, each float32 [layers, batch_size, hidden]."""
        shape = (self.num_layers, batch_size, self.hidden_size)
        return jnp.zeros(shape, jnp.float32), jnp.zeros(shape, jnp.float32)

    def apply(
        self,
        params: Mapping[str, Any],
        observation: jax.Array,
        recurrent: Recurrent | None = None,
        key: jax.Array | None = None,
        action: jax.Array | None = None,
        reset: jax.Array | None = None,
        *,
        greedy: bool = False,
        tables: AgentTables | None = None,
    ) -> tuple[Outputs, Recurrent]:
        """Runs the policy: ((action, logprob, entropy, value, log_probs), recurrent).

        | mode | observation | action | outputs |
        |---|---|---|---|
        | acting | uint8 [B, M, 3] | None | action int32 [B, 2], logprob [B], entropy [B], value [B, 1], log_probs [B, F] |
        | evaluating | uint8 [B, T, M, 3] | [B, T, 2] | action as given, the others flat over B * T |

        recurrent: (h, c), each float32 [layers, B, hidden]; None = zeros. reset: bool [B] or [B, T], zeroes the state
        before the slot; None = never. Acting consumes `key` for sampling, or takes the most probable action if
        `greedy`. Evaluating uses `key` for dropout only. The log-probability of an action outside the table is NaN.
        tables: stand in for the agent's own (see `bind`). Raises ValueError for shapes that do not fit.
        """
        tables = (self.tables if tables is None else tables).on_device()
        batch = observation.shape[0]
        num_axes = 3 if action is None else 4
        if observation.ndim != num_axes or observation.shape[-1] != 3:
            raise ValueError(
                f"observation: shape {observation.shape} is not "
                + ("[B, tokens, 3] (acting)" if action is None else "[B, T, tokens, 3] (evaluating)")
            )
        slots = observation.shape[: num_axes - 2]
        recurrent = self.initial_state(batch) if recurrent is None else recurrent
        for name, part in zip("hc", recurrent, strict=True):
            if part.shape != (self.num_layers, batch, self.hidden_size):
                raise ValueError(
                    f"LSTM state batch size mismatch: {name} has the shape {part.shape}, "
                    f"expected {(self.num_layers, batch, self.hidden_size)}"
                )
        reset = jnp.zeros(slots, bool) if reset is None else reset.astype(bool)
        if reset.shape != slots:
            raise ValueError(f"reset: shape {reset.shape} is not {slots}")
        if action is None:
            if greedy:
                key = None
            elif key is None:
                raise ValueError("key: None; sampling an action needs a key (or greedy=True)")
            return forward.act(self.network, dict(params), tables, observation, recurrent, reset, key)
        if action.shape != (*slots, 2):
            raise ValueError(f"action: shape {action.shape} is not {(*slots, 2)}")
        return forward.evaluate(self.network, dict(params), tables, observation, recurrent, reset, action, key)

    def act(
        self,
        params: Mapping[str, Any],
        observation: jax.Array,
        carry: Recurrent | None = None,
        key: jax.Array | None = None,
        *,
        reset: jax.Array | None = None,
        greedy: bool = False,
    ) -> tuple[jax.Array, Recurrent]:
        """Actions int32 [B, 2] for observation [B, M, 3], and the carry for the next call. See `apply`."""
        outputs, carry = self.apply(params, observation, carry, key, reset=reset, greedy=greedy)
        return outputs[0], carry
