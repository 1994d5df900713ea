"""What an environment is made of: static shapes, numbers, state, and what a step returns.

Letters: N environments, A agents, I items, C converters, G groups, K statistics; here also W wall names, R converter
names. Types are shown for one environment; a batch has a leading axis N everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import flax.struct
import jax

from grid_kernels.converters import Recipe
from grid_kernels.inventory import Weights
from metta_jax.config.features import most_tokens
from metta_jax.core.short_repr import node_repr
from metta_jax.mettagrid.actions import Action, Interaction
from metta_jax.mettagrid.engine_path import EnginePath

StatsLevel = Literal["full", "totals", "none"]

LAST_STEP = 2**31 - 1  # Where the clock of an episode without limit stops; no limit is longer.


@dataclass(frozen=True)
class Layout:
    """Everything static: what decides the shapes and the operations of a compiled step. Hashable."""

    num_agents: int
    num_items: int
    num_converters: int  # most of any map
    num_blocks: int  # swappable walls: most of any map
    height: int  # of the largest map
    width: int
    obs_height: int
    obs_width: int
    num_tokens: int
    actions: tuple[Action, ...]  # the enabled ones, in index order
    max_args: tuple[int, ...]
    wall_names: tuple[str, ...]
    converter_names: tuple[str, ...]
    group_names: tuple[str, ...]  # alphabetical
    item_names: tuple[str, ...]
    global_tokens: tuple[str, ...]  # keys of `features.GLOBAL` that are shown, in their order
    reward_rule: str  # what `<item>_max` limits, one of `grid_kernels.inventory.REWARD_RULES`
    stat_rewards: tuple[str, ...]  # rewarded statistics, alphabetical
    has_costs: bool  # some action requires or consumes something
    shows_recipes: bool
    stats: StatsLevel
    path: EnginePath  # how much of a batch one operation covers

    @property
    def num_groups(self) -> int:
        return len(self.group_names)

    @property
    def pad(self) -> tuple[int, int]:
        """Rows and columns around the map, so that no window leaves it."""
        return self.obs_height // 2, self.obs_width // 2

    @property
    def stride(self) -> int:
        """Cells of a padded row."""
        return self.width + 2 * self.pad[1]

    @property
    def num_cells(self) -> int:
        return (self.height + 2 * self.pad[0]) * self.stride

    @property
    def row_size(self) -> int:
        """The most tokens that an object, or what an agent sees of the episode, can have."""
        return most_tokens(self.num_items, shows_recipes=self.shows_recipes, global_tokens=self.global_tokens)

    # Object codes on the grid: 0 empty, then wall names, agents, converters, and single blocks.
    @property
    def agent_code(self) -> int:
        return 1 + len(self.wall_names)

    @property
    def converter_code(self) -> int:
        return self.agent_code + self.num_agents

    @property
    def block_code(self) -> int:
        return self.converter_code + self.num_converters

    def action(self, interaction: Interaction) -> int:
        """Index of the action that is resolved like this, -1 if it is not enabled."""
        return next((i for i, action in enumerate(self.actions) if action.resolution == interaction), -1)


class Rules(flax.struct.PyTreeNode):
    """The numbers of a game; to change one compiles nothing."""

    max_steps: jax.Array  # int32, 0 = no limit
    truncations: jax.Array  # bool [rules]: which rules of `endings.TRUNCATIONS` the game has
    first_map: jax.Array  # int32: the maps of this game are maps first_map .. first_map + num_maps - 1
    num_maps: jax.Array  # int32

    group_id: jax.Array  # int32 [G]
    pool: jax.Array  # int32 [G]: the group whose pool of shared rewards this one uses
    share: jax.Array  # float32 [G]: what part of a reward goes to the pool
    freeze_duration: jax.Array  # int32 [G]
    failure_penalty: jax.Array  # float32 [G]
    limit: jax.Array  # int32 [G, I]
    weights: Weights  # [G, I]
    stat_weight: jax.Array  # float32 [G, stat_rewards], 0 for none
    stat_maximum: jax.Array  # float32 [G, stat_rewards], the largest one for none
    stat_index: jax.Array  # int32 [G, stat_rewards]: where it stands among the statistics of an agent, -1 for none
    stat_kind: jax.Array  # int32 [G, stat_rewards]: index in `stats.DERIVED` of what is read of it

    enabled: jax.Array  # bool [actions]: whether this game has the action; all True unless tasks have different ones
    required: jax.Array  # int32 [actions, I], -1 = not required
    cost: jax.Array  # int32 [actions, I]: consumed on success, 0 if only required, -1 for neither
    defense: jax.Array  # int32 [I], -1 = not needed

    wall_type: jax.Array  # int32 [W] type ids
    wall_swappable: jax.Array  # bool [W]
    recipe: Recipe  # [R, ...]
    converter_type: jax.Array  # int32 [R] type ids
    converter_color: jax.Array  # int32 [R]
    initial_amount: jax.Array  # int32 [R]
    shows_recipe: jax.Array  # bool [R]


class Maps(flax.struct.PyTreeNode):
    """A pool of maps, as at the start of an episode."""

    height: jax.Array  # int32 [maps]
    width: jax.Array  # int32 [maps]
    grid: jax.Array  # int16 [maps, cells] object codes
    agent_cell: jax.Array  # int32 [maps, A] padded cells
    agent_group: jax.Array  # int32 [maps, A] indices of group names
    converter_cell: jax.Array  # int32 [maps, C], 0 = there is none
    converter_kind: jax.Array  # int32 [maps, C] indices of converter names
    block_kind: jax.Array  # int32 [maps, blocks] indices of wall names


MapFn: TypeAlias = Callable[[jax.Array], Maps]
"""From a typed key to a pool of one map: `Maps` with a leading axis of 1."""


class EnvParams(flax.struct.PyTreeNode):
    """All numbers of an environment. `rules` may have a leading axis of environments or tasks, `maps` are shared."""

    rules: Rules
    maps: Maps

    def __repr__(self) -> str:
        return node_repr(self)


class StatMeta(flax.struct.PyTreeNode):
    """What is kept of each statistic in addition to its value."""

    updates: jax.Array  # int32
    first_step: jax.Array  # int32
    last_step: jax.Array  # int32
    first_value: jax.Array  # float32: the value after the first update, the smallest one since values only grow


class Stats(flax.struct.PyTreeNode):
    """Statistics of agents or converters: `value` float32 [A, K] or [C, K], 0 = never updated."""

    value: jax.Array
    meta: StatMeta | None


class EnvState(flax.struct.PyTreeNode):
    """One environment within an episode."""

    key: jax.Array  # typed key of the episode; the order of agents in step t comes from it and t
    step: jax.Array  # int32: steps played, at most LAST_STEP
    map_index: jax.Array  # int32: which map of the pool
    grid: jax.Array  # int16 [cells] object codes
    cell: jax.Array  # int32 [A] padded cells: where each agent is
    orientation: jax.Array  # int32 [A]: 0 up, 1 down, 2 left, 3 right
    frozen: jax.Array  # int32 [A]: steps for which the agent can do nothing, 0 if it can
    color: jax.Array  # uint8 [A]: as `change_color` sets it
    glyph: jax.Array  # uint8 [A]: as `change_glyph` sets it
    group: jax.Array  # int32 [A] index of the group's name
    inventory: jax.Array  # int16 [A, I]: pieces of each item, -1 = no entry
    held_value: jax.Array  # float32 [A]: what the resource rewards of the held items add up to
    stat_value: jax.Array  # float32 [A]: what the statistic rewards add up to
    episode_return: jax.Array  # float32 [A]: rewards of the episode so far, before group sharing
    converter_stock: jax.Array  # uint8 [C, I]: pieces of each item in the converter
    converter_phase: jax.Array  # int32 [C]: 0 idle, 1 converting, 2 cooling down
    converter_due: jax.Array  # int32 [C]: the step at which that ends, 0x7FFFFFFF if idle
    converter_kind: jax.Array  # int32 [C] index of the converter's name
    agent_stats: Stats | None  # [A, K]: of each agent; None if none are kept
    converter_events: Stats | None  # [C, 5]: how often each of `Counts` happened to a converter; None if none are kept
    converter_moves: Stats | None  # [C, 2 I]: items that agents added to it, then removed; None if none are kept
    token_stats: Stats | None  # [3]: tokens written, dropped, free; None if none are kept

    def __repr__(self) -> str:
        return node_repr(self)


class TimeStep(flax.struct.PyTreeNode):
    """What a reset or a step returns."""

    observation: jax.Array  # uint8 [A, M, 3]: location, feature, value; 255, 255, 255 where unused
    reward: jax.Array  # float32 [A]: of this step, 0 after a reset
    terminated: jax.Array  # bool [A]: the episode is over, the same for all agents
    truncated: jax.Array  # bool [A]: it was cut off at the step limit, the same for all agents
    action_success: jax.Array  # bool [A]: whether the action did what it is for
