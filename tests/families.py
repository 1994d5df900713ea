"""The shapes of the random worlds in `strategies.py`: everything that a compiled step depends on."""

from __future__ import annotations

from dataclasses import dataclass

ALL_ACTIONS = (
    "attack",
    "change_color",
    "change_glyph",
    "get_items",
    "move",
    "noop",
    "put_items",
    "rotate",
    "swap",
)

ALL_GLOBAL_TOKENS = ("episode_completion_pct", "last_action", "last_reward", "resource_rewards")


@dataclass(frozen=True)
class Family:
    """Everything that is static in the engine.

    Attributes:
      name: for messages.
      map_sizes: (height, width) of the maps, one map for each.
      agents: the group of every agent.
      group_ids: {group name: id} as pairs; ids may be shared and have gaps.
      items: names of the inventory items.
      actions: the enabled actions.
      window: (height, width) of the observation.
      num_tokens: observation tokens.
      global_tokens: the facts about the episode that are shown.
      num_machines: converters on each map, and converter types.
      recipe_size: inputs and outputs of the first converter type; the others have at most as many.
      num_blocks: swappable walls on each map.
      num_glyphs: for change_glyph.
      reward_cap: the knob resource_reward_cap.
      has_costs: whether actions require or consume anything.
      shows_recipes: whether converters may show their inputs.
      stat_rewards: keys of statistic rewards; their weights vary.
    """

    name: str
    map_sizes: tuple[tuple[int, int], ...]
    agents: tuple[str, ...]
    group_ids: tuple[tuple[str, int], ...]
    items: tuple[str, ...]
    actions: tuple[str, ...]
    window: tuple[int, int]
    num_tokens: int
    global_tokens: tuple[str, ...]
    num_machines: int
    recipe_size: tuple[int, int]
    num_blocks: int
    reward_cap: str
    has_costs: bool
    num_glyphs: int = 0
    shows_recipes: bool = False
    stat_rewards: tuple[str, ...] = ()

    @property
    def num_agents(self) -> int:
        return len(self.agents)


FAMILIES = (
    Family(
        name="everything",
        map_sizes=((6, 6),),
        agents=("red", "blue", "red", "blue", "agent"),
        group_ids=(("agent", 0), ("red", 1), ("blue", 2)),
        items=("ore", "heart", "laser"),
        actions=ALL_ACTIONS,
        window=(5, 5),
        num_tokens=64,
        global_tokens=ALL_GLOBAL_TOKENS,
        num_machines=3,
        recipe_size=(1, 2),
        num_blocks=3,
        reward_cap="running_total",
        has_costs=True,
        num_glyphs=4,
    ),
    Family(
        name="factory",
        map_sizes=((5, 7), (6, 4), (3, 5)),
        agents=("agent", "agent", "agent"),
        group_ids=(("agent", 0),),
        items=("ore", "machine_1", "heart", "armor"),  # two statistics of machine_1 share a name
        actions=("get_items", "move", "put_items", "rotate"),
        window=(3, 5),
        num_tokens=48,
        global_tokens=("last_action", "last_reward"),
        num_machines=4,
        recipe_size=(2, 3),
        num_blocks=0,
        reward_cap="per_item",
        has_costs=False,
        shows_recipes=True,
    ),
    Family(
        name="crowd",
        map_sizes=((4, 5), (5, 4)),
        agents=("a", "b", "c", "a", "b", "c", "a", "b"),
        group_ids=(("a", 7), ("b", 200), ("c", 7)),
        items=("ore", "heart"),
        actions=("attack", "get_items", "move", "noop", "put_items", "rotate", "swap"),
        window=(5, 3),
        num_tokens=18,
        global_tokens=("episode_completion_pct", "last_reward"),
        num_machines=2,
        recipe_size=(2, 1),
        num_blocks=1,
        reward_cap="per_item_reward",
        has_costs=True,
    ),
    Family(
        name="statistics",
        map_sizes=((5, 5),),
        agents=("a", "b", "a"),
        group_ids=(("a", 0), ("b", 1)),
        items=("ore", "heart"),
        actions=ALL_ACTIONS,
        window=(3, 3),
        num_tokens=30,
        global_tokens=("resource_rewards",),
        num_machines=2,
        recipe_size=(1, 2),
        num_blocks=1,
        reward_cap="running_total",
        has_costs=True,
        num_glyphs=255,
        stat_rewards=(
            "action.attack.a.hit.b",
            "action.failure_penalty",
            "action.get_output.success.updates",
            "action.invalid_arg",
            "action.move.success",
            "action.move.success.activity_rate",
            "action.noop.success.first_step",
            "action.rotate.success.rate",
            "heart.gained.max",
            "no.such.key",
            "ore.gained",
            "ore.gained.avg",
            "ore.lost.last_step",
            "ore.put",
            "status.frozen.ticks.a",
        ),
    ),
    Family(
        name="line",
        map_sizes=((1, 9), (9, 1), (1, 4)),
        agents=("agent", "foe"),
        group_ids=(("agent", 0), ("foe", 1)),
        items=("ore",),
        actions=("attack", "change_glyph", "get_items", "move", "noop", "rotate", "swap"),
        window=(3, 3),
        num_tokens=3,
        global_tokens=ALL_GLOBAL_TOKENS,
        num_machines=1,
        recipe_size=(0, 1),
        num_blocks=1,
        reward_cap="running_total",
        has_costs=True,
    ),
    Family(
        name="blocks",
        map_sizes=((5, 6),),
        agents=("agent", "foe", "foe", "agent"),
        group_ids=(("agent", 0), ("foe", 1)),
        items=("i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i9"),
        actions=("attack", "change_color", "move", "rotate", "swap"),
        window=(7, 3),
        num_tokens=80,
        global_tokens=(),
        num_machines=0,
        recipe_size=(0, 0),
        num_blocks=8,
        reward_cap="per_item",
        has_costs=True,
    ),
)
