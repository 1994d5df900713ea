"""Replays: format 1, and the state at every step as the environment has it."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.replays import Replay, read_replay, write_replay
from metta_jax.replays.encoding import encode_replay
from metta_jax.replays.replay import value_at
from metta_jax.sim.program import Mind, Program, Seats, play, start
from tests.replays import format1
from tests.sim import small

EXTRAS = ("action", "action_success", "reward", "total_reward")


@functools.cache
def replays() -> tuple[dict[str, Any], ...]:
    """One of each episode of the shared simulation."""
    simulation, episodes = small.played()
    return tuple(encode_replay(simulation.world, int(e.state.map_index), e.frames) for e in episodes)


@pytest.mark.parametrize("number", range(small.NUM_EPISODES))
def test_file_keeps_every_rule_of_the_format(number: int, tmp_path: Path) -> None:
    path = write_replay(tmp_path / "sub" / "replay.json.z", replays()[number])
    data = format1.load(path)
    assert format1.violations(data) == []
    assert data == read_replay(path).data
    assert data["max_steps"] == small.NUM_STEPS
    assert data["num_agents"] == 3


def test_recorded_episodes_show_what_replays_can_show() -> None:
    # Otherwise the comparison below would prove nothing.
    seen = {key for replay in replays() for t in replay["grid_objects"] for key, v in t.items() if isinstance(v, list)}
    assert {"r", "c", "orientation", "agent:orientation", "agent:color", "agent:glyph", "frozen"} <= seen
    assert {"inventory", "inv:ore_red", "action", "action_success", "reward", "total_reward", "converting"} <= seen
    blocks = [t for replay in replays() for t in replay["grid_objects"] if t["type_name"] == "block"]
    assert blocks
    assert all(t["swappable"] == 1 for t in blocks)
    assert any(isinstance(t[key], list) for t in blocks for key in "rc")


def test_state_at_every_step_equals_the_environment() -> None:
    """The environment, stepped by itself with the actions of the file, has the objects that the file says."""
    simulation, episodes = small.played()
    world = simulation.world
    env_step = jax.jit(world.grid.step)
    for episode, data in zip(episodes, replays(), strict=True):
        replay = Replay(data)
        key = jax.random.split(jax.random.fold_in(simulation._key, episode.number))[0]
        # `MettaGrid.reset` splits its key once more, for the map; what matters afterwards is the key in the state.
        state, _ = world.grid.reset(world.params, key, int(episode.state.map_index))
        state = state.replace(key=key)
        total = np.zeros(3, np.float32)
        for step in range(replay.num_steps):
            seen = replay.objects_at(step)
            agents = sorted((t for t in seen.values() if "agent_id" in t), key=lambda t: t["agent_id"])
            actions = jnp.asarray([agent["action"] for agent in agents], jnp.int32)
            state, timestep = env_step(world.params, state, actions)
            total += np.asarray(timestep.reward)
            assert [a["action_success"] for a in agents] == timestep.action_success.tolist(), step
            np.testing.assert_array_equal(np.float32([a["reward"] for a in agents]), timestep.reward)
            np.testing.assert_array_equal(np.float32([a["total_reward"] for a in agents]), total)
            bare = {i: {k: v for k, v in thing.items() if k not in EXTRAS} for i, thing in seen.items()}
            assert bare == world.grid.grid_objects(world.params, state), step


def test_steps_one_by_one_are_the_same_as_in_chunks() -> None:
    simulation, episodes = small.played()
    (player, count), world = simulation.players[0], simulation.world
    agent = player.agent
    program = Program(world.layout, (Seats(agent.network, agent.num_layers, agent.hidden_size, count),), num_frames=128)
    minds = (Mind(player.params, agent.tables.on_device()),)
    params, minds, key = jax.device_put((world.params, minds, simulation._key), jax.devices()[0])
    state = start(program, params, key, jnp.arange(small.NUM_EPISODES, dtype=jnp.int32))
    for step in range(10):
        state, frames = play(program, params, minds, state, jnp.int32(1))
        for i, episode in enumerate(episodes):
            for x, y in zip(jax.tree.leaves(frames), jax.tree.leaves(episode.frames), strict=True):
                np.testing.assert_array_equal(x[0, i], y[step])


def test_initial_state_in_front_is_an_option() -> None:
    simulation, episodes = small.played()
    episode = episodes[0]
    plain = Replay(replays()[0])
    map_index = int(episode.state.map_index)
    longer = Replay(encode_replay(simulation.world, map_index, episode.frames, episode.first))
    assert format1.violations(longer.data) == []
    assert longer.num_steps == plain.num_steps + 1
    world = simulation.world
    key = jax.random.key(0)
    state, _ = world.grid.reset(world.params, key, map_index)
    first = {i: {k: v for k, v in t.items() if k not in EXTRAS} for i, t in longer.objects_at(0).items()}
    assert first == world.grid.grid_objects(world.params, state)
    for step in range(plain.num_steps):
        assert longer.objects_at(step + 1) == plain.objects_at(step)


def test_values_by_hand() -> None:
    assert [value_at([[0, "a"], [3, "b"]], step) for step in range(5)] == ["a", "a", "a", "b", "b"]
    assert value_at({"0": 1}, 7) == {"0": 1}
    assert value_at([[0, [3, 1]]], 7) == [3, 1]


def test_example_of_the_specification() -> None:
    replay = Replay(copy.deepcopy(EXAMPLE))
    assert format1.violations(EXAMPLE) == []
    assert replay.map_size == (3, 2)
    assert replay.objects_at(2)[4]["inventory"] == {}
    assert "inv:ore_red" not in replay.objects_at(2)[4]
    assert replay.objects_at(3)[4]["inventory"] == {0: 1}
    assert replay.objects_at(3)[4]["inv:ore_red"] == 1
    assert (replay.objects_at(0)[4]["c"], replay.objects_at(1)[4]["c"]) == (0, 1)
    with pytest.raises(IndexError, match="step: 4 is not in 0..3"):
        replay.objects_at(4)


# The agent turns right, moves, turns up, takes one ore.
EXAMPLE: dict[str, Any] = {
    "version": 1, "action_names": ["get_output", "move", "noop", "rotate"], "inventory_items": ["ore_red", "heart"],
    "object_types": ["agent", "wall", "mine_red"], "map_size": [3, 2], "num_agents": 1, "max_steps": 4,
    "grid_objects": [
        {"id": 1, "type": 1, "type_name": "wall", "r": 0, "c": 0, "layer": 1, "type_id": 1},
        {"id": 2, "type": 2, "type_name": "mine_red", "r": 0, "c": 1, "layer": 1, "type_id": 2, "agent:color": 0,
         "converting": 1, "inv:ore_red": [[0, 1], [3, 0]]},
        {"id": 3, "type": 1, "type_name": "wall", "r": 0, "c": 2, "layer": 1, "type_id": 1},
        {"id": 4, "type": 0, "type_name": "agent", "agent_id": 0, "layer": 0, "group_name": "agent", "type_id": 0,
         "r": 1, "c": [[0, 0], [1, 1]], "agent:group": 0, "agent:color": 0, "agent:frozen": 0, "frozen": 0,
         "orientation": [[0, 3], [2, 0]], "agent:orientation": [[0, 3], [2, 0]],
         "inventory": [[0, {}], [3, {"0": 1}]], "inv:ore_red": [[0, 0], [3, 1]],
         "action": [[0, [3, 3]], [1, [1, 0]], [2, [3, 0]], [3, [0, 0]]], "action_success": True,
         "reward": [[0, 0.0], [3, 0.01]], "total_reward": [[0, 0.0], [3, 0.01]]},
        {"id": 5, "type": 1, "type_name": "wall", "r": 1, "c": 2, "layer": 1, "type_id": 1},
    ],
    "config": {"game": {"objects": {}}},
}  # fmt: skip
