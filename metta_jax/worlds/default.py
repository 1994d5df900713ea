"""One room, one supply chain from ore to hearts: the default world, and `forage`, where there is more to find."""

from __future__ import annotations

from metta_jax.config import EnvConfig, GameConfig
from metta_jax.mapgen import RandomRoom
from metta_jax.worlds import object_types as types
from metta_jax.worlds.options import WorldOptions
from metta_jax.worlds.world import World

# Their five items are part of the rules.
_TAKES = ("num_agents", "width", "height", "objects")


def default_worlds() -> dict[str, World]:
    """`default` and `forage`."""
    return {
        "default": World(
            _default, "One room, one way from ore to batteries to hearts; the world without a name.", _TAKES
        ),
        "forage": World(_forage, "The default world's rules with more to find: 30 altars hold a heart each.", _TAKES),
    }


def _default(options: WorldOptions) -> EnvConfig:
    """Four agents in 32 x 32 cells, unless `options` say otherwise."""
    num_agents = options.num_agents or 4
    width, height = options.size(32, 32)
    room = RandomRoom(
        width=width,
        height=height,
        objects=options.counts({"mine_red": 2, "generator_red": 1, "altar": 1, "wall": 5, "block": 3}),
        agents=num_agents,
        border_width=2,
    )
    return EnvConfig(game=default_game(num_agents), map_builder=room)


def _forage(options: WorldOptions) -> EnvConfig:
    """The default world's rules on a rich map: 30 altars that hold one heart each, and work for the next ones.

    In the default world an agent that acts at random hardly ever meets a mine. Here it finds about one heart an
    episode, so that there is something to learn from within minutes. The whole map is as large as the default room.
    """
    num_agents = options.num_agents or 4
    width, height = options.size(30, 30)
    room = RandomRoom(
        width=width,
        height=height,
        objects=options.counts({"mine_red": 12, "generator_red": 12, "altar": 30, "wall": 60, "block": 25}),
        agents=num_agents,
        border_width=1,
    )
    altar = {"initial_resource_count": 1, "cooldown": 1000, "max_output": 5}
    return EnvConfig(game=default_game(num_agents).replace(objects={"altar": altar}), map_builder=room)


def default_game(num_agents: int) -> GameConfig:
    """The rules of the default world."""

    def converter(type_id: int, inputs: dict[str, int], outputs: dict[str, int], color: int = 0) -> dict[str, object]:
        return {
            "type_id": type_id,
            "input_resources": inputs,
            "output_resources": outputs,
            "max_output": -1,
            "conversion_ticks": 1,
            "cooldown": 0,
            "initial_resource_count": 0,
            "color": color,
        }

    actions = ("noop", "move", "rotate", "put_items", "get_items", "attack", "swap", "change_color")
    return GameConfig.model_validate(
        {
            "inventory_item_names": ("ore_red", "battery_red", "heart", "laser", "armor"),
            "num_agents": num_agents,
            "max_steps": 1000,
            "obs_width": 11,
            "obs_height": 11,
            "num_observation_tokens": 200,
            "agent": {
                "default_resource_limit": 50,
                "resource_limits": {"heart": 255},
                "freeze_duration": 10,
                "rewards": {
                    "inventory": {
                        "ore_red": 0.01,
                        "ore_red_max": 10,
                        "battery_red": 0.02,
                        "battery_red_max": 10,
                        "heart": 1,
                        "heart_max": 1000,
                    }
                },
            },
            "groups": {"agent": {"id": 0}},
            "actions": {name: {"enabled": True} for name in actions},
            "objects": {
                "mine_red": converter(types.TYPE_MINE_RED, {}, {"ore_red": 1}),
                "generator_red": converter(types.TYPE_GENERATOR_RED, {"ore_red": 1}, {"battery_red": 1}),
                "altar": converter(types.TYPE_ALTAR, {"battery_red": 3}, {"heart": 1}, color=1),
                "wall": {"type_id": types.TYPE_WALL, "swappable": False},
                "block": {"type_id": types.TYPE_BLOCK, "swappable": True},
            },
        }
    )
