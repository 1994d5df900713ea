"""Worlds that somebody registers: known wherever a name is taken, and refused where they would confuse."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest

from metta_jax import worlds
from metta_jax.adapters.game import make_game
from metta_jax.config import EnvConfig, SimulationSuiteConfig
from metta_jax.mapgen import FixedMap, RandomRoom, around, build_maps
from metta_jax.sim.world import env_name, resolve_env
from metta_jax.worlds import World, WorldOptions, registered
from metta_jax.worlds.environment import Environment
from metta_jax.worlds.families import family_worlds

DRAWN = FixedMap((("wall", "wall", "wall"), ("wall", "agent.agent", "altar"), ("wall", "wall", "wall")))


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a table of its own; the one of the process stays unchanged."""
    monkeypatch.setattr(registered, "_TABLE", registered._Table())


def _config(max_steps: int = 7) -> EnvConfig:
    game = worlds.get("default", num_agents=1).game.replace({"max_steps": max_steps})
    return EnvConfig(game=game, map_builder=DRAWN, labels=("mine",))


def _rooms(options: WorldOptions) -> EnvConfig:
    """A world with a number of agents of its own choice."""
    width, height = options.size(8, 6)
    num_agents = options.num_agents or 2
    room = RandomRoom(width=width, height=height, agents=num_agents, objects={"altar": options.around(2, 1, 3)})
    return EnvConfig(game=worlds.get("default", num_agents=num_agents).game, map_builder=room)


ROOMS = World(_rooms, "Find the altars.", takes=("num_agents", "width", "height"), sampling=0.5)


def test_a_configuration_has_a_name() -> None:
    config = _config()
    before = worlds.list()
    worlds.register("lab/drawn", config, description="One step to the altar.")
    assert set(worlds.list()) - set(before) == {"lab/drawn"}
    assert list(worlds.list()) == sorted(worlds.list())
    for name in ("lab/drawn", "env/mettagrid/lab/drawn", "/env/mettagrid/lab/drawn"):
        assert worlds.get(name) == config
        assert worlds.canonical_name(name) == "lab/drawn"
        assert worlds.is_world(name)
    assert worlds.describe("lab/drawn") == "One step to the altar."
    with pytest.raises(ValueError, match=r"no world 'lab/dravn' \(did you mean 'lab/drawn'\?\)"):
        worlds.get("lab/dravn")
    with pytest.raises(ValueError, match="^num_agents: 2 cannot be chosen: nothing can, in this world"):
        worlds.get("lab/drawn", num_agents=2)
    worlds.unregister("lab/drawn")
    assert worlds.list() == before
    assert not worlds.is_world("lab/drawn")


@pytest.mark.parametrize(
    "name",
    [
        "multiagent/experiments/mine",  # the original's are multiagent/... here
        "multiagent/experiments/boxy",
        "multiagent/multiagent/boxshare",
        "navigation/training/defaults",
        "mine/defaults",  # the name of a template, which is no world
        "game/mine",  # a part of the original's files
    ],
)
def test_a_registered_name_wins_over_what_the_original_s_path_means(name: str) -> None:
    config = _config()
    worlds.register(name, config)
    for spelling in (name, f"env/mettagrid/{name}", f"/env/mettagrid/{name}"):
        assert worlds.is_world(spelling)
        assert worlds.get(spelling) == config
        assert worlds.canonical_name(spelling) == name
        assert worlds.make_curriculum(spelling).env_configs[0] == config
    suite = SimulationSuiteConfig.model_validate({"name": "mine", "simulations": {"a/b": {"env": name}}})
    (simulation,) = suite.simulations.values()
    assert (resolve_env(simulation), env_name(simulation)) == (config, name)
    worlds.unregister(name)
    assert not worlds.is_world(name) or worlds.get(name) != config


def test_a_world_takes_options() -> None:
    worlds.register("lab/rooms", ROOMS)
    assert worlds.get("lab/rooms", num_agents=3, width=9).game.num_agents == 3
    assert worlds.get("lab/rooms").sampling == 0.5
    with pytest.raises(ValueError, match="^items: 'full' cannot be chosen: only num_agents, width, height can"):
        worlds.get("lab/rooms", items="full")
    env = Environment("lab/rooms", num_agents=3, num_maps=2, stats="none")
    assert (env.num_agents, env.task_names) == (3, ("lab/rooms",))


