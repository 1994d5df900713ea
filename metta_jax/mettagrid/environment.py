"""One environment as pure functions of parameters and state."""

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.turns import keys_of_order, random_keys
from metta_jax.config import GameConfig, known_resources
from metta_jax.mettagrid import inspect, step
from metta_jax.mettagrid.build import build_layout, build_params
from metta_jax.mettagrid.features import observation_features, reported_name
from metta_jax.mettagrid.map_pool import count_maps, read_maps
from metta_jax.mettagrid.stats import agent_stat_names
from metta_jax.mettagrid.types import EnvParams, EnvState, StatsLevel, TimeStep

STATS_LEVELS = ("full", "totals", "none")


class MettaGrid:
    """A game on one or several maps. Holds shapes, names and the parameters; never changes.

    Args:
      config: the rules.
      maps: one map or a list of maps, each a rectangle of object names. Maps of different sizes are fine: smaller ones
        are padded with cells that nobody sees or enters.
      stats: "full" keeps what `episode_stats` of the original reports, "totals" the values only, "none" nothing. Raised
        to what the rewarded statistics need.

    Raises:
      ValueError: for unknown objects, ragged maps, a wrong number of agents, an unknown `stats`.
    """

    def __init__(self, config: GameConfig, maps: Any, stats: StatsLevel = "full"):
        if stats not in STATS_LEVELS:
            raise ValueError(f"stats: {stats!r} is not one of {list(STATS_LEVELS)}")
        self.config = known_resources(config)
        cells = read_maps(self.config, maps)
        self.layout = build_layout(self.config, count_maps(self.config, cells), stats)
        self.params: EnvParams = build_params(self.config, self.layout, cells)

    def reset(
        self, params: EnvParams, key: jax.Array, map_index: jax.Array | int | None = None
    ) -> tuple[EnvState, TimeStep]:
        """Starts an episode. Pure; may be transformed by jit and vmap.

        Args:
          params: `self.params`, or others of the same shapes.
          key: typed key; decides the orders in which agents act, and the map if none is given.
          map_index: int32, which map of the pool; one of the game's at random if None.
        """
        map_key, key = jax.random.split(key)
        if map_index is None:
            rules = params.rules
            map_index = rules.first_map + jax.random.randint(map_key, (), 0, rules.num_maps, jnp.int32)
        map_index = jnp.asarray(map_index, jnp.int32)
        return _single(step.reset(self.layout, shared_rules(params), key[None], map_index[None]))

    def step(
        self, params: EnvParams, state: EnvState, actions: jax.Array, order: jax.Array | None = None
    ) -> tuple[EnvState, TimeStep]:
        """Plays one step. Pure; never resets, and may be called after the end of an episode.

        Args:
          actions: `[A, 2]` int32, type and argument of every agent.
          order: `[A]` int32, the agents in the order in which they act; drawn from the episode's key if None.

        Raises:
          ValueError: if the shape or the dtype of `actions` or `order` is wrong.
        """
        num_agents = self.num_agents
        check_array("actions", actions, (num_agents, 2))
        batch = jax.tree.map(lambda x: x[None], state)
        if order is None:
            keys = drawn_keys(batch, num_agents)
        else:
            check_array("order", order, (num_agents,))
            keys = keys_of_order(jnp.asarray(order)[None])
        return _single(step.step(self.layout, shared_rules(params), batch, jnp.asarray(actions)[None], keys))

    def episode_stats(self, params: EnvParams, state: EnvState) -> dict[str, Any]:
        """Statistics of the episode so far: {"game": {...}, "agent": [{...}], "converter": [{...}]}. Host."""
        return inspect.episode_stats(self.layout, jax.device_get(params), jax.device_get(state))

    def grid_objects(self, params: EnvParams, state: EnvState) -> dict[int, dict[str, Any]]:
        """All objects by id, in the order of ids. Host."""
        return inspect.grid_objects(self.layout, jax.device_get(params), jax.device_get(state))

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
        return tuple(reported_name(name) for name in self.layout.actions)

    @property
    def max_action_args(self) -> tuple[int, ...]:
        return self.layout.max_args

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


def shared_rules(params: EnvParams) -> EnvParams:
    """Parameters whose rules have the leading axis of a batch that shares them."""
    return params.replace(rules=jax.tree.map(lambda x: x[None], params.rules))


def drawn_keys(state: EnvState, num_agents: int) -> jax.Array:
    """`[B, A]` sort keys of a random order for every environment, from its key and its step."""
    if num_agents == 1:
        return jnp.zeros((state.step.shape[0], 1), jnp.uint32)
    keys = jax.vmap(jax.random.fold_in)(state.key, state.step)
    return random_keys(jax.vmap(lambda key: jax.random.bits(key, (num_agents,), jnp.uint32))(keys))


def check_array(name: str, value: Any, shape: tuple[int, ...]) -> None:
    """Raises a ValueError unless `value` is int32 of this shape."""
    got, dtype = np.shape(value), getattr(value, "dtype", None)
    if got != shape:
        raise ValueError(f"{name}: shape {list(got)} is not {list(shape)}")
    if dtype != np.int32:
        kind = dtype if dtype is not None else type(value).__name__
        raise ValueError(f"{name}: dtype {kind} is not int32")


def _single(batch):
    return jax.tree.map(lambda x: x[0], batch)
