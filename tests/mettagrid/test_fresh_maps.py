"""Random maps that are drawn on the device."""

from __future__ import annotations

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.config import GameConfig
from metta_jax.mapgen import Child, MapGen, Maze, Random, RandomRoom, build_maps, uniform
from metta_jax.mettagrid import MettaGrid, VectorEnv
from metta_jax.mettagrid.engine_path import WIDE, EnginePath
from metta_jax.mettagrid.fresh_maps import fresh_maps, kind_names

_MAKE = {
    "input_resources": {},
    "output_resources": {"ore": 1},
    "max_output": 5,
    "conversion_ticks": 1,
    "cooldown": 5,
    "initial_resource_count": 0,
}
_CONFIG = {
    "inventory_item_names": ["ore"],
    "num_agents": 4,
    "max_steps": 4,
    "obs_width": 3,
    "obs_height": 5,
    "num_observation_tokens": 20,
    "agent": {},
    "groups": {"team_1": {"id": 1}, "agent": {"id": 0}},
    "actions": {"noop": {"enabled": True}, "move": {"enabled": True}, "swap": {"enabled": True}},
    "objects": {
        "wall": {"type_id": 1},
        "mine_red": {"type_id": 2, **_MAKE},
        "altar": {"type_id": 8, **_MAKE},
        "block": {"type_id": 14, "swappable": True},
        "statue": {"type_id": 15, "swappable": True},
    },
}
_OBJECTS = {"mine_red": 3, "altar": 2, "block": 2, "statue": 1, "wall": 4}
_ROOM = RandomRoom(7, 6, _OBJECTS, {"agent": 1, "team_1": 3}, border_width=1)
_FOUR = MapGen(
    Random({"altar": 1, "block": 1, "wall": 2}, {"agent": 1}),
    width=4,
    height=3,
    border_width=1,
    instances=4,
    instance_border_width=1,
)


def _env(builder, path: EnginePath | None = None) -> MettaGrid:
    maps = [build_maps(builder, seed=0, num_maps=1)[0].to_lists()]
    return MettaGrid(GameConfig.model_validate(_CONFIG), maps, engine_path=path)


def _names(env: MettaGrid, maps, index: int = 0) -> np.ndarray:
    """The object names of a map of a pool, read off its codes."""
    layout = env.layout
    names = kind_names(layout)
    walls, converters = 1 + len(layout.wall_names), 1 + len(layout.wall_names) + len(layout.converter_names)
    grid = np.asarray(maps.grid[index]).reshape(-1, layout.stride)
    rows, columns = layout.pad
    found = np.full((layout.height, layout.width), "empty", dtype=object)
    for row in range(layout.height):
        for column in range(layout.width):
            code = int(grid[row + rows, column + columns])
            if code >= layout.block_code:
                kind = 1 + int(maps.block_kind[index, code - layout.block_code])
            elif code >= layout.converter_code:
                kind = walls + int(maps.converter_kind[index, code - layout.converter_code])
            elif code >= layout.agent_code:
                kind = converters + int(maps.agent_group[index, code - layout.agent_code])
            else:
                kind = code
            found[row, column] = names[kind]
    return found


@pytest.fixture(scope="module", params=["one room", "four rooms"])
def drawn(request: pytest.FixtureRequest):
    builder = _ROOM if request.param == "one room" else _FOUR
    env = _env(builder)
    map_fn = jax.jit(jax.vmap(fresh_maps(env, builder)))
    return builder, env, map_fn, jax.device_get(map_fn(jax.random.split(jax.random.key(3), 40)))


def test_maps_are_those_that_the_host_would_make_of_the_same_names(drawn) -> None:
    _, env, _, maps = drawn
    for index in range(5):
        one = jax.tree.map(lambda x, index=index: x[index], maps)
        expected = MettaGrid(env.config, [_names(env, one).tolist()]).params.maps
        for name, value in vars(expected).items():
            found = getattr(one, name)
            np.testing.assert_array_equal(found, value, err_msg=name)
            assert found.dtype == value.dtype, name


def test_counts_border_and_rooms(drawn) -> None:
    builder, env, _, maps = drawn
    for index in range(40):
        names = _names(env, jax.tree.map(lambda x, index=index: x[index], maps))
        host = builder.build(np.random.default_rng(index)).grid
        assert Counter(names.ravel()) == Counter(host.ravel())
        if builder is _FOUR:
            assert (names[[0, 4, 8]] == "wall").all()
            for y in (1, 5):
                for x in (1, 6):
                    room = Counter(names[y : y + 3, x : x + 4].ravel())
                    assert room == {"altar": 1, "block": 1, "wall": 2, "agent.agent": 1, "empty": 7}
        else:
            assert (names[[0, -1]] == "wall").all()
            assert (names[:, [0, -1]] == "wall").all()


