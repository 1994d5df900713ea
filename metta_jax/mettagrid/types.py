"""What an environment is made of: static shapes, numbers, state, and what a step returns.

Letters: B environments, A agents, I items, C converters, W wall names, R converter names, G group names, N enabled
actions, M maps, S padded cells. Types are shown for one environment; a batch has a leading axis B everywhere.
"""

from dataclasses import dataclass
from typing import Literal

import flax.struct
import jax

from grid_kernels.converters import Recipe
from grid_kernels.inventory import Weights

StatsLevel = Literal["full", "totals", "none"]

# Object features, see `features.py`.
GLOBAL_TOKENS = {"episode_completion_pct": 1, "last_action": 2, "last_reward": 1, "resource_rewards": 1}


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
    actions: tuple[str, ...]  # configuration names of the enabled actions, in index order
    max_args: tuple[int, ...]
    wall_names: tuple[str, ...]
    converter_names: tuple[str, ...]
    group_names: tuple[str, ...]  # alphabetical
    item_names: tuple[str, ...]
    global_tokens: tuple[str, ...]  # keys of GLOBAL_TOKENS that are shown, in their order
    reward_rule: str  # "per_item" or "running_total"
    stat_rewards: tuple[str, ...]  # rewarded statistics, alphabetical
    has_costs: bool  # some action requires or consumes something
    shows_recipes: bool
    stats: StatsLevel

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

    def action(self, name: str) -> int:
        """Index of an enabled action, -1 if it is not enabled."""
        return self.actions.index(name) if name in self.actions else -1


class Rules(flax.struct.PyTreeNode):
    """The numbers of a game; to change one compiles nothing."""

    max_steps: jax.Array  # int32, 0 = no limit
    truncates: jax.Array  # bool: the step limit truncates instead of terminating
    first_map: jax.Array  # int32: the maps of this game are maps first_map .. first_map + num_maps - 1
    num_maps: jax.Array  # int32

    group_id: jax.Array  # [G] int32
    pool: jax.Array  # [G] int32: the group whose pool of shared rewards this one uses
    share: jax.Array  # [G] float32: what part of a reward goes to the pool
    freeze_duration: jax.Array  # [G] int32
    failure_penalty: jax.Array  # [G] float32
    limit: jax.Array  # [G, I] int32
    weights: Weights  # [G, I]
    stat_weight: jax.Array  # [G, K] float32, 0 for none
    stat_maximum: jax.Array  # [G, K] float32, infinity for none
    stat_index: jax.Array  # [G, K] int32: where the statistic stands among those of an agent, -1 if it has none
    stat_kind: jax.Array  # [G, K] int32: index in `stats.DERIVED` of what is read of it

    enabled: jax.Array  # [N] bool: whether this game has the action; all True unless tasks have different ones
    required: jax.Array  # [N, I] int32, -1 = not required
    cost: jax.Array  # [N, I] int32: consumed on success, 0 if only required, -1 for neither
    defense: jax.Array  # [I] int32, -1 = not needed

    wall_type: jax.Array  # [W] int32 type ids
    wall_swappable: jax.Array  # [W] bool
    recipe: Recipe  # [R, ...]
    converter_type: jax.Array  # [R] int32 type ids
    converter_color: jax.Array  # [R] int32
    initial_amount: jax.Array  # [R] int32
    shows_recipe: jax.Array  # [R] bool


class Maps(flax.struct.PyTreeNode):
    """A pool of maps, as they are at the start of an episode."""

    height: jax.Array  # [M] int32
    width: jax.Array  # [M] int32
    grid: jax.Array  # [M, S] int16 object codes
    agent_cell: jax.Array  # [M, A] int32 padded cells
    agent_group: jax.Array  # [M, A] int32 indices of group names
    converter_cell: jax.Array  # [M, C] int32, 0 = there is none
    converter_kind: jax.Array  # [M, C] int32 indices of converter names
    block_kind: jax.Array  # [M, blocks] int32 indices of wall names


class EnvParams(flax.struct.PyTreeNode):
    """All numbers of an environment. `rules` may have a leading axis of environments or tasks, `maps` are shared."""

    rules: Rules
    maps: Maps


class StatMeta(flax.struct.PyTreeNode):
    """What is kept of each statistic besides its value."""

    updates: jax.Array  # int32
    first_step: jax.Array  # int32
    last_step: jax.Array  # int32
    first_value: jax.Array  # float32: the value after the first update, the smallest one since values only grow


class Stats(flax.struct.PyTreeNode):
    """Statistics of agents or converters: `value` `[A, K]` or `[C, K]` float32, 0 = never updated."""

    value: jax.Array
    meta: StatMeta | None


class EnvState(flax.struct.PyTreeNode):
    """One environment within an episode."""

    key: jax.Array  # typed key of the episode; the order of agents in step t comes from it and t
    step: jax.Array  # int32
    map_index: jax.Array  # int32
    grid: jax.Array  # [S] int16 object codes
    cell: jax.Array  # [A] int32 padded cells
    orientation: jax.Array  # [A] int32
    frozen: jax.Array  # [A] int32
    color: jax.Array  # [A] uint8
    glyph: jax.Array  # [A] uint8
    group: jax.Array  # [A] int32 index of the group's name
    inventory: jax.Array  # [A, I] int16, -1 = no entry
    held_value: jax.Array  # [A] float32: what the resource rewards of the held items add up to
    stat_value: jax.Array  # [A] float32: what the statistic rewards add up to
    episode_return: jax.Array  # [A] float32, before group sharing
    converter_stock: jax.Array  # [C, I] uint8
    converter_phase: jax.Array  # [C] int32
    converter_due: jax.Array  # [C] int32
    converter_kind: jax.Array  # [C] int32 index of the converter's name
    agent_stats: Stats | None  # [A, K]
    converter_stats: Stats | None  # [C, K]
    token_stats: Stats | None  # [3]: tokens written, dropped, free


class TimeStep(flax.struct.PyTreeNode):
    """What a reset or a step returns."""

    observation: jax.Array  # [A, T, 3] uint8: location, feature, value; 255, 255, 255 where unused
    reward: jax.Array  # [A] float32
    terminated: jax.Array  # [A] bool
    truncated: jax.Array  # [A] bool
    action_success: jax.Array  # [A] bool
