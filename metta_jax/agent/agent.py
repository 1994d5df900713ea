"""The agent: a static description of a policy, and the pure functions that run it."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent import forward, weights
from metta_jax.agent.actions import ActionSpace
from metta_jax.agent.binding import PolicyNames, bind, check_window
from metta_jax.agent.build import NetworkBuild, build_network
from metta_jax.agent.device import find_device
from metta_jax.agent.features import warn_invisible
from metta_jax.agent.forward import Outputs
from metta_jax.agent.network import ComponentNetwork, Recurrent
from metta_jax.agent.tables import AgentTables
from metta_jax.agent.weights import LayerInfo
from metta_jax.config.agent import AgentConfig

Params = dict[str, Any]

_DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, init=False, eq=False)
class Agent:
    """A policy without its parameters; every method is a pure function.

    Args:
      env: anything with the static facts action_names, max_action_args, get_observation_features(), obs_width,
        obs_height, num_observation_tokens. No reference is kept.
      config: the name of a preset, an AgentConfig, a mapping for one, or a Flax module (see `network.Architecture`).
        None means the preset "default".
      device: where `init` puts parameters: "cpu", "cuda:1", "tpu", or a list "cuda,cpu" of which the first one that is
        there counts. None means the config's, or JAX's default.
      dtype: of the computation, "float32" or "bfloat16"; parameters, recurrent state and outputs are always float32.
      policy: `metadata()` of a saved policy; its names decide how `env` is translated.

    Raises:
      ValueError: the configuration or the environment does not fit; names the field.

    The only arrays are small lookup tables, so traced functions may close over an agent. Forward-mode
    differentiation is not available; reverse mode is.
    """

    config: AgentConfig | None
    network: nn.Module
    action_space: ActionSpace
    names: PolicyNames
    tables: AgentTables
    hidden_size: int
    num_layers: int
    dtype: str
    device: Any
    _source: Any = dataclasses.field(repr=False)
    _build: NetworkBuild = dataclasses.field(repr=False)

    def __init__(
        self,
        env: Any,
        config: AgentConfig | Mapping[str, Any] | str | nn.Module | None = None,
        device: Any = None,
        *,
        dtype: str = "float32",
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        if dtype not in _DTYPES:
            raise ValueError(f"dtype: {dtype!r} is not one of {', '.join(_DTYPES)}")
        source = config if isinstance(config, nn.Module) else AgentConfig.model_validate(config or "default")
        if device is None and isinstance(source, AgentConfig):
            device = source.device
        known = None if policy is None else PolicyNames.from_metadata(policy)
        self._set(env, source, find_device(device), dtype, known, learn_new=False)

    def _set(
        self,
        env: Any,
        source: AgentConfig | nn.Module,
        device: Any,
        dtype: str,
        known: PolicyNames | None,
        learn_new: bool,
    ) -> None:
        action_space = ActionSpace.of(env)
        build = build_network(source)
        names, tables = bind(env, action_space, build.num_embeddings, known, learn_new)
        check_window(env, names, build.box_name)
        if build.box_name is not None:
            warn_invisible(names.feature_ids, names.num_channels)
        network = build.make(names, int(env.num_observation_tokens), action_space.num_flat_actions, dtype)
        fields = {
            "config": source if isinstance(source, AgentConfig) else None,
            "network": network,
            "action_space": action_space,
            "names": names,
            "tables": tables,
            "hidden_size": build.hidden_size,
            "num_layers": build.num_layers,
            "dtype": dtype,
            "device": device,
            "_source": source,
            "_build": build,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def bind(self, env: Any, *, learn_new: bool = False) -> Agent:
        """The same policy for another environment; the parameters stay valid.

        Features and actions are matched by name. Unknown features are dropped, or learned with `learn_new` (when
        training goes on there); unknown actions get new rows of the embedding table. With as many actions and tokens as
        before nothing recompiles that takes the tables as an argument.
        """
        bound = object.__new__(Agent)
        bound._set(env, self._source, self.device, self.dtype, self.names, learn_new)
        return bound

    def metadata(self) -> dict[str, Any]:
        """What a saved policy needs beside its parameters and its configuration, as JSON-able values.

        `Agent(env, config, policy=metadata)` restores it.
        """
        return self.names.to_metadata() | {
            "recurrent_shape": [self.num_layers, self.hidden_size],
            "dtype": self.dtype,
        }

    @property
    def num_flat_actions(self) -> int:
        """F: the number of valid (type, argument) pairs."""
        return self.action_space.num_flat_actions

    @property
    def flat_actions(self) -> np.ndarray:
        """int32 [F, 2]: (type, argument) of every flat action."""
        return self.action_space.flat_actions()

    @property
    def mixes_rows(self) -> bool:
        """Whether an output depends on other rows of the call, as with BatchNorm. A user's module is taken not to."""
        return isinstance(self.network, ComponentNetwork) and self.network.graph.mixes_rows

    @functools.cached_property
    def parameter_layers(self) -> tuple[LayerInfo, ...]:
        """The layers whose weights are clipped, regularized and analyzed: Linear and Conv2d, or the `kernel`s of a
        user's module. Each has name, path, clip_scale, l2_init_scale, analyze_weights."""
        if isinstance(self.network, ComponentNetwork):
            return self._build.layers
        leaves = jax.tree_util.tree_leaves_with_path(jax.eval_shape(self.init, jax.random.key(0)))
        paths = [tuple(entry.key for entry in path) for path, leaf in leaves if leaf.ndim >= 2]
        return tuple(LayerInfo("/".join(path), path, None) for path in paths if path[-1] == "kernel")

    def init(self, key: jax.Array) -> Params:
        """Fresh parameters: a nested dict of float32 arrays. Consumes the key."""
        create = functools.partial(self._build.init, self.network, self.tables.on_device())
        params = jax.jit(create)(key)
        return params if self.device is None else jax.device_put(params, self.device)

    def num_params(self) -> int:
        """The number of trainable numbers."""
        leaves = jax.tree.leaves(jax.eval_shape(self.init, jax.random.key(0)))
        return sum(math.prod(leaf.shape) for leaf in leaves)

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
        | acting | uint8 [B, M, 3] | None | int32 [B, 2], logprob [B], entropy [B], value [B, 1], log_probs [B, F] |
        | evaluating | uint8 [B, T, M, 3] | [B, T, 2] | action as given, the others flat over B * T, batch first |

        Args:
          recurrent: (h, c), each float32 [layers, B, hidden]; None = zeros.
          key: acting consumes it for sampling; evaluating uses it for dropout, which is off without it.
          reset: bool [B] or [B, T], zeroes the state before the slot; None = never.
          greedy: take the most probable action; needs no key.
          tables: stand in for the agent's own, so that a compiled function can serve another environment.

        The log-probability of a pair outside the action table is NaN; `action_space.flat_index` checks on the host.
        Raises ValueError for shapes that do not fit.
        """
        recurrent, reset = self._check(observation, recurrent, action, reset)
        tables = (self.tables if tables is None else tables).on_device()
        if action is not None:
            return forward.evaluate(self.network, params, tables, observation, recurrent, reset, action, key)
        if key is None and not greedy:
            raise ValueError("key: None; sampling an action needs a key (or greedy=True)")
        return forward.act(self.network, params, tables, observation, recurrent, reset, None if greedy else key)

    def act(
        self,
        params: Mapping[str, Any],
        observation: jax.Array,
        carry: Recurrent | None = None,
        key: jax.Array | None = None,
        *,
        reset: jax.Array | None = None,
        greedy: bool = False,
        tables: AgentTables | None = None,
    ) -> tuple[jax.Array, Recurrent]:
        """Actions int32 [B, 2] for observation [B, M, 3], and the carry for the next call. See `apply`."""
        outputs, carry = self.apply(params, observation, carry, key, reset=reset, greedy=greedy, tables=tables)
        return outputs[0], carry

    def act_numpy(
        self,
        params: Mapping[str, Any],
        observation: np.ndarray,
        carry: tuple[np.ndarray, np.ndarray] | None = None,
        seed: int | None = None,
        *,
        reset: np.ndarray | None = None,
        greedy: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """`act` for loops without JAX: NumPy arrays in and out, compiled once per shape. Needs a `seed` or `greedy`."""
        recurrent, cleared = self._check(jnp.asarray(observation), carry, None, reset)
        if seed is None and not greedy:
            raise ValueError("seed: None; sampling an action needs a seed (or greedy=True)")
        key = None if greedy else jax.random.key(seed or 0)
        observation = np.asarray(observation, np.uint8)
        outputs, state = _ACT(self.network, params, self.tables, observation, recurrent, cleared, key)
        return np.asarray(outputs[0]), (np.asarray(state[0]), np.asarray(state[1]))

    def weight_limits(self, params: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Bounds of weight clipping by layer, float32 [], from the *initial* parameters; {} if clip_range is 0."""
        return weights.weight_limits(params, self.parameter_layers, self._clip_range)

    def clip_weights(self, params: Mapping[str, Any], limits: Mapping[str, jax.Array] | None = None) -> Params:
        """The parameters with the weights of parameter layers clamped to `limits` = `weight_limits(initial params)`.

        Without limits nothing may have to be clipped (clip_range 0), else ValueError: bounds are relative to the
        largest initial weight, which the current parameters do not tell.
        """
        if self._clip_range == 0:
            return dict(params)
        if limits is None:
            raise ValueError("clip_weights: needs limits = agent.weight_limits(initial_params), as clip_range is not 0")
        return weights.clip_weights(params, self.parameter_layers, limits)

    def weight_metrics(self, params: Mapping[str, Any], delta: float = 0.01) -> dict[str, float | str]:
        """`weights/<metric>/<component>` of the 2-D layers with analyze_weights, by `weights.matrix_metrics`.

        Host only; due every config.analyze_weights_interval epochs.
        """
        result: dict[str, float | str] = {}
        for layer in self.parameter_layers:
            kernel = weights.weight_at(params, layer.path)
            if layer.analyze_weights and kernel.ndim == 2:
                metrics = weights.matrix_metrics(kernel, delta)
                result |= {f"weights/{metric}/{layer.name}": value for metric, value in metrics.items()}
        return result

    @property
    def _clip_range(self) -> float:
        return 0.0 if self.config is None else self.config.clip_range

    def _check(
        self, observation: jax.Array, recurrent: Any, action: jax.Array | None, reset: Any
    ) -> tuple[Recurrent, jax.Array]:
        """Checks shapes and fills in what was not given."""
        num_axes = 3 if action is None else 4
        if observation.ndim != num_axes or observation.shape[-1] != 3:
            wanted = "[B, tokens, 3] (acting)" if action is None else "[B, T, tokens, 3] (evaluating)"
            raise ValueError(f"observation: shape {observation.shape} is not {wanted}")
        slots, batch = observation.shape[: num_axes - 2], observation.shape[0]
        if action is not None and action.shape != (*slots, 2):
            raise ValueError(f"action: shape {action.shape} is not {(*slots, 2)}")
        recurrent = self.initial_state(batch) if recurrent is None else recurrent
        for name, part in zip("hc", recurrent, strict=True):
            if part.shape != (self.num_layers, batch, self.hidden_size):
                raise ValueError(
                    f"LSTM state batch size mismatch: {name} has the shape {part.shape}, "
                    f"expected {(self.num_layers, batch, self.hidden_size)}"
                )
        reset = jnp.zeros(slots, bool) if reset is None else jnp.asarray(reset).astype(bool)
        if reset.shape != slots:
            raise ValueError(f"reset: shape {reset.shape} is not {slots}")
        return recurrent, reset


# One compiled function for all agents with an equal network, whichever environment they are bound to.
_ACT = jax.jit(forward.act, static_argnums=(0,))