def test_maps_differ_and_follow_the_key(drawn) -> None:
    _, _, map_fn, maps = drawn
    assert len({grid.tobytes() for grid in np.asarray(maps.grid)}) == 40
    again = map_fn(jax.random.split(jax.random.key(3), 40))
    jax.tree.map(np.testing.assert_array_equal, again, maps)


def test_every_cell_is_as_likely(drawn) -> None:
    builder, env, map_fn, _ = drawn
    keys = jax.random.split(jax.random.key(0), (50, 40))
    places = np.concatenate([np.asarray(map_fn(some).agent_cell).reshape(-1) for some in keys])
    numbers = np.bincount(places, minlength=env.layout.num_cells)
    inside = numbers[numbers > 0]
    num_cells = 42 if builder is _ROOM else 48
    assert len(inside) == num_cells
    expected = 2000 * 4 / num_cells
    # Chi squared: its mean is the number of cells, its variance twice that.
    assert ((inside - expected) ** 2 / expected).sum() < num_cells + 6 * np.sqrt(2 * num_cells)


@pytest.mark.parametrize("path", [EnginePath(8), WIDE], ids=["chunks of two environments", "wide"])
def test_a_fresh_map_in_every_episode_of_a_batch(path: EnginePath) -> None:
    env = _env(_ROOM, path)
    batch = VectorEnv(env, 4, map_fn=fresh_maps(env, _ROOM))
    state, _ = jax.jit(batch.reset)(env.params, jax.random.key(1))
    step, one_step = jax.jit(batch.step), jax.jit(env.step)
    seen = [np.asarray(state.maps.grid)]
    actions = jnp.tile(jnp.array([env.layout.action("move"), 0], jnp.int32), (4, 4, 1))
    for turn in range(1, 9):
        expected = [
            one_step(params, one, actions[0])[0]
            for params, one in (_by_itself(env, state, index) for index in range(4))
        ]
        state, timestep = step(env.params, state, actions)
        assert np.asarray(timestep.episode.done).tolist() == [turn % 4 == 0] * 4
        if turn % 4 == 0:
            seen.append(np.asarray(state.maps.grid))
            np.testing.assert_array_equal(state.env.cell, np.asarray(state.maps.agent_cell))
        else:  # on its own map, each environment plays as it would by itself
            np.testing.assert_array_equal(state.env.cell, [one.cell for one in expected])
            np.testing.assert_array_equal(state.maps.grid, seen[-1])
    assert len({grid.tobytes() for grid in np.concatenate(seen)}) == 12
    params, one = _by_itself(env, state, 3)
    names, objects = _names(env, params.maps), env.grid_objects(params, one).values()
    for name, config in env.config.objects.items():
        places = [(thing["r"], thing["c"]) for thing in objects if thing["type"] == config.type_id]
        assert sorted(places) == [tuple(place) for place in np.argwhere(names == name).tolist()]


def _by_itself(env: MettaGrid, state, index: int):
    """The parameters and the state of one environment of the batch, on a pool of its own map."""
    maps = jax.tree.map(lambda x: x[index : index + 1], state.maps)
    one = jax.tree.map(lambda x: x[index], state.env)
    return env.params.replace(maps=maps), one.replace(map_index=jnp.zeros((), jnp.int32))


def test_either_a_curriculum_or_fresh_maps() -> None:
    with pytest.raises(ValueError, match="map_fn: with a curriculum"):
        VectorEnv(_env(_ROOM), 2, curriculum=object(), map_fn=lambda key: None)  # pyright: ignore


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (RandomRoom(7, 6, _OBJECTS, 4, seed=3), "seed: 3 is given"),
        (RandomRoom(uniform(7, 9), 6, agents=4), "width: Uniform.* is sampled"),
        (MapGen(Random(agents=4, children=(Child(Maze()),)), 5, 5), "root.children: only the scene itself"),
        (MapGen(Maze(), 5, 5), "builder: MapGen.* is not a RandomRoom"),
        (MapGen(Random({"altar": 99}), 5, 5), "Too many objects for available empty cells: 99 > 25"),
        (RandomRoom(7, 6, agents=3), "builder: 3 agents are on its maps, the game has 4"),
        (RandomRoom(7, 6, {"castle": 1}, 4), "builder: Unknown object type: 'castle'; the game has empty, wall,"),
        (RandomRoom(7, 7, agents=4, border_width=1), "builder: its maps have 9 rows, env was made for at most 8"),
        (RandomRoom(7, 6, {"altar": 6}, 4), "builder: its maps have 6 converters, env was made for at most 5"),
    ],
)
def test_errors(builder, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fresh_maps(_env(_ROOM), builder)
