"""What observation tokens say: the features with their ids, and which of them each kind of object shows.

A token is three bytes: where in the window, which feature, which value. How many items a game may have, and how many
tokens an object, follow from this table.
"""

from collections.abc import Iterable

NO_FEATURE = 255  # the feature of unused tokens, so the only byte that is no id

TYPE_ID, GROUP, HP, FROZEN, ORIENTATION, COLOR, CONVERTING, SWAPPABLE = range(8)
COMPLETION, LAST_ACTION, LAST_ARG, LAST_REWARD, GLYPH, RESOURCE_REWARDS = range(SWAPPABLE + 1, 14)

NAMES = {  # name and normalization
    TYPE_ID: ("type_id", 1.0),
    GROUP: ("agent:group", 10.0),
    HP: ("hp", 30.0),  # has an id in MettaGrid, but nothing shows it
    FROZEN: ("agent:frozen", 1.0),
    ORIENTATION: ("agent:orientation", 1.0),
    COLOR: ("agent:color", 255.0),
    CONVERTING: ("converting", 1.0),
    SWAPPABLE: ("swappable", 1.0),
    COMPLETION: ("episode_completion_pct", 255.0),
    LAST_ACTION: ("last_action", 10.0),
    LAST_ARG: ("last_action_arg", 10.0),
    LAST_REWARD: ("last_reward", 100.0),
    GLYPH: ("agent:glyph", 255.0),
    RESOURCE_REWARDS: ("resource_rewards", 255.0),
}
FIRST_ITEM = len(NAMES)  # items have the ids from here on
MAX_ITEMS = NO_FEATURE - FIRST_ITEM
ITEM_NORMALIZATION = 100.0

# What is shown, in the order of the tokens. Agents and converters show their items after these.
WALL = (TYPE_ID, SWAPPABLE)
AGENT = (TYPE_ID, GROUP, FROZEN, ORIENTATION, COLOR, GLYPH)
CONVERTER = (TYPE_ID, COLOR, CONVERTING)
GLOBAL = {  # by field of `GlobalObsConfig`
    "episode_completion_pct": (COMPLETION,),
    "last_action": (LAST_ACTION, LAST_ARG),
    "last_reward": (LAST_REWARD,),
    "resource_rewards": (RESOURCE_REWARDS,),
}


def most_tokens(num_items: int, *, shows_recipes: bool, global_tokens: Iterable[str]) -> int:
    """The most tokens that an object, or what an agent sees of the episode, can have.

    Args:
      num_items: of the game.
      shows_recipes: whether some converter shows the items that it needs after those that it holds.
      global_tokens: the keys of `GLOBAL` that are shown.
    """
    item_lists = 2 if shows_recipes else 1
    num_globals = sum(len(GLOBAL[name]) for name in global_tokens)
    return max(len(WALL), len(AGENT) + num_items, len(CONVERTER) + item_lists * num_items, num_globals)


def observation_features(item_names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """{feature name: {"id", "normalization"}} in the order of ids."""
    features = {name: {"id": i, "normalization": scale} for i, (name, scale) in NAMES.items()}
    for i, item in enumerate(item_names):
        features[f"inv:{item}"] = {"id": FIRST_ITEM + i, "normalization": ITEM_NORMALIZATION}
    return features