def test_the_sampling_of_a_configuration_can_be_chosen() -> None:
    room = RandomRoom(width=9, height=9, agents=1, objects={"altar": around(9, 1, 17, 1.0)})
    config = EnvConfig(game=worlds.get("default", num_agents=1).game, map_builder=room, sampling=1.0)
    worlds.register("lab/many", config)
    assert worlds.get("lab/many") == config
    still = worlds.get("lab/many", sampling=0.0)
    assert {(m.grid == "altar").sum() for m in build_maps(still.map_builder, seed=0, num_maps=8)} == {9}
    assert len({(m.grid == "altar").sum() for m in build_maps(config.map_builder, seed=0, num_maps=8)}) > 2


def test_everywhere_a_name_is_taken() -> None:
    worlds.register("lab/drawn", _config())
    worlds.register("lab/longer", _config(max_steps=9))
    env = Environment("lab/drawn", num_envs=2, num_maps=1, stats="none")
    assert (env.max_steps, env.map_width, env.labels) == (7, 3, ("mine",))
    state, _ = jax.eval_shape(env.reset, env.params, jax.random.key(0))
    assert state.max_steps.shape == (2,)

    both = worlds.make_curriculum({"kind": "random", "tasks": ["lab/drawn", "lab/longer"]})
    assert [config.game.max_steps for config in both.env_configs] == [7, 9]
    changed = worlds.make_curriculum(
        {"kind": "single_task", "task": "lab/drawn", "env_overrides": {"game.max_steps": 3}}
    )
    assert changed.env_configs[0].game.max_steps == 3

    suite = SimulationSuiteConfig.model_validate({"name": "mine", "simulations": {"a/b": {"env": "lab/drawn"}}})
    (simulation,) = suite.simulations.values()
    assert (resolve_env(simulation), env_name(simulation)) == (_config(), "lab/drawn")
    assert make_game("/env/mettagrid/lab/drawn").name == "lab/drawn"


def test_gymnasium_has_an_id_of_it() -> None:
    gymnasium = pytest.importorskip("gymnasium")
    from metta_jax.adapters import register_worlds

    worlds.register("lab/drawn", _config())
    try:
        assert register_worlds()["metta_jax/lab-drawn-v0"] == "lab/drawn"
        assert gymnasium.make("metta_jax/lab-drawn-v0").unwrapped.max_steps == 7
    finally:
        gymnasium.registry.pop("metta_jax/lab-drawn-v0", None)


def test_the_suites_of_the_package_stay_what_they_are() -> None:
    before = {name: worlds.suites.simulations_of(name) for name in worlds.suites.list_suites()}
    worlds.register("navigation/evals/mine", _config())
    assert {name: worlds.suites.simulations_of(name) for name in worlds.suites.list_suites()} == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "'' cannot be a name; names are parts of letters, digits, '_' and '.', with a '/' between them"),
        ("/lab", "'/lab' cannot be a name"),
        ("lab/", "'lab/' cannot be a name"),
        ("lab//x", "'lab//x' cannot be a name"),
        ("../x", "'../x' cannot be a name"),
        ("a b", "'a b' cannot be a name"),
        ("lab-x", "'lab-x' cannot be a name"),
        ("lab\n", "'lab\\\\n' cannot be a name"),
        ("läb", "'läb' cannot be a name"),
        ("curriculum/x", "'curriculum/x' cannot be a name; none begins with 'curriculum' or 'env' or 'custom'"),
        ("env/mettagrid/x", "'env/mettagrid/x' cannot be a name; none begins"),
        ("lab.yaml", "'lab.yaml' cannot be a name; it would be taken for a file"),
        ("lab/x.json", "'lab/x.json' cannot be a name; it would be taken for a file"),
        ("arena/basic", "'arena/basic' is one of the package's own worlds; choose another name"),
        ("arena/random", "'arena/random' is the name of a curriculum; choose another name"),
    ],
)
def test_names_that_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^worlds: {message}"):
        worlds.register(name, _config())
    assert registered._TABLE.worlds == {}


def test_every_name_of_the_package_could_have_been_registered() -> None:
    """So that the rule for names is one that our own worlds keep."""
    assert [name for name in family_worlds() if not registered._NAME.fullmatch(name)] == []


