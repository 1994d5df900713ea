"""Every path of the original's files means the same here, or is refused with a line that says why."""

from __future__ import annotations

import pytest

from metta_jax import worlds
from metta_jax.worlds import make_curriculum
from metta_jax.worlds.original_names import original_name, why_no_world
from tests.worlds.test_original_settings import WORLDS

MOVED = {
    "multiagent/experiments/boxy": "multiagent/boxy",
    "multiagent/experiments/varied_terrain_maze": "multiagent/varied_terrain_maze",
    "multiagent/multiagent/boxshare": "multiagent/boxshare",
    "navigation/training/defaults": "navigation/training/terrain_from_numpy",
    "curriculum/simple": "simple",
}
TEMPLATES = (
    "memory/evals/defaults",
    "multiagent/experiments/defaults",
    "multiagent/experiments/varied_terrain",
    "navigation/evals/defaults",
    "navigation_sequence/evals/defaults",
    "navigation_sequence/experiments/sequence_defaults",
    "object_use/evals/defaults",
    "systematic_exploration_memory/evals/defaults",
)
# Those of its curricula; `curriculum/simple` is older.
CURRICULA = """
    all arena/learning_progress arena/random bbc/agents/1 bbc/agents/2 bbc/agents/24 bbc/agents/3 bbc/agents/defaults
    bbc/bbc bbc/tasks/altar bbc/tasks/armor bbc/tasks/basic bbc/tasks/combat bbc/tasks/laser bbc/tasks/tag memory
    multiagent nav_memory_sequence navigation/bucketed navigation/learning_progress navigation/prioritize_regressed
    navigation/progressive navigation/subcurricula/sparse navsequence/backchain_seq navsequence/mem_medium
    navsequence/mem_pretrained navsequence/nav_backchain navsequence/nav_backchain_mem navsequence/nav_mem
    navsequence/nav_navsequence_backchain navsequence/navsequence_all object_use objects/all_objects objects/sequence
    overcooked progressive resources
"""


@pytest.mark.parametrize("path", WORLDS)
def test_worlds(path: str) -> None:
    name = worlds.canonical_name(f"/env/mettagrid/{path}")
    assert name in worlds.list()
    assert worlds.describe(path) == worlds.describe(name)
    assert why_no_world(path) is None or path in worlds.list()  # what is there is never refused


@pytest.mark.parametrize("path", MOVED)
def test_moved(path: str) -> None:
    assert worlds.get(f"/env/mettagrid/{path}") == worlds.get(MOVED[path])
    assert make_curriculum(path).task_names
    assert original_name(MOVED[path]) == MOVED[path]


@pytest.mark.parametrize("path", TEMPLATES)
def test_templates_are_refused(path: str) -> None:
    for read in (worlds.get, make_curriculum):
        with pytest.raises(ValueError, match=f"'/env/mettagrid/{path}': a template of the original's, .* its map open"):
            read(f"/env/mettagrid/{path}")


@pytest.mark.parametrize(("path", "reason"), [("mettagrid", "rules"), ("game/objects/basic", "a part")])
def test_parts_are_refused(path: str, reason: str) -> None:
    for read in (worlds.get, make_curriculum):
        with pytest.raises(ValueError, match=f"^worlds: no world '{path}': .*{reason}.* no world by itself$"):
            read(path)


def test_curricula() -> None:
    assert {f"curriculum/{name}" for name in CURRICULA.split()} | {"curriculum/simple"} == set(worlds.list_curricula())


def test_a_typo_still_gets_a_hint() -> None:
    with pytest.raises(ValueError, match="did you mean 'multiagent/boxy'"):
        worlds.get("multiagent/boxyy")
