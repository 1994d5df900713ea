"""The worlds of the evaluations: steps, sizes and contents, written out from the list of what they must be.

Their rules are compared in `test_original_settings.py`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from metta_jax import worlds
from tests.worlds.api_test import map_of

# name, steps, width x height of the inner map, border, and what differs from one agent with three altars.
NAVIGATION = """
emptyspace_withinsight 45 12x12 3
emptyspace_outofsight 150 25x25 3
emptyspace_sparse 300 60x60 3
walls_withinsight 75 12x12 3
walls_outofsight 120 25x25 3
walls_sparse 250 35x35 3
emptyspace_sparse_medium 1000 100x100 5
labyrinth 250 31x31 2
radialmaze 200 20x20 1
corridors 450 74x26 1
cylinder 250 32x36 10
cylinder_easy 250 40x21 1
honeypot 300 35x25 1
knotty 500 40x29 1
memory_palace 200 20x23 1
obstacles0 100 28x23 1
obstacles1 300 28x32 1
obstacles2 350 26x25 1
obstacles3 300 28x30 1
radial_large 1000 88x31 1
radial_mini 150 22x11 1
radial_small 120 20x19 1
swirls 350 43x25 1
thecube 350 71x19 1
walkaround 250 33x19 1
wanderout 500 30x35 1
"""
NAVIGATION_SEQUENCE = """
corridors 400 74x26 1
cylinder 800 32x36 10
cylinder_easy 200 40x21 5
honeypot 300 35x25 1
knotty 500 40x29 1
memory_palace 200 20x23 1
obstacles0 150 28x23 1
obstacles1 300 28x32 1
obstacles2 350 26x25 1
obstacles3 300 28x30 1
radial_large 1000 88x31 1
radial_mini 150 22x11 1
radial_small 120 20x19 1
swirls 350 43x25 1
thecube 350 71x19 1
walkaround 350 33x19 1
"""
MEMORY = """
access_cross 150 72x14 3 mine_red=2 mine_green=1
boxout 350 32x19 3
choose_wisely 210 34x30 3 mine_red=2 generator_red=2 altar=2
corners 100 32x19 3
easy 42 14x34 3 agent.agent=2 altar=6 mine_red=0 generator_red=0
easy_sequence 90 14x34 3 agent.agent=2 mine_red=2 generator_red=2 altar=2
hall_of_mirrors 175 29x27 3
hard 70 13x65 3 agent.agent=2 altar=6 mine_red=0 generator_red=0
hard_sequence 170 13x65 3 agent.agent=2 mine_red=2 generator_red=2 altar=2
journey_home 300 28x32 3
little_landmark_easy 110 16x15 3
little_landmark_hard 140 16x20 3
lobster_legs 350 18x43 3
lobster_legs_cues 350 18x47 3 block=3
medium 58 14x43 3 agent.agent=2 altar=6 mine_red=0 generator_red=0
medium_sequence 100 14x43 3 agent.agent=2 mine_red=2 generator_red=2 altar=2
memory_swirls 500 33x21 3
memory_swirls_hard 600 33x30 3
passing_things 300 28x32 3
spacey_memory 250 33x25 3
tease 500 72x44 3
tease_small 375 72x17 3
venture_out 375 33x26 3
which_way 140 11x10 3
you_shall_not_pass 140 18x35 3 mine_red=2 generator_red=2 altar=2
"""
EXPLORATION = """
boxout 150 32x19 1
choose_wisely 200 34x30 1 altar=6
corners 300 32x19 1
hall_of_mirrors 150 29x27 1
journey_home 110 28x32 1
little_landmark_hard 100 16x20 1
lobster_legs 210 18x43 1
lobster_legs_cues 210 18x47 1 block=3
memory_swirls 300 33x21 1
memory_swirls_hard 300 33x30 1
passing_things 320 28x32 1
rooms 350 40x47 1
spacey_memory 200 33x25 1
spiral_chamber 300 28x30 1
tease 300 72x44 1
tease_small 300 72x17 1
venture_out 300 33x26 1
you_shall_not_pass 120 18x35 1 altar=6
"""
OBJECT_USE = """
altar_use_free 80 11x11 3 altar=1
armory_use 100 11x11 3 armory=1 mine_red=1
armory_use_free 80 11x11 3 armory=1
generator_use 100 11x11 3 generator_red=1 mine_red=1
generator_use_free 80 11x11 3 generator_red=1
lasery_use 200 11x11 3 lasery=1 generator_red=1 mine_red=1
lasery_use_free 80 11x11 3 lasery=1
mine_use 80 11x11 3 mine_red=1
temple_use_free 80 11x11 3 temple=1
full_sequence 200 11x11 3 altar=1 generator_red=1 mine_red=1
shoot_out 400 23x12 1 lasery=1 altar=1
swap_in 150 20x12 1 block=8 altar=1
swap_out 150 23x12 1 block=24 altar=1
"""
# Two instances of easy and medium, one above the other, and four of hard.
MEMORY_TRAINING = """
easy 45 98x69 1 agent.agent=16 altar=48
medium 58 122x106 1 agent.agent=16 altar=48
hard 70 27x245 1 agent.agent=16 altar=48
"""

THREE_ALTARS = {"agent.agent": 1, "altar": 3}
SEQUENCE = {"agent.agent": 1, "mine_red": 1, "generator_red": 1, "altar": 1}


def _rows(family: str, table: str, usual: dict[str, int]) -> list[tuple[str, int, tuple[int, int], dict[str, int]]]:
    rows = []
    for line in table.split("\n")[1:-1]:
        name, steps, size, border, *changes = line.split()
        width, height = (int(side) + 2 * int(border) for side in size.split("x"))
        counts = usual | {key: int(count) for key, _, count in (change.partition("=") for change in changes)}
        rows.append((f"{family}/{name}", int(steps), (height, width), {k: v for k, v in counts.items() if v}))
    return rows


ROWS = [
    *_rows("navigation/evals", NAVIGATION, THREE_ALTARS),
    *_rows("navigation_sequence/evals", NAVIGATION_SEQUENCE, SEQUENCE),
    *_rows("memory/evals", MEMORY, SEQUENCE),
    *_rows("memory/training", MEMORY_TRAINING, {}),
    *_rows("systematic_exploration_memory/evals", EXPLORATION, THREE_ALTARS),
    *_rows("object_use/evals", OBJECT_USE, {"agent.agent": 1}),
]


def test_every_evaluation_is_in_the_table() -> None:
    evals = [name for name in worlds.list() if "/evals/" in name or name.startswith("memory/training/")]
    assert sorted(name for name, *_ in ROWS) == evals


@pytest.mark.parametrize(("name", "steps", "shape", "counts"), ROWS, ids=[row[0] for row in ROWS])
def test_steps_size_and_contents(name: str, steps: int, shape: tuple[int, int], counts: dict[str, int]) -> None:
    world = worlds.get(name)
    assert world.game.max_steps == steps
    grid = map_of(world).grid
    assert grid.shape == shape
    found = Counter(grid.ravel().tolist())
    del found["wall"], found["empty"]
    assert found == counts


def test_a_sequence_has_its_things_where_navigation_has_altars() -> None:
    hearts = map_of(worlds.get("navigation/evals/thecube")).grid
    sequence = map_of(worlds.get("navigation_sequence/evals/thecube")).grid
    places = (hearts == "altar").nonzero()
    assert sequence[places].tolist() == ["mine_red", "generator_red", "altar"]
    sequence[places] = "altar"
    assert (sequence == hearts).all()


def test_drawn_maps_keep_their_agents() -> None:
    with pytest.raises(ValueError, match=r"^num_agents: 2 cannot be chosen: only items can, in this world$"):
        worlds.get("navigation/evals/corridors", num_agents=2)
