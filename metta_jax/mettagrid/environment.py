"""One environment as pure functions of parameters and state."""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.turns import keys_of_order, random_keys
from metta_jax.config import EnvConfig, GameConfig, known_resources
from metta_jax.config.features import observation_features
from metta_jax.mapgen import build_maps
from metta_jax.mettagrid import inspect, step
from metta_jax.mettagrid.arguments import check_array, check_reset, check_step
from metta_jax.mettagrid.batching import shared_rules, single_step
from metta_jax.mettagrid.build import build_layout, build_params
from metta_jax.mettagrid.engine_path import EnginePath, choose_path
from metta_jax.mettagrid.map_pool import MapRows, count_maps, read_maps
from metta_jax.mettagrid.spaces import ActionSpace, Box, observation_space
from metta_jax.mettagrid.stats import agent_stat_names
from metta_jax.mettagrid.types import EnvParams, EnvState, Layout, StatsLevel, TimeStep

DEFAULT_NUM_MAPS = 64  # of one world
STATS_LEVELS = ("full", "totals", "none")


class MettaGrid:
    """A game on one or several maps. Holds shapes, names and the parameters; never changes.

    Args:
      config: the rules; or a world, rules and a map builder, as `worlds.get(name)` returns it.
      maps: one map or a list of maps, each a rectangle of object names or what a map builder draws; None for a world.
        Maps of different sizes are fine: smaller ones are padded with cells that no agent sees or enters.
      stats: "full" keeps what `episode_stats` of the original reports, "totals" the values only, "none" nothing. Raised
        to what the rewarded statistics need.
      engine_path: "wide", "narrow" or an `EnginePath`: how much of a batch one operation covers. None: what suits JAX's
        default device, see `choose_path`. The integers are the same.
      seed, num_maps: of a world's maps, as of `Environment`; None: 0 and 64.

    Raises:
      ValueError: for a world with maps, rules without; unknown objects, ragged maps, a wrong number of agents, an
        unknown `stats` or `engine_path`.
    """

    def __init__(
        self,
        config: GameConfig | EnvConfig,
        maps: MapRows | Sequence[MapRows] | None = None,
        stats: StatsLevel = "full",
        *,
        engine_path: EnginePath | str | None = None,
        seed: int | None = None,
        num_maps: int | None = None,
    ):
        if stats not in STATS_LEVELS:
            raise ValueError(f"stats: {stats!r} is not one of {list(STATS_LEVELS)}")
        game, maps = _game_and_maps(config, maps, seed, num_maps)
        self.config = known_resources(game)
        cells = read_maps(self.config, maps)
        self.layout = build_layout(self.config, count_maps(self.config, cells), stats, choose_path(None, engine_path))
        self.params: EnvParams = build_params(self.config, self.layout, cells)

    def reset(
        self, params: EnvParams, key: jax.Array, map_index: jax.Array | int | None = None
    ) -> tuple[EnvState, TimeStep]:
        """Start an episode. Pure; may be transformed by jit and vmap.

        Args:
          params: `self.params`, or others of the same shapes.
          key: typed key; decides the orders in which agents act, and the map if none is given.
          map_index: int32, which map of the pool; one of the game's at random if None.

        Raises:
          ValueError: these are no parameters, or no key.
        """
        check_reset(params, key, EnvParams)
        return _reset(self.layout, params, key, map_index)

    def step(
        self, params: EnvParams, state: EnvState, actions: jax.Array, order: jax.Array | None = None
    ) -> tuple[EnvState, TimeStep]:
        """Play one step. Pure; never resets, and may be called after the end of an episode.

        Args:
          actions: int32 [A, 2], type and argument of every agent.
          order: int32 [A], the agents in the order in which they act; drawn from the episode's key if None.

        Raises:
          ValueError: if the shape or the dtype of `actions` or `order` is wrong, or the arguments are in another order.
        """
        check_step(params, state, EnvParams, EnvState)
        check_array("actions", actions, (self.num_agents, 2))
        if order is not None:
            check_array("order", order, (self.num_agents,))
        return _step(self.layout, params, state, actions, order)

    def episode_stats(self, params: EnvParams, state: EnvState) -> dict[str, Any]:
        """Statistics of the episode so far: {"game": {...}, "agent": [{...}], "converter": [{...}]}. Host."""
        return inspect.episode_stats(self.layout, jax.device_get(params), jax.device_get(state))

    def grid_objects(self, params: EnvParams, state: EnvState) -> dict[int, dict[str, Any]]:
        """All objects by id, in the order of ids. Host."""
        return inspect.grid_objects(self.layout, jax.device_get(params), jax.device_get(state))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.num_agents} agents, {len(self.params.maps.height)} maps of at most "
            f"{self.map_width}x{self.map_height} cells, {self.num_flat_actions} flat actions, "
            f"observations {self.num_observation_tokens}x3)"
        )

    @property
    def path(self) -> EnginePath:
        """How much of a batch one operation covers."""
        return self.layout.path

    @property
    def unique_tokens(self) -> bool:
        """Whether no observation has two tokens for one location and feature.

        Only a converter that shows its recipe has two for an item: what it needs, and what it holds.
        """
        return not self.layout.shows_recipes

    @property
    def num_agents(self) -> int:
        return self.layout.num_agents

    @property
    def max_steps(self) -> int:
        return self.config.max_steps

    @property
    def obs_height(self) -> int:
        return self.layout.obs_height

    @property
    def obs_width(self) -> int:
        return self.layout.obs_width

    @property
    def num_observation_tokens(self) -> int:
        return self.layout.num_tokens

    @property
    def map_height(self) -> int:
        """Rows of the largest map."""
        return self.layout.height

    @property
    def map_width(self) -> int:
        """Columns of the largest map."""
        return self.layout.width

    @property
    def inventory_item_names(self) -> tuple[str, ...]:
        return self.layout.item_names

    @property
    def agent_stat_names(self) -> tuple[dict[str, int], ...]:
        """{name: index} of the statistics of an agent, for each group of `layout.group_names`; () if none are kept."""
        if self.layout.stats == "none":
            return ()
        return tuple(agent_stat_names(self.layout, group) for group in self.layout.group_names)

    @property
    def action_names(self) -> tuple[str, ...]:
        """Reported names in the order of action indices."""
        return tuple(action.reported_name for action in self.layout.actions)

    @property
    def max_action_args(self) -> tuple[int, ...]:
        return self.layout.max_args

    @property
    def action_space(self) -> ActionSpace:
        """The actions of one agent, int32 [2]: type and argument."""
        return ActionSpace.of(self)

    @property
    def observation_space(self) -> Box:
        """What one agent sees, uint8 [M, 3]."""
        return observation_space(self)

    @property
    def num_flat_actions(self) -> int:
        """F: the number of valid (type, argument) pairs."""
        return self.action_space.num_flat_actions

    @property
    def flat_actions(self) -> np.ndarray:
        """int32 [F, 2]: (type, argument) of every flat action."""
        return self.action_space.flat_actions()

    @cached_property
    def object_type_names(self) -> tuple[str, ...]:
        """Names by type id; gaps are empty strings."""
        objects = {thing.type_id: name for name, thing in self.config.objects.items()}
        size = max(len(objects) + len(self.config.groups), max(objects, default=0) + 1)
        return tuple("agent" if i == 0 else objects.get(i, "") for i in range(size))

    def get_observation_features(self) -> dict[str, dict[str, float]]:
        """{feature name: {"id", "normalization"}}."""
        return observation_features(self.layout.item_names)

    @property
    def feature_normalizations(self) -> dict[int, float]:
        return {int(f["id"]): f["normalization"] for f in self.get_observation_features().values()}


