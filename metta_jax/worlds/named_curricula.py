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
                f"{_CURRICULA}/object_use": 2.0,
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
    every = _equal(*_experiments("mem", "hard_mem", "sequence"), f"{_SEQUENCES}/terrain_from_numpy")
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
        "object_use": PrioritizeRegressed(
            tasks={f"{_CURRICULA}/objects/all_objects": 2.0, f"{_CURRICULA}/objects/sequence": 1.0}
        ),
    }


def _bbc() -> dict[str, AnyKind]:
    """Six tasks, each with 24 agents alone, by twos, by threes and all together.

    The original's settings for lasers and blueprints are left out, since the worlds have neither, there or here.
    """

    def bucketed(buckets: Mapping[str, tuple[float, ...]], **env_overrides: float) -> AnyKind:
        return Bucketed(
            env_cfg_template_path="arena/combat",
            buckets={f"game.{path}": {"values": values} for path, values in buckets.items()},
            env_overrides={f"game.{path}": value for path, value in env_overrides.items()},
        )

    def inputs(thing: str) -> dict[str, tuple[float, ...]]:
        return {f"objects.{thing}.input_resources.{item}": (0, 1, 2) for item in ("ore_red", "battery_red")}

    def reward(item: str, *values: float) -> dict[str, tuple[float, ...]]:
        return {f"agent.rewards.inventory.{item}": values}

    def stock(thing: str) -> str:
        return f"objects.{thing}.initial_resource_count"

    generator_inputs = {"objects.generator_red.input_resources.ore_red": (0, 1, 2)}
    tasks = {
        "basic": bucketed({**reward("ore_red", 0, 1), **reward("battery_red", 0, 1), **generator_inputs}),
        "altar": bucketed({**reward("heart", 1), **inputs("altar")}),
        "laser": bucketed(inputs("lasery")),
        "armor": bucketed({**inputs("armory"), **reward("armor", 0, 1)}),
        "combat": bucketed({stock("altar"): (0, 1)}),
        "tag": bucketed({stock("lasery"): (0, 1), stock("armory"): (0, 1)}, **{stock("altar"): 1}),
    }

    def shared_by(num_rooms: int) -> AnyKind:
        return LearningProgress(
            tasks=_equal(*(f"{_CURRICULA}/bbc/tasks/{name}" for name in tasks)),
            env_overrides={
                "num_rooms": num_rooms,
                "num_agents": 24,
                **dict.fromkeys(("objects.mine_red", "objects.generator_red", "objects.altar"), 3),
                "map_builder.instance_border_width": 6,
                "game.actions.swap.enabled": False,
            },
        )

    rooms = {"1": 24, "2": 12, "3": 8, "24": 1}
    return {
        **{f"bbc/tasks/{name}": task for name, task in tasks.items()},
        **{f"bbc/agents/{agents}": shared_by(num_rooms) for agents, num_rooms in rooms.items()},
        "bbc/agents/defaults": shared_by(rooms["1"]),
        "bbc/bbc": LearningProgress(tasks=_equal(*(f"{_CURRICULA}/bbc/agents/{agents}" for agents in rooms))),
    }
