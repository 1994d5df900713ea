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
import numpy.typing as npt

from grid_kernels.compiled import compiled
from metta_jax.agent import forward, weights
from metta_jax.agent.binding import PolicyNames, bind, check_window
from metta_jax.agent.build import NetworkBuild, build_network
from metta_jax.agent.device import device_name, find_device
from metta_jax.agent.features import warn_invisible
from metta_jax.agent.forward import PolicyOutput
from metta_jax.agent.network import ComponentNetwork, Recurrent
from metta_jax.agent.policy import Policy
from metta_jax.agent.tables import AgentTables
from metta_jax.agent.weights import LayerInfo
from metta_jax.config.agent import AgentConfig
from metta_jax.core.device import Device
from metta_jax.mettagrid import EnvSpec
from metta_jax.mettagrid.arguments import check_env_spec, check_key, kind_of
from metta_jax.mettagrid.engine_path import EnginePath, path_of
from metta_jax.mettagrid.env_spec import has_unique_tokens
from metta_jax.mettagrid.spaces import ActionSpace

Params = dict[str, Any]

_DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True, init=False, eq=False)
class Agent(Policy):
    """A policy without its parameters; every method is a pure function.

    Args:
      env: anything with the static facts action_names, max_action_args, get_observation_features(), obs_width,
        obs_height, num_observation_tokens. No reference is kept.
      config: the name of a preset, an AgentConfig, a mapping for one, or a Flax module (see `network.Architecture`).
        None means the preset "default".
      device: where `init` puts parameters: "cpu", "cuda:1", "tpu", or a list "cuda,cpu" of which the first one that is
        there counts. None means the config's; if that has none, parameters go where the environment is that they are
        trained in.
      dtype: of the products up to the recurrent core, "float32" or "bfloat16"; None: bfloat16 on an accelerator,
        float32 on a CPU. Parameters, the core, the heads behind it and outputs are always float32.
      engine_path: "wide" or "narrow", or an `EnginePath`: whether the network takes the form for an accelerator or for
        a CPU. None: that of `env`, or what suits `device`.
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
    path: EnginePath
    device: Device | None
    needs_unique_tokens: bool
    _source: Any = dataclasses.field(repr=False)
    _build: NetworkBuild = dataclasses.field(repr=False)

    def __init__(
        self,
        env: EnvSpec,
        config: AgentConfig | Mapping[str, Any] | str | nn.Module | None = None,
        device: Device | str | None = None,
        *,
        dtype: str | None = None,
        engine_path: EnginePath | str | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        if dtype is not None and dtype not in _DTYPES:
            raise ValueError(f"dtype: {dtype!r} is not one of {', '.join(_DTYPES)}")
        check_env_spec(env)
        _check_config(config)
        source = config if isinstance(config, nn.Module) else AgentConfig.model_validate(config or "default")
        if device is None and isinstance(source, AgentConfig):
            device = source.device
        known = None if policy is None else PolicyNames.from_metadata(policy)
        found = find_device(device)
        path = path_of(env, found, engine_path)
        dtype = dtype or ("bfloat16" if path.is_wide else "float32")
        self._set(env, source, found, dtype, path, known, learn_new=False)

    def _set(
        self,
        env: EnvSpec,
        source: AgentConfig | nn.Module,
        device: Device | None,
        dtype: str,
        path: EnginePath,
        known: PolicyNames | None,
        learn_new: bool,
    ) -> None:
        action_space = ActionSpace.of(env)
        build = build_network(source)
        names, tables = bind(env, action_space, build.num_embeddings, known, learn_new)
        check_window(env, names, build.box_name)
        if build.box_name is not None:
            warn_invisible(names.feature_ids, names.num_channels)
        network = build.make(
            names,
            int(env.num_observation_tokens),
            action_space.num_flat_actions,
            dtype,
            wide=path.is_wide,
            unique_tokens=has_unique_tokens(env),
        )
        fields = {
            "config": source if isinstance(source, AgentConfig) else None,
            "network": network,
            "action_space": action_space,
            "names": names,
            "tables": tables,
            "hidden_size": build.hidden_size,
            "num_layers": build.num_layers,
            "dtype": dtype,
            "path": path,
            "device": device,
            "needs_unique_tokens": path.is_wide and has_unique_tokens(env),
            "_source": source,
            "_build": build,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def bind(self, env: EnvSpec, *, learn_new: bool = False) -> Agent:
        """The same policy for another environment; the parameters stay valid.

        Features and actions are matched by name. Unknown features are dropped, or learned with `learn_new` (when
        training continues there); unknown actions get new rows of the embedding table. With as many actions and tokens
        as before nothing recompiles that takes the tables as an argument.
        """
        bound = object.__new__(Agent)
        bound._set(env, self._source, self.device, self.dtype, self.path, self.names, learn_new)
        return bound

    def metadata(self) -> dict[str, Any]:
        """What a saved policy needs in addition to its parameters and its configuration, as JSON-able values.

        `Agent(env, config, policy=metadata)` restores it.
        """
        return self.names.to_metadata() | {
            "recurrent_shape": [self.num_layers, self.hidden_size],
            "dtype": self.dtype,
        }

    def __repr__(self) -> str:
        network = type(self._source).__name__ if self.config is None else self.config.preset or "own components"
        place = "" if self.device is None else f", on {device_name(self.device)}"
        return (
            f"Agent({network}): {self.num_params():,} parameters, {self.num_flat_actions} flat actions, window "
            f"{self.names.obs_width}x{self.names.obs_height}, recurrent {self.num_layers}x{self.hidden_size}, "
            f"{self.dtype}{place}"
        )

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
    def uses_dropout(self) -> bool:
        """Whether evaluating depends on its key. A user's module gets none."""
        return isinstance(self.network, ComponentNetwork) and self.network.graph.uses_dropout

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
        check_key(key)
        params = self._create(key)
        return params if self.device is None else jax.device_put(params, self.device)

    @compiled
    def _create(self, key: jax.Array) -> Params:
        return self._build.init(self.network, self.tables.on_device(), key)

    def num_params(self) -> int:
        """The number of trainable numbers."""
        leaves = jax.tree.leaves(jax.eval_shape(self.init, jax.random.key(0)))
        return sum(math.prod(leaf.shape) for leaf in leaves)

    def initial_state(self, batch_size: int) -> Recurrent:
        """(h, c) of zeros, each float32 [L, batch_size, H]."""
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
    ) -> tuple[PolicyOutput, Recurrent]:
        """Run the policy: its `PolicyOutput`, and the recurrent state after the last slot.

        | mode | observation | action | output |
        |---|---|---|---|
        | acting | uint8 [B, M, 3] | None | action int32 [B, 2], the others [B, ...] |
        | evaluating | uint8 [B, T, M, 3] | [B, T, 2] | action as given, the others [B * T, ...], batch first |

        Args:
          recurrent: (h, c), each float32 [L, B, H]; None = zeros.
          key: acting consumes it for sampling; evaluating uses it for dropout, which is off without it.
          reset: bool [B] or [B, T], zeroes the state before the slot; None = never.
          greedy: take the most probable action; needs no key.
          tables: stand in for the agent's own, so that a compiled function can serve another environment.

        The log-probability of a pair outside the action table is NaN; `action_space.flat_index` checks on the host.
        Raises ValueError for shapes that do not fit.
        """
        _check_params(params)
        recurrent, reset = self._check(observation, recurrent, action, reset)
        tables = (self.tables if tables is None else tables).on_device()
        if action is not None:
            return forward.evaluate(self.network, params, tables, observation, recurrent, reset, action, key)
        if key is None and not greedy:
            raise ValueError("key: None; sampling an action needs a key (or greedy=True)")
        if key is not None:
            check_key(key)
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
        """Actions int32 [B, 2] for observation [B, M, 3], and the next `carry`, the recurrent state. See `apply`."""
        output, carry = self.apply(params, observation, carry, key, reset=reset, greedy=greedy, tables=tables)
        return output.action, carry

    def act_numpy(
        self,
        params: Mapping[str, Any],
        observation: np.ndarray,
        carry: tuple[np.ndarray, np.ndarray] | None = None,
        seed: int | None = None,
        *,
        reset: npt.ArrayLike | None = None,
        greedy: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """`act` for loops without JAX: NumPy arrays in and out, compiled once per shape. Needs a `seed` or `greedy`."""
        _check_params(params)
        recurrent, cleared = self._check(jnp.asarray(observation), carry, None, reset)
        if seed is None and not greedy:
            raise ValueError("seed: None; sampling an action needs a seed (or greedy=True)")
        key = None if greedy else jax.random.key(seed or 0)
        observation = np.asarray(observation, np.uint8)
        output, state = _ACT(self.network, params, self.tables, observation, recurrent, cleared, key)
        return np.asarray(output.action), (np.asarray(state[0]), np.asarray(state[1]))

    @property
    def l2_init_weight_update_interval(self) -> int:
        """Of the configuration; a user's module has none."""
        return 0 if self.config is None else self.config.l2_init_weight_update_interval

    @property
    def analyze_weights_interval(self) -> int:
        """Of the configuration; a user's module has none."""
        return 0 if self.config is None else self.config.analyze_weights_interval

    def weight_limits(self, params: Mapping[str, Any]) -> dict[str, jax.Array]:
        """Bounds of weight clipping by layer, float32 [], from the *initial* parameters; {} if clip_range is 0."""
        return weights.weight_limits(params, self.parameter_layers, self._clip_range)

    def clip_weights(self, params: Mapping[str, Any], limits: Mapping[str, jax.Array] | None = None) -> Params:
        """The parameters with the weights of parameter layers clamped to `limits` = `weight_limits(initial params)`.

        Without limits nothing may have to be clipped (clip_range 0), else ValueError: bounds are relative to the
        largest initial weight, which cannot be read off the current parameters.
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
        """Check shapes and fill in what was not given."""
        num_axes = 3 if action is None else 4
        if not hasattr(observation, "ndim"):
            hint = "; give its .observation" if hasattr(observation, "observation") else ""
            raise ValueError(f"observation: {kind_of(observation)} is not an array{hint}")
        if observation.ndim != num_axes or observation.shape[-1] != 3:
            wanted = "[B, tokens, 3] (acting)" if action is None else "[B, T, tokens, 3] (evaluating)"
            is_batch = action is None and observation.ndim == 4
            hint = ": observation.reshape(-1, *observation.shape[2:]) makes rows of all agents" if is_batch else ""
            raise ValueError(f"observation: shape {observation.shape} is not {wanted}{hint}")
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


def _check_config(config: Any) -> None:
    """Raise ValueError for arguments that are easily mistaken for a network."""
    if isinstance(config, type) and issubclass(config, nn.Module):
        raise ValueError(f"config: {kind_of(config)} is given, an instance is needed: {config.__name__}(...)")
    if all(hasattr(config, name) for name in ("action_names", "num_observation_tokens")):
        raise ValueError("config: is an environment; it comes first, Agent(env, config)")
    if config is not None and not isinstance(config, AgentConfig | Mapping | str | nn.Module):
        raise ValueError(
            f"config: {kind_of(config)} is not a network; give a preset's name, an AgentConfig, a mapping for one, "
            "or a module of flax.linen"
        )


def _check_params(params: Any) -> None:
    if not isinstance(params, Mapping):
        hint = "; give its .params" if hasattr(params, "params") else ""
        raise ValueError(f"params: {kind_of(params)} is not a mapping of parameters{hint}")


# One compiled function for all agents with an equal network, whichever environment they are bound to.
_ACT = jax.jit(forward.act, static_argnums=(0,))
