"""One environment: what it accepts, what it says of itself, and what follows from its key."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import EnvConfig
from metta_jax.mapgen import RandomRoom, build_maps
from metta_jax.mettagrid import EnvState, MettaGrid, TimeStep
from tests.mettagrid.small_world import DOWN, GET, LEFT, MAP, MOVE, NOOP, RIGHT, ROTATE, game, game_config
from tests.oracle import Oracle

MAPS = [MAP, [["agent.agent", "agent.agent"]]]


@cache
def small() -> MettaGrid:
    return MettaGrid(game_config(), MAPS)


@cache
def reset_fn() -> Any:
    return jax.jit(small().reset)


@cache
def step_fn() -> Any:
    """(params, state, actions) with orders drawn from the key."""
    return jax.jit(small().step)


def start(seed: int = 0) -> EnvState:
    return reset_fn()(small().params, jax.random.key(seed), 0)[0]


def act(state: EnvState, *actions: tuple[int, int]) -> tuple[EnvState, TimeStep]:
    return step_fn()(small().params, state, np.array(actions, np.int32))


ROOM = RandomRoom(width=4, height=3, agents=2, objects={"mine": 1})


def test_a_world_in_one_call() -> None:
    """Rules with what builds the maps, rules and built maps, rules and rows: the same environment."""
    drawn = build_maps(ROOM, seed=5, num_maps=3)
    world = EnvConfig(game=game_config(), map_builder=ROOM)
    envs = [
        MettaGrid(world, seed=5, num_maps=3),
        MettaGrid(game_config(), drawn),
        MettaGrid(game_config(), [made.to_lists() for made in drawn]),
        MettaGrid(game_config(), [made.grid for made in drawn]),
    ]
    for env in envs:
        assert env.layout == envs[0].layout
        assert env.config == world.game
        assert jax.tree.all(jax.tree.map(np.array_equal, env.params, envs[0].params))
    assert MettaGrid(world).params.maps.height.shape == (64,)
    assert MettaGrid(game_config(), drawn[0]).params.maps.height.shape == (1,)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "maps: missing; a GameConfig is rules only: give maps too, as of build_maps"),
        (
            (ROOM,),
            {},
            r"maps: a RandomRoom is a map builder; build_maps\(builder, seed=0, num_maps=64\)",
        ),
        (("@.\n.@",), {}, r"maps: '@.*' is text; a map is rows of object names, as .*from_text\(text\)"),
        ((Path("some.map"),), {}, r"maps: 'some.map' is text; .*read_map\(path\)"),
        ((3,), {}, "maps: an int is not a map; a map is rows of object names"),
        ((MAP,), {"seed": 3}, "seed: 3 is for an EnvConfig, whose maps are drawn"),
        ((MAP,), {"num_maps": 3}, "num_maps: 3 is for an EnvConfig"),
        ((MAP,), {"config": EnvConfig(game=game_config(), map_builder=ROOM)}, "maps: given together with an EnvConfig"),
        (
            (),
            {"config": EnvConfig(game=game_config(), map_builder=ROOM), "num_maps": 0},
            "num_maps: 0 is not at least 1",
        ),
        ((MAP,), {"config": "arena/basic"}, r"config: 'arena/basic' is neither .*; worlds.get\('arena/basic'\) is"),
        ((MAP,), {"config": game()}, "config: .* is neither a GameConfig nor an EnvConfig"),
    ],
)
def test_what_is_no_world_is_refused(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    config = options.pop("config", game_config())
    with pytest.raises(ValueError, match=f"^{message}") as error:
        MettaGrid(config, *arguments, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([], "maps: no map is given"),
        ([[]], r"maps\[0\]: the map has no cells"),
        ([MAP, [["agent.agent"], ["agent.agent", "wall"]]], r"maps\[1\]: row 1 has 2 cells, row 0 has 1"),
        (
            [["agent.agent", "agent.agent", "mime"]],
            r"Unknown object type: 'mime' in row 0, column 2; known are .*'mine'",
        ),
        ([["agent.agent", "agent.team"]], "Unknown object type: 'agent.team'"),
        ([["agent.agent", "empty"]], r"maps\[0\]: 1 agents are on the map, num_agents is 2"),
        ([["agent.agent", 3, "agent.agent"]], r"maps\[0\]: a map is rows of object names"),
    ],
)
def test_bad_maps_are_refused(maps: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MettaGrid(game_config(), maps)


def test_an_unknown_level_of_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="stats: 'all' is not one of"):
        MettaGrid(game_config(), MAP, stats="all")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("actions", "order", "message"),
    [
        (np.zeros((3, 2), np.int32), None, r"actions: shape \[3, 2\] is not \[2, 2\]"),
        (np.zeros((2,), np.int32), None, r"actions: shape \[2\] is not \[2, 2\]"),
        (np.zeros((2, 2), np.float32), None, "actions: dtype float32 is not int32"),
        (np.zeros((2, 2), np.uint8), None, "actions: dtype uint8 is not int32"),
        ([[0, 0], [0, 0]], None, "actions: dtype list is not int32"),
        (np.zeros((2, 2), np.int32), np.zeros((3,), np.int32), r"order: shape \[3\] is not \[2\]"),
        (np.zeros((2, 2), np.int32), np.zeros((2,), np.float32), "order: dtype float32 is not int32"),
    ],
)
def test_wrong_actions_and_orders_are_refused(actions: Any, order: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small().step(small().params, start(), actions, order)


def test_facts() -> None:
    env = small()
    assert env.num_agents == 2
    assert env.action_names == ("get_output", "move", "noop", "rotate")
    assert env.max_action_args == (0, 1, 0, 3)
    assert env.object_type_names == ("agent", "wall", "mine")
    assert env.inventory_item_names == ("ore",)
    assert (env.obs_height, env.obs_width, env.num_observation_tokens) == (3, 3, 24)
    assert (env.map_height, env.map_width, env.max_steps) == (3, 5, 4)
    features = env.get_observation_features()
    assert features["inv:ore"] == {"id": 14, "normalization": 100.0}
    assert features["last_action"] == {"id": 9, "normalization": 10.0}
    assert env.feature_normalizations == {f["id"]: f["normalization"] for f in features.values()}
    assert list(env.feature_normalizations) == list(range(15))


def test_reset_and_step_return_the_promised_shapes() -> None:
    state, first = reset_fn()(small().params, jax.random.key(0), 0)
    state, later = act(state, (NOOP, 0), (NOOP, 0))
    for timestep in (first, later):
        assert {name: (x.shape, str(x.dtype)) for name, x in vars(timestep).items()} == {
            "observation": ((2, 24, 3), "uint8"),
            "reward": ((2,), "float32"),
            "terminated": ((2,), "bool"),
            "truncated": ((2,), "bool"),
            "action_success": ((2,), "bool"),
        }
    assert (state.episode_return.shape, state.episode_return.dtype) == ((2,), jnp.float32)


def test_states_keep_their_types() -> None:
    """Else a loop of steps would compile twice, or not at all."""
    before = start()
    after, _ = act(before, (GET, 0), (MOVE, 0))
    assert jax.tree.structure(before) == jax.tree.structure(after)
    for one, other in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert not getattr(other, "weak_type", False)


def test_the_key_decides_who_acts_first() -> None:
    """Both agents want the free cell between them; the one that acts first gets it."""
    winners = set()
    for seed in range(8):
        state, _ = act(start(seed), (ROTATE, RIGHT), (ROTATE, LEFT))
        outcomes = [np.asarray(act(state, (MOVE, 0), (MOVE, 0))[1].action_success).tolist() for _ in range(2)]
        assert outcomes[0] == outcomes[1]
        winners.add(tuple(outcomes[0]))
    assert winners == {(True, False), (False, True)}


def test_orders_change_from_step_to_step() -> None:
    state, _ = act(start(), (ROTATE, RIGHT), (ROTATE, LEFT))
    winners = set()
    for _ in range(10):
        state, timestep = act(state, (MOVE, 0), (MOVE, 0))
        winners.add(tuple(np.asarray(timestep.action_success).tolist()))
        state, _ = act(state, (MOVE, 1), (MOVE, 1))
    assert len(winners) == 2


def test_the_key_decides_the_map() -> None:
    maps = [[["agent.agent"] * 2 + ["empty"] * width] for width in range(3)]
    env = MettaGrid(game_config(), maps)
    drawn = jax.jit(jax.vmap(lambda key: env.reset(env.params, key)[0].map_index))(
        jax.random.split(jax.random.key(0), 60)
    )
    assert set(np.asarray(drawn).tolist()) == {0, 1, 2}


def test_maps_of_different_sizes_are_apart() -> None:
    """A smaller map ends where it ends, not where the largest one does."""
    env = small()
    state, _ = reset_fn()(env.params, jax.random.key(0), 1)
    state, _ = act(state, (ROTATE, DOWN), (ROTATE, RIGHT))
    state, timestep = act(state, (MOVE, 0), (MOVE, 0))
    assert np.asarray(timestep.action_success).tolist() == [False, False]
    oracle = Oracle(game(), MAPS)
    world, _ = oracle.reset(map_index=1)
    oracle.step(None, world, np.array([(ROTATE, DOWN), (ROTATE, RIGHT)]), [0, 1])
    oracle.step(None, world, np.array([(MOVE, 0), (MOVE, 0)]), [0, 1])
    assert env.grid_objects(env.params, state) == oracle.grid_objects(None, world)


@pytest.mark.parametrize("level", ["totals", "none"])
def test_fewer_statistics(level: Any) -> None:
    env = MettaGrid(game_config(), MAP, stats=level)
    state, _ = jax.jit(env.reset)(env.params, jax.random.key(0), 0)
    stats = env.episode_stats(env.params, state)
    assert set(stats) == {"game", "agent", "converter"}
    assert stats["game"]["objects.wall"] == 9.0
    assert ("tokens_written" in stats["game"]) == (level == "totals")
    assert not [key for key in stats["game"] if key.endswith(".updates")]


def test_rewarded_statistics_are_kept() -> None:
    agent = game()["agent"] | {"rewards": {"stats": {"action.move.success": 1.0}}}
    assert MettaGrid(game_config(agent=agent), MAP, stats="none").layout.stats == "totals"
    agent = game()["agent"] | {"rewards": {"stats": {"action.move.success.rate": 1.0}}}
    assert MettaGrid(game_config(agent=agent), MAP, stats="none").layout.stats == "full"


def test_unknown_resources_are_dropped_with_a_warning() -> None:
    actions = game()["actions"] | {"noop": {"enabled": True, "consumed_resources": {"laser": 1}}}
    with pytest.warns(UserWarning, match=r"actions\.noop.*laser"):
        env = MettaGrid(game_config(actions=actions), MAP)
    assert not env.layout.has_costs