def _game_and_maps(
    config: Any, maps: MapRows | Sequence[MapRows] | None, seed: int | None, num_maps: int | None
) -> tuple[GameConfig, MapRows | Sequence[MapRows]]:
    if isinstance(config, EnvConfig):
        if maps is not None:
            raise ValueError("maps: given together with an EnvConfig, which draws its own; give its game and the maps")
        seed = 0 if seed is None else seed
        num_maps = DEFAULT_NUM_MAPS if num_maps is None else num_maps
        return config.game, build_maps(config.map_builder, seed=seed, num_maps=num_maps)
    if not isinstance(config, GameConfig):
        hint = f"; worlds.get({config!r}) is the world of that name" if isinstance(config, str) else ""
        raise ValueError(f"config: {config!r} is neither a GameConfig nor an EnvConfig{hint}")
    for name, value in (("seed", seed), ("num_maps", num_maps)):
        if value is not None:
            raise ValueError(f"{name}: {value} is for an EnvConfig, whose maps are drawn; the maps of a game are given")
    if maps is None:
        given = "give maps too, as of build_maps(builder, seed=0, num_maps=64), or an EnvConfig"
        raise ValueError(f"maps: missing; a GameConfig is rules only: {given}")
    return config, maps


def drawn_keys(state: EnvState, num_agents: int) -> jax.Array:
    """`[N, A]` sort keys of a random order for every environment, from its key and its step."""
    if num_agents == 1:
        return jnp.zeros((state.step.shape[0], 1), jnp.uint32)
    keys = jax.vmap(jax.random.fold_in)(state.key, state.step)
    return random_keys(jax.vmap(lambda key: jax.random.bits(key, (num_agents,), jnp.uint32))(keys))


# Compiled once for each layout, even if the caller does not compile. Inlined, so inside a jit it changes nothing.
_compiled = partial(jax.jit, static_argnums=0, inline=True)


@_compiled
def _reset(
    layout: Layout, params: EnvParams, key: jax.Array, map_index: jax.Array | int | None
) -> tuple[EnvState, TimeStep]:
    map_key, key = jax.random.split(key)
    if map_index is None:
        rules = params.rules
        map_index = rules.first_map + jax.random.randint(map_key, (), 0, rules.num_maps, jnp.int32)
    map_index = jnp.asarray(map_index, jnp.int32)
    return _single(step.reset(layout, shared_rules(params), key[None], map_index[None]))


@_compiled
def _step(
    layout: Layout, params: EnvParams, state: EnvState, actions: jax.Array, order: jax.Array | None
) -> tuple[EnvState, TimeStep]:
    if order is None:
        keys = drawn_keys(jax.tree.map(lambda x: x[None], state), layout.num_agents)[0]
    else:
        keys = keys_of_order(jnp.asarray(order)[None])[0]
    return single_step(layout)(params, state, jnp.asarray(actions), keys)


def _single(batch: Any) -> Any:
    return jax.tree.map(lambda x: x[0], batch)
