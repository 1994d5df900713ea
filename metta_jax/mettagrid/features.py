"""Observation features: their ids, names and normalizations, and the names of actions."""

TYPE_ID, GROUP, HP, FROZEN, ORIENTATION, COLOR, CONVERTING, SWAPPABLE = range(8)
COMPLETION, LAST_ACTION, LAST_ARG, LAST_REWARD, GLYPH, RESOURCE_REWARDS = range(8, 14)
FIRST_ITEM = 14

NAMES = {
    TYPE_ID: ("type_id", 1.0),
    GROUP: ("agent:group", 10.0),
    HP: ("hp", 30.0),
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
ITEM_NORMALIZATION = 100.0

REPORTED_NAMES = {"get_items": "get_output", "put_items": "put_recipe_items"}  # others are reported as they are


def observation_features(item_names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """{feature name: {"id", "normalization"}} in the order of ids."""
    features = {name: {"id": i, "normalization": scale} for i, (name, scale) in NAMES.items()}
    for i, item in enumerate(item_names):
        features[f"inv:{item}"] = {"id": FIRST_ITEM + i, "normalization": ITEM_NORMALIZATION}
    return features


def reported_name(action: str) -> str:
    """The name of an action in statistics and in `action_names`."""
    return REPORTED_NAMES.get(action, action)
