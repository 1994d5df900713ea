"""The named curricula: the original's names, over our worlds."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from metta_jax.curriculum import (
    AnyKind,
    Bucketed,
    LearningProgress,
    PrioritizeRegressed,
    ProgressiveMultiTask,
    Random,
    Sampling,
)
from metta_jax.worlds.arena import arena_worlds

TERRAINS = ("sparse", "balanced", "maze", "dense")
_NAVIGATION = tuple(
    f"navigation/training/{name}"
    for name in ("terrain_from_numpy", "cylinder_world", *(f"varied_terrain_{terrain}" for terrain in TERRAINS))
)
_TERRAIN_DIRS = (
    "terrain_maps_nohearts",  # any of them
    *(
        f"{kind}_{size}"
        for kind in (*(f"varied_terrain/{terrain}" for terrain in TERRAINS), "cylinder-world")
        for size in ("small", "medium", "large")
    ),
)
_SEQUENCES = "navigation_sequence/experiments"
_CURRICULA = "curriculum"


def _experiments(*families: str, terrains: tuple[str, ...] = TERRAINS) -> tuple[str, ...]:
    return tuple(f"{_SEQUENCES}/{family}_{terrain}" for family in families for terrain in terrains)


def _backchain(weight: float = 1.0) -> dict[str, float]:
    return {f"extended_sequence/backchain{i}": weight for i in (1, 2, 3)}


def _equal(*names: str) -> dict[str, float]:
    return dict.fromkeys(names, 1.0)


@functools.cache
def named_curricula() -> Mapping[str, AnyKind]:
    """Name -> curriculum, without `curriculum/` before the names."""
    return {
        "simple": Sampling(template="simple"),
        "arena/random": Random(tasks=_equal(*arena_worlds())),
        "arena/learning_progress": LearningProgress(tasks=_equal(*arena_worlds())),
        **_navigation(),
        **_sequences(),
        "memory": PrioritizeRegressed(
            tasks=_equal(
                *(f"memory/training/{level}" for level in ("easy", "medium", "hard")),
                *_experiments("mem", "hard_mem", terrains=("balanced", "dense", "sparse")),
            ),
            env_overrides={"num_agents": 16},
        ),
        **_objects(),
        "multiagent": PrioritizeRegressed(
            tasks=_equal(
                *(
                    f"multiagent/{name}"
                    for name in (
                        "boxshare",
                        "boxy",
                        "cylinder_world",
                        "manhatten",
                        "narrow_world",
                        *(f"varied_terrain_{terrain}" for terrain in TERRAINS),
                    )
                )
            )
        ),
        "overcooked": PrioritizeRegressed(
            tasks=_equal(
                *(
                    f"cooperation/experimental/{name}"
                    for name in ("central_table_layout", "confined_room_coord", "two_rooms_coord")
                )
            )
        ),
        "resources": Bucketed(
            env_cfg_template_path="arena/advanced_easy",
            buckets={
                f"game.agent.rewards.inventory.{item}": {"values": (0.0, 0.5, 1.0)}
                for item in ("ore_red", "battery_red", "heart")
            },
        ),
        **_bbc(),
        "all": Random(
            tasks={
                f"{_CURRICULA}/arena/learning_progress": 5.0,
                f"{_CURRICULA}/navigation/prioritize_regressed": 3.0,
                f"{_CURRICULA}/objects/object_use": 2.0,
            },
            env_overrides={"num_agents": 24},
        ),
    }


def _navigation() -> dict[str, AnyKind]:
    sizes = _equal(*(f"navigation/training/{size}" for size in ("small", "medium", "large")))
    sparse = f"{_CURRICULA}/navigation/subcurricula/sparse"
    return {
        "navigation/prioritize_regressed": PrioritizeRegressed(tasks=_equal(*_NAVIGATION)),
        "navigation/learning_progress": LearningProgress(tasks=_equal(*_NAVIGATION, sparse)),
        "navigation/subcurricula/sparse": Bucketed(
            env_cfg_template_path="navigation/training/sparse",
            buckets={
                "width": {"range": (60, 120)},
                "height": {"range": (60, 120)},
                "objects.altar": {"range": (1, 10)},
            },
            num_variants=8,
        ),
        "navigation/bucketed": Bucketed(
            env_cfg_template_path="navigation/training/terrain_from_numpy",
            buckets={
                "map_builder.room.dir": {"values": _TERRAIN_DIRS},
                "objects.altar": {"range": (2, 18), "bins": 4},
            },
            num_variants=2,
        ),
        "navigation/progressive": ProgressiveMultiTask(tasks=sizes, performance_threshold=0.95, progression_rate=0.001),
        "progressive": ProgressiveMultiTask(
            tasks=sizes, performance_threshold=0.8, smoothing=0.1, progression_rate=0.001
        ),
    }


def _sequences() -> dict[str, AnyKind]:
    mem = _equal(*_experiments("mem"))
    every = _equal(*_experiments("mem", "hard_mem", "sequence"), f"{_SEQUENCES}/cylinder_world")
    folder = f"{_CURRICULA}/navsequence"
    navigation, backchain, mem_medium, whole = (
        f"{_CURRICULA}/navigation/prioritize_regressed",
        f"{folder}/backchain_seq",
        f"{folder}/mem_medium",
        f"{folder}/navsequence_all",
    )
    return {
        "nav_memory_sequence": PrioritizeRegressed(
            tasks={
                **_equal(*_experiments("mem", "hard_mem", "sequence"), f"{_SEQUENCES}/terrain_from_numpy"),
                **_equal(*_NAVIGATION),
                **_backchain(2.0),
            }
        ),
        "navsequence/backchain_seq": PrioritizeRegressed(tasks=_backchain()),
        "navsequence/mem_medium": PrioritizeRegressed(tasks=mem),
        "navsequence/mem_pretrained": PrioritizeRegressed(tasks={"extended_sequence/backchain3": 1.0, **mem}),
        "navsequence/navsequence_all": PrioritizeRegressed(tasks=every),
        "navsequence/nav_backchain": Random(tasks=_equal(navigation, backchain)),
        "navsequence/nav_backchain_mem": Random(tasks=_equal(navigation, backchain, mem_medium)),
        "navsequence/nav_mem": Random(tasks=_equal(navigation, mem_medium)),
        "navsequence/nav_navsequence_backchain": Random(tasks=_equal(navigation, whole, backchain)),
    }


def _objects() -> dict[str, AnyKind]:
    name = "object_use/training/easy_all_objects"
    things = ("altar", "mine_red", "generator_red", "armory", "lasery", "lab", "factory", "temple")
    return {
        "objects/all_objects": Bucketed(
            env_cfg_template_path=name,
            buckets={
                "width": {"range": (15, 50), "bins": 2},
                "height": {"range": (15, 50), "bins": 2},
                **{f"objects.{thing}": {"range": (1, 3)} for thing in things},
                **{
                    f"game.objects.{thing}.initial_resource_count": {"values": (0, 1)}
                    for thing in ("altar", "generator_red")
                },
                **{f"game.objects.{thing}.cooldown": {"range": (10, 60)} for thing in things},
            },
        ),
        "objects/sequence": PrioritizeRegressed(tasks=_backchain()),
        "objects/object_use": PrioritizeRegressed(
            tasks={f"{_CURRICULA}/objects/all_objects": 2.0, f"{_CURRICULA}/objects/sequence": 1.0}
        ),
    }


def _bbc() -> dict[str, AnyKind]:
    """The same tasks with 24 agents alone, by twos, by threes and all together."""
    recipes = {
        "game.objects.altar.input_resources.battery_red": {"values": (1, 2, 3)},
        "game.objects.lasery.input_resources.ore_red": {"values": (1, 2)},
    }
    rewards = {
        f"game.agent.rewards.inventory.{item}": {"values": (0.0, 0.5)} for item in ("ore_red", "battery_red", "armor")
    }
    families = {"recipes": recipes, "rewards": rewards}
    agents = {1: 24, 2: 12, 3: 8, 24: 1}

    def bucketed(buckets: Mapping[str, Mapping[str, tuple[float, ...]]], num_rooms: int) -> AnyKind:
        return Bucketed(
            env_cfg_template_path="arena/combat",
            buckets=buckets,
            env_overrides={"num_rooms": num_rooms, "num_agents": 24},
        )

    tasks = {
        f"bbc/tasks/{family}_{count}": bucketed(buckets, num_rooms)
        for family, buckets in families.items()
        for count, num_rooms in agents.items()
    }
    by_agents = {
        f"bbc/agents/{count}": LearningProgress(
            tasks=_equal(*(f"{_CURRICULA}/bbc/tasks/{family}_{count}" for family in families))
        )
        for count in agents
    }
    whole = LearningProgress(tasks=_equal(*(f"{_CURRICULA}/{name}" for name in by_agents)))
    return {**tasks, **by_agents, "bbc/bbc": whole}