def test_what_is_refused() -> None:
    worlds.register("lab/x", _config())
    with pytest.raises(ValueError, match=r"^worlds: 'lab/x' is registered already; worlds.unregister\('lab/x'\) takes"):
        worlds.register("lab/x", _config())
    with pytest.raises(ValueError, match="^worlds: 'lab/y' was not registered; registered are lab/x$"):
        worlds.unregister("lab/y")
    wrong: Any
    for wrong, kind in (("arena/basic", "str"), ({"game": {}}, "dict"), (_config, "function"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"^worlds: 'lab/z' is to be a {kind}; a World or an EnvConfig is needed"):
            worlds.register("lab/z", wrong)
    wrong = 3
    with pytest.raises(TypeError, match="^worlds: 3 is no name"):
        worlds.register(wrong, _config())
    with pytest.raises(ValueError, match="^description: 'Twice.' is given for 'lab/z', a World"):
        worlds.register("lab/z", ROOMS, description="Twice.")
    with pytest.raises(ValueError, match="^description: .* is more than one line"):
        worlds.register("lab/z", _config(), description="One.\nTwo.")
    with pytest.raises(ValueError, match="^takes: 'widht' is not one of num_agents, width"):
        World(_rooms, "", takes=("widht",))
    with pytest.raises(TypeError, match="^build: 3 is not a function"):
        World(wrong, "")
    assert set(registered._TABLE.worlds) == {"lab/x"}


def test_what_a_world_builds_is_checked() -> None:
    nothing: Any = lambda options: None  # noqa: E731
    worlds.register("lab/nothing", World(nothing, "Nothing."))
    with pytest.raises(TypeError, match="^build: .* returned a NoneType instead of an EnvConfig"):
        worlds.get("lab/nothing")


def test_registering_builds_nothing() -> None:
    built: list[WorldOptions] = []

    def build(options: WorldOptions) -> EnvConfig:
        built.append(options)
        return _config()

    worlds.register("lab/lazy", World(build, "Later."))
    assert "lab/lazy" in worlds.list()
    assert worlds.describe("lab/lazy") == "Later."
    assert built == []
    worlds.get("lab/lazy")
    assert len(built) == 1


PACKAGE = """
from metta_jax import worlds
from metta_jax.config import EnvConfig
from metta_jax.mapgen import RandomRoom

assert worlds.list(), "a module may list worlds while it is loaded"
room = EnvConfig(game=worlds.get("default", num_agents=1).game, map_builder=RandomRoom(width=5, height=5, agents=1))
worlds.register("plugin/by_import", room)


def more():
    worlds.register("plugin/by_call", room)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package of somebody else."""
    (tmp_path / "some_plugin.py").write_text(PACKAGE, encoding="utf-8")
    facts = tmp_path / "some_plugin-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: some-plugin\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(
        "[metta_jax.worlds]\nrooms = some_plugin\nmore = some_plugin:more\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("some_plugin", None)


def test_an_entry_point_is_loaded_when_it_is_needed(package: Path) -> None:
    assert worlds.get("default").game.num_agents == 4
    assert Environment("curriculum/arena/random", num_maps=1, stats="none").num_agents == 24
    assert worlds.make_curriculum("arena/random").task_names
    assert "some_plugin" not in sys.modules, "known names need no packages"
    assert worlds.get("plugin/by_import").game.num_agents == 1
    assert worlds.make_curriculum("plugin/by_call").env_configs[0] == worlds.get("plugin/by_import")
    assert {"plugin/by_import", "plugin/by_call"} <= set(worlds.list())


def test_entry_points_are_loaded_when_worlds_are_listed(package: Path) -> None:
    assert {"plugin/by_import", "plugin/by_call"} <= set(worlds.list())
    assert {"plugin/by_import", "plugin/by_call"} <= set(worlds.list())


def test_an_entry_point_that_fails_is_a_warning(package: Path) -> None:
    (package / "some_plugin.py").write_text("raise RuntimeError('broken')\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="RuntimeError: broken") as warned:
        names = worlds.list()
    assert sorted(str(warning.message) for warning in warned) == [
        "worlds: the entry point 'more = some_plugin:more' of some-plugin failed: RuntimeError: broken",
        "worlds: the entry point 'rooms = some_plugin' of some-plugin failed: RuntimeError: broken",
    ]
    assert names == tuple(sorted(family_worlds()))
    assert worlds.list() == names  # told once
    assert not worlds.is_world("plugin/by_import")
