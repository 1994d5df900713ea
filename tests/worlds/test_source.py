"""What a world may be given as: each form means the same to all who take worlds, with the same errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import pytest
import yaml

from metta_jax import worlds
from metta_jax.adapters.game import make_game
from metta_jax.config import EnvConfig, SingleEnvSimulationConfig
from metta_jax.mapgen import FixedMap, MapGen, Maze, RandomRoom, build_maps, uniform
from metta_jax.monitor import load_run_config, save_run_config
from metta_jax.sim.one_liners import simulations_in
from metta_jax.sim.world import env_name, make_world, with_content
from metta_jax.trainer import make_run
from metta_jax.worlds.environment import Environment
from metta_jax.worlds.source import plain_world, read_file, read_world, world_name

ROOM = RandomRoom(width=uniform(6, 9), height=6, agents=2, objects={"altar": 2, "mine_red": 1})
# As people write it: the map builder by its class's name.
WRITTEN: dict[str, Any] = {
    "game": {**worlds.get("default", num_agents=2).game.model_dump(mode="json"), "max_steps": 11},
    "map_builder": {
        "type": "RandomRoom",
        "width": {"type": "Uniform", "low": 6, "high": 9},
        "height": 6,
        "agents": 2,
        "objects": {"altar": 2, "mine_red": 1},
    },
    "labels": ["mine"],
}
CONFIG = EnvConfig(game=WRITTEN["game"], map_builder=ROOM, labels=("mine",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rooms.yaml").write_text(yaml.safe_dump(WRITTEN), encoding="utf-8")
    (tmp_path / "rooms.json").write_text(json.dumps(WRITTEN, indent="\t"), encoding="utf-8")
    (tmp_path / "dumped.json").write_text(CONFIG.model_dump_json(), encoding="utf-8")
    (tmp_path / "school.yaml").write_text(
        yaml.safe_dump({"kind": "random", "tasks": {str(tmp_path / "rooms.yaml"): 1, "rooms.json": 3}}),
        encoding="utf-8",
    )
    return tmp_path


FORMS: dict[str, Callable[[Path], Any]] = {
    "config": lambda _: CONFIG,
    "config with a builder as a mapping": lambda _: EnvConfig.model_validate(WRITTEN),
    "mapping": lambda _: WRITTEN,
    "yaml": lambda folder: str(folder / "rooms.yaml"),
    "json": lambda folder: str(folder / "rooms.json"),
    "path": lambda folder: folder / "rooms.yaml",
    "what the configuration writes": lambda folder: str(folder / "dumped.json"),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_means_the_same_to_all(form: str, folder: Path) -> None:
    source = FORMS[form](folder)
    assert read_world(source) == CONFIG
    maps = [game_map.to_lists() for game_map in build_maps(ROOM, seed=0, num_maps=3)]

    env = Environment(source, num_maps=3, stats="none")
    assert (env.env_config, env.max_steps, env.labels) == (CONFIG, 11, ("mine", "random", "small"))
    game = make_game(source, num_maps=3)
    assert [game_map.to_lists() for game_map in game.maps] == maps
    assert game.labels == ("mine",)

    config = with_content(SingleEnvSimulationConfig(env=source))
    world = make_world(config, seed=0, num_episodes=3, stats="none")
    assert (world.config, list(world.maps)) == (CONFIG, maps)
    assert env_name(config).startswith("custom/")

    run = make_run(source, num_envs=1)
    assert Environment(**run.environment).env_config == CONFIG
    assert run.trainer.batch_size == 2 * 64


def test_a_task_of_a_curriculum_may_be_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for source in ("school.yaml", Path("school.yaml"), read_file("school.yaml")):
        school = worlds.make_curriculum(source)
        assert school.env_configs == (CONFIG, CONFIG)
    assert Environment("school.yaml", num_maps=1, stats="none").curriculum is not None
    template = {"kind": "sampled_task", "template": "rooms.yaml", "parameters": {"game.max_steps": 5}}
    assert worlds.make_curriculum(template).env_configs[0].game.max_steps == 5


def test_the_form_of_the_original(folder: Path) -> None:
    """A world as its files say it, and a curriculum of it."""
    builder = {"_target_": "metta.mettagrid.room.random.Random", **WRITTEN["map_builder"]}
    del builder["type"]
    builder["width"] = ["uniform", 6, 9]
    world = {"game": {**WRITTEN["game"], "map_builder": builder}, "labels": ["mine"], "sampling": 0, "num_agents": 1}
    (folder / "old.yaml").write_text(yaml.safe_dump(world), encoding="utf-8")
    assert read_world(folder / "old.yaml") == CONFIG
    target = "metta.mettagrid.curriculum.random.RandomCurriculum"
    old = {"_target_": target, "tasks": {str(folder / "old.yaml"): 1, "simple": 3}, "env_overrides": {}}
    (folder / "old_school.yaml").write_text(yaml.safe_dump(old), encoding="utf-8")
    school = worlds.make_curriculum(folder / "old_school.yaml")
    assert school.children[0].variants == (CONFIG,)  # pyright: ignore
    (folder / "part.yaml").write_text("defaults: [base, _self_]\ngame: {}\n", encoding="utf-8")
    for take in (read_world, worlds.make_curriculum, Environment, make_run, EnvConfig.from_yaml):
        with pytest.raises(ValueError, match=r"part\.yaml: defaults: \['base', '_self_'\] is for Hydra, .* --resolve$"):
            take(str(folder / "part.yaml"))


def test_a_run_keeps_what_the_file_says(folder: Path) -> None:
    """So it is the same run when the file is changed."""
    path = folder / "rooms.yaml"
    run = make_run(path, num_envs=1)
    save_run_config(folder, run.trainer, dict(run.environment), run.agent)
    path.unlink()
    loaded = load_run_config(folder)
    assert Environment(**loaded.environment).env_config == CONFIG
    again = make_run(environment=loaded.environment)
    assert again.environment == loaded.environment
    assert "curriculum" not in run.trainer.model_fields_set


def test_a_run_in_a_given_configuration() -> None:
    run = make_run(environment={"env_config": WRITTEN}, num_envs=1)
    assert Environment(**run.environment).env_config == CONFIG
    with pytest.raises(ValueError, match=r"^world: 'default' is given together with environment\.env_config"):
        make_run("default", environment={"env_config": WRITTEN})


def test_what_a_world_is_called() -> None:
    assert world_name("/env/mettagrid/arena/basic") == "/env/mettagrid/arena/basic"
    assert world_name("some/rooms.yaml") == world_name(Path("other/rooms")) == "rooms"
    assert world_name(CONFIG) == "custom"
    assert simulations_in(["simple", "a/rooms.yaml", "simple"]) == {
        "simple": {"env": "simple"},
        "rooms": {"env": "a/rooms.yaml"},
    }
    with pytest.raises(ValueError, match="^worlds: two of them are called 'rooms'"):
        simulations_in(["a/rooms.yaml", "b/rooms.yaml"])


def test_every_named_world_can_be_written_and_read(tmp_path: Path) -> None:
    """The same world, so the same maps for the same seed; some are read from YAML, which is slow, and drawn."""
    file = tmp_path / "world.json"
    for number, name in enumerate(worlds.list()):
        config = worlds.get(name)
        text = config.model_dump_json()
        file.write_text(text, encoding="utf-8")
        for read in (read_world(file), EnvConfig.model_validate_json(text), EnvConfig.model_validate(json.loads(text))):
            assert read == config, name
            assert read.model_dump_json() == text, f"{name}: another order"  # which maps are drawn in
        if number % 24 == 0:
            config.to_yaml(tmp_path / "world.yaml")
            read = EnvConfig.from_yaml(tmp_path / "world.yaml")
            assert read.model_dump_json() == text
            maps = [Environment(env_config=world, num_maps=2, stats="none").params.maps for world in (config, read)]
            assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), *maps)), name


def test_names_and_files_are_told_apart() -> None:
    assert plain_world("simple") == "simple"
    assert read_world("simple", num_agents=8).game.num_agents == 8
    with pytest.raises(ValueError, match=r"no world 'simple\.yam'"):
        read_world("simple.yam")


GAME = json.dumps(WRITTEN["game"])
ERRORS = {
    "- 1": "is not a mapping of names",
    "1: 2": "is not a mapping of names",
    "a: [": "while parsing",
    "a: 1\na: 2": "key 'a' is given twice",
    "labels: []": "has neither a game, as a world has, nor the kind of a curriculum",
    f"game: {GAME}\nmap_builder: {{}}\nlabel: []": "label: Extra inputs are not permitted (did you mean 'labels'?)",
    f"game: {GAME.replace('11', '-1')}\nmap_builder: {{}}": "game.max_steps: -1 is not",
    f"game: {GAME}\nmap_builder: {{type: RandomRom}}": "map_builder: type: there is no scene, room or distribution",
    f"game: {GAME}\nmap_builder: {{type: RandomRoom, widht: 3}}": "map_builder: RandomRoom.widht: there is no",
    "kind: randm": "kind: 'randm' is not one of",
    "_target_: x.RandmCurriculum": "_target_: 'x.RandmCurriculum' is not one of",
    "_target_: metta.map.mapgen.MapGen": "is a map builder or a scene alone; a world is a game and a map_builder",
}


@pytest.mark.parametrize("text", ERRORS)
def test_an_error_names_the_file_and_the_field(text: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text, encoding="utf-8")
    for take in (read_world, worlds.make_curriculum, Environment, make_game, make_run):
        with pytest.raises(ValueError) as error:
            take(str(file))
        assert str(error.value).startswith(f"{file}: ")
        assert ERRORS[text] in str(error.value)


def test_an_incomplete_world_says_where_a_complete_one_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "rooms.yaml"
    file.write_text("game: {num_agents: 2, max_steps: 60}\nmap_builder: {type: Random, width: 9, height: 9}\n")
    with pytest.raises(
        ValueError, match=r"(?s)Field required.*; `metta-jax worlds show default --out FILE` writes a"
    ) as error:
        worlds.read(file)
    assert "game.actions: Field required" in str(error.value)


def test_wrong_sources(tmp_path: Path) -> None:
    missing, school = tmp_path / "missing.json", tmp_path / "school.yaml"
    school.write_text("{kind: single_task, task: simple}", encoding="utf-8")
    for take in (read_world, worlds.make_curriculum, Environment, make_game, make_run):
        with pytest.raises(ValueError, match=r"missing\.json: No such file or directory$"):
            take(str(missing))
    for take in (read_world, make_game):
        with pytest.raises(ValueError, match=r"school\.yaml: holds a curriculum; world takes a single world$"):
            take(school)
    missing.write_text('{"game": {}, "game": {}}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"missing\.json: key 'game' is given twice$"):
        read_world(missing)
    odd: Any = tmp_path / "rooms.txt"
    with pytest.raises(ValueError, match=r"^env: .*rooms\.txt' does not end in \.yaml, \.yml, \.json"):
        SingleEnvSimulationConfig(env=odd)
    wrong: Any = 3
    for take in (read_world, make_game):
        with pytest.raises(ValueError, match="^world: 3 is not a world; give a name, an EnvConfig, a mapping"):
            take(wrong)
    for take in (read_world, worlds.make_curriculum, Environment, make_game):
        with pytest.raises(ValueError, match="^num_agents: 2 is given together with a configuration; change"):
            take(CONFIG, num_agents=2)


def test_scenes_and_given_maps_are_read() -> None:
    for builder in (MapGen(Maze(), width=9, height=9), FixedMap((("agent.agent", "empty"), ("wall", "altar")))):
        config = EnvConfig(game=CONFIG.game, map_builder=builder)
        assert read_world(json.loads(config.model_dump_json())) == config
