"""Simulations and suites: how many episodes, and what is recorded."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import duckdb
import jax
import numpy as np
import pytest

from metta_jax.config import SingleEnvSimulationConfig
from metta_jax.mapgen import FixedMap
from metta_jax.mettagrid import engine_path
from metta_jax.mettagrid.inspect import episode_stats
from metta_jax.mettagrid.map_hash import map_hash
from metta_jax.mettagrid.map_pool import MapCounts
from metta_jax.replays.encoding import encode_replay
from metta_jax.sim import (
    SimulationSuite,
    extract_scores,
    read_replay,
    simulate,
)
from metta_jax.sim.episodes import play_episodes
from metta_jax.sim.numbers import episode_numbers
from metta_jax.sim.program import play
from metta_jax.sim.world import make_world, resolve_env
from tests.programs import num_compiled
from tests.replays import format1
from tests.sim import small

TWO_MORE = ("wall", "agent.agent", "agent.agent", "wall", "wall", "wall")
SMALLER = (small.MAP[0], small.MAP[1], TWO_MORE, small.MAP[4])

EPISODES_OF_SIMULATIONS = """
    SELECT name, suite, COUNT(*) FROM simulations s JOIN episodes e ON e.simulation_id = s.id GROUP BY ALL ORDER BY 1
"""
MEAN_REWARDS = """
    SELECT sim_name, AVG(value) FROM policy_simulation_agent_metrics WHERE metric = 'reward' GROUP BY ALL
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Results of the shared simulation, and its directory."""
    folder = tmp_path_factory.mktemp("sim")
    run = small.simulation(stats_dir=folder / "stats", replay_dir=folder / "replays", episode_tags=["nightly"])
    with run.simulate() as out:
        yield run, out, folder


def test_episodes_are_exactly_as_many_and_complete(results: Any) -> None:
    run, out, _ = results
    db = out.stats_db
    rows = db.rows("SELECT id, step_count, simulation_id, completed_at >= created_at FROM episodes ORDER BY id")
    assert rows == [(f"{run.id}-{i:05d}", small.NUM_STEPS, run.id, True) for i in range(small.NUM_EPISODES)]
    row = db.rows("SELECT * EXCLUDE (created_at, finished_at), finished_at >= created_at FROM simulations")
    assert row == [(run.id, "navigation/tiny", "", "default", "file://policies/model_0007", 7, True)]
    assert db.rows("SELECT policy_key, policy_version, COUNT(*) FROM agent_policies GROUP BY ALL") == [
        ("file://policies/model_0007", 7, 9)
    ]
    assert db.rows("SELECT DISTINCT group_id, COUNT(*) FROM agent_groups GROUP BY ALL") == [(0, 9)]


def test_attributes(results: Any) -> None:
    run, out, _ = results
    values = dict(out.stats_db.rows("SELECT attribute, value FROM episode_attributes WHERE episode_id LIKE '%-00001'"))
    assert values["config.game.max_steps"] == str(small.NUM_STEPS)
    assert values["config.game.objects.altar.input_resources.ore_red"] == "1"
    assert values["config.map_builder.type"] == "FixedMap"
    assert (values["map_w"], values["map_h"]) == ("6", "5")
    assert values["initial_grid_hash"] == str(map_hash(small.MAP))
    assert values["seed"] == str(run.world.seed)
    assert values["tag.nightly"] == "true"


def test_metrics_are_those_of_the_environment(results: Any) -> None:
    _, out, _ = results
    simulation, episodes = small.played()
    sum_of_means = 0.0
    for episode in episodes:
        stats = episode_stats(simulation.world.layout, jax.device_get(simulation.world.params), episode.state)["agent"]
        for agent in range(3):
            found = dict(
                out.stats_db.rows(
                    "SELECT metric, value FROM agent_metrics WHERE agent_id = ? AND episode_id LIKE ?",
                    [agent, f"%-{episode.number:05d}"],
                )
            )
            expected = {"reward": float(episode.state.episode_return[agent]), **stats[agent]}
            assert found == pytest.approx({name: np.float32(value) for name, value in expected.items()})
            assert {"action.move.success", "action.move.failed.rate", "status.frozen.ticks"} & set(found)
            sum_of_means += expected["reward"]
    assert out.scores.simulation_scores == {("navigation", "tiny"): pytest.approx(sum_of_means / 9)}
    assert out.scores.category_scores == {"navigation": pytest.approx(sum_of_means / 9)}
    assert extract_scores(out) == out.scores
    assert sum_of_means > 0


def test_replays_are_written_where_the_results_say(results: Any) -> None:
    run, out, folder = results
    assert out.replay_urls == {"navigation/tiny": out.stats_db.get_replay_urls()}
    urls = out.stats_db.get_replay_urls(policy_key="file://policies/model_0007", env="default")
    assert urls == [str(folder / "replays" / run.id / f"{run.id}-{i:05d}.json.z") for i in range(3)]
    _, episodes = small.played()
    for url, episode in zip(urls, episodes, strict=True):
        assert format1.violations(format1.load(url)) == []
        last = read_replay(url).objects_at(small.NUM_STEPS - 1)
        rewards = {t["agent_id"]: t["total_reward"] for t in last.values() if "agent_id" in t}
        np.testing.assert_allclose([rewards[i] for i in range(3)], episode.state.episode_return, rtol=1e-6)


def test_the_same_run_again_adds_nothing_and_another_key_does(results: Any, tmp_path: Path) -> None:
    run, out, folder = results
    before = out.stats_db.rows("SELECT COUNT(*) FROM agent_metrics")
    again = small.simulation(stats_dir=folder / "stats", replay_dir=tmp_path)
    assert again.id == run.id
    with again.simulate() as repeated:
        assert repeated.stats_db.rows("SELECT COUNT(*) FROM agent_metrics") == before
        assert repeated.scores == out.scores
        assert format1.load(repeated.stats_db.get_replay_urls()[0])
    other = small.simulation(replay_dir=tmp_path, key=jax.random.key(1), replay_base_url="https://host/r")
    assert other.id != run.id
    with other.simulate() as different:
        [url, *_] = different.replay_urls["navigation/tiny"]
        assert url == f"https://host/r/{other.id}/{other.id}-00000.json.z"
        theirs = format1.load(tmp_path / other.id / f"{other.id}-00000.json.z")
        assert theirs["grid_objects"] != format1.load(out.stats_db.get_replay_urls()[0])["grid_objects"]


def test_rounds_and_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight episodes in rounds of three; then a clock that runs out during the second round."""
    monkeypatch.setattr(engine_path, "CHUNK_AGENTS", 9)
    monkeypatch.setattr("metta_jax.sim.world.MAX_MAPS", 3)
    with small.simulation(config=small.config(num_episodes=8), replay_dir=tmp_path).simulate() as out:
        assert out.stats_db.rows("SELECT COUNT(*), COUNT(DISTINCT created_at) FROM episodes") == [(8, 3)]
        assert len(out.replay_urls["navigation/tiny"]) == 8
        assert len({Path(url).read_bytes() for url in out.replay_urls["navigation/tiny"]}) == 8
        # An episode is a function of the key and its number, not of how many there are.
        run, episodes = small.played()
        for episode, url in zip(episodes, out.stats_db.get_replay_urls(), strict=False):
            expected = encode_replay(run.world, int(episode.state.map_index), episode.frames)
            assert format1.load(url)["grid_objects"] == expected["grid_objects"]
    # The clock stands still until the first episode is written, then jumps.
    first = tmp_path / "late"

    def clock() -> float:
        return 100.0 if first.exists() else 0.0

    late = small.simulation(config=small.config(num_episodes=8, max_time_s=50), replay_dir=first, clock=clock)
    message = r"simulation 'navigation/tiny': 5 of 8 episodes are missing, they did not end within max_time_s = 50"
    with pytest.warns(UserWarning, match=message):
        out = late.simulate()
    with out:
        assert out.stats_db.rows("SELECT COUNT(*) FROM episodes") == [(3,)]
        assert out.stats_db.rows("SELECT finished_at IS NOT NULL FROM simulations") == [(True,)]


def test_time_limit_before_the_first_episode_ends(tmp_path: Path) -> None:
    ticks = itertools.count()
    run = small.simulation(config=small.config(max_time_s=3), replay_dir=tmp_path, clock=lambda: float(next(ticks)))
    with pytest.warns(UserWarning, match="3 of 3 episodes are missing"):
        out = run.simulate()
    with out:
        assert out.stats_db.rows("SELECT COUNT(*) FROM episodes") == [(0,)]
        assert out.scores.simulation_scores == {}
        assert out.scores.avg_simulation_score == 0.0


def test_what_is_saved_over_a_policy_is_played_afresh(results: Any) -> None:
    """Same uri, same epoch, other parameters: a run that began again, or a policy that was written once more."""
    run, out, folder = results
    assert small.simulation(policy_pr=small.record(1)).id != run.id
    npc = {"config": small.config(npc_policy_uri="npc", policy_agents_pct=0.5)}
    ids = {small.simulation(policy_store=small.Store(npc=small.record(seed)), **npc).id for seed in (0, 0, 1)}
    assert len(ids) == 2, "the other policy counts too"
    with small.simulation(policy_pr=small.record(1), stats_dir=folder / "stats").simulate() as again:
        assert (again.policy_key, again.policy_version) == (out.policy_key, out.policy_version)
        assert again.scores != out.scores


def test_suite_merges_and_compiles_once(tmp_path: Path, results: Any) -> None:
    """The second world has a smaller map; with room for the larger one both run the program that is there already."""
    smaller = {**small.OVERRIDES, "map_builder": FixedMap(SMALLER)}
    config = small.suite_config(**{
        "navigation/tiny": small.config(), "memory/tinier": small.config(env_overrides=smaller),
    })  # fmt: skip
    before, programs = config.model_dump_json(), num_compiled(play)
    suite = SimulationSuite(
        config, small.record(), stats_dir=tmp_path / "stats", replay_dir=tmp_path / "replays", vectorization="serial"
    )
    with suite.simulate() as out:
        assert num_compiled(play) == programs
        assert out.stats_db.rows(EPISODES_OF_SIMULATIONS) == [
            ("memory/tinier", "tiny_suite", 3), ("navigation/tiny", "tiny_suite", 3),
        ]  # fmt: skip
        means = dict(
            out.stats_db.rows(
                "SELECT sim_name, AVG(value) FROM policy_simulation_agent_metrics WHERE metric = 'reward' GROUP BY ALL"
            )
        )
        assert out.scores.simulation_scores == {
            ("navigation", "tiny"): pytest.approx(means["navigation/tiny"]),
            ("memory", "tinier"): pytest.approx(means["memory/tinier"]),
        }
        assert extract_scores(out, suite) == extract_scores(out, config) == out.scores
        assert set(out.replay_urls) == {"navigation/tiny", "memory/tinier"}
        assert sorted(itertools.chain(*out.replay_urls.values())) == sorted(out.stats_db.get_replay_urls())
        for url in out.stats_db.get_replay_urls():
            assert format1.violations(format1.load(url)) == []
        assert format1.load(out.replay_urls["memory/tinier"][0])["map_size"] == [6, 4]
        path = Path(out.stats_db.path)
    assert config.model_dump_json() == before
    assert path.parent == tmp_path / "stats"
    assert path.name.startswith("all_")
    assert len(path.stem) == len("all_") + 8
    with duckdb.connect(str(path), read_only=True) as client:
        assert client.execute("SELECT COUNT(*) FROM episodes").fetchall() == [(6,)]
    assert len(list(path.parent.glob("*.duckdb"))) == 3


def test_suite_skips_what_the_other_policy_cannot_play(tmp_path: Path) -> None:
    npc = small.config(npc_policy_uri="npc", policy_agents_pct=0.5)
    store = small.Store(npc=small.wide_policy())
    config = small.suite_config(**{"a/skipped": npc, "a/played": small.config()})
    suite = SimulationSuite(config, small.record(), store, replay_dir=tmp_path)
    with pytest.warns(UserWarning, match="simulation 'a/skipped' is skipped: npc_policy_uri: 'npc' cannot play"):
        out = suite.simulate()
    with out:
        assert set(out.scores.simulation_scores) == {("a", "played")}
    with (
        pytest.warns(UserWarning, match="is skipped"),
        pytest.raises(RuntimeError, match="No simulations could be run successfully"),
    ):
        SimulationSuite(small.suite_config(**{"a/skipped": npc}), small.record(), store).simulate()
    with pytest.raises(ValueError, match="no world 'nowhere'"):
        SimulationSuite(small.suite_config(a={"env": "nowhere"}), small.record()).simulate()


def test_processes_share_a_suite(tmp_path: Path) -> None:
    """Each plays its simulations, with the numbers of one process, and the first has the results of all."""
    config = small.suite_config(**{"a/one": small.config(), "a/two": small.config(), "b/three": small.config()})
    with SimulationSuite(config, small.record()).simulate() as alone:
        expected = alone.scores
    suite = SimulationSuite(config, small.record(), stats_dir=tmp_path, replay_dir=tmp_path)
    with suite.simulate(share=(1, 2)) as second:
        assert [name for name, *_ in second.stats_db.rows(EPISODES_OF_SIMULATIONS)] == ["a/two"]
    waited = []
    with suite.simulate(share=(0, 2), wait_fn=lambda: waited.append(True)) as first:
        assert first.scores == expected
        assert list(first.replay_urls) == ["a/one", "b/three", "a/two"]
        assert sorted(itertools.chain(*first.replay_urls.values())) == sorted(first.stats_db.get_replay_urls())
    assert waited == [True]
    with pytest.raises(ValueError, match="^stats_dir: is needed if 2 processes share a suite"):
        SimulationSuite(config, small.record()).simulate(share=(1, 2))


def test_worlds_with_overrides() -> None:
    overrides = {"game": {"max_steps": 7, "num_agents": 2, "map_builder": {"width": 8}}, "map_builder": {"height": 9}}
    world = resolve_env(SingleEnvSimulationConfig(env="default", env_overrides=overrides))
    assert (world.game.max_steps, world.game.num_agents) == (7, 2)
    builder: Any = world.map_builder
    assert (builder.width, builder.height, builder.agents) == (8, 9, 2)
    assert builder.objects["altar"] == 1
    with pytest.raises(ValueError, match=r"env_overrides\.map_builder: RandomRoom\.widht: .*mean 'width'"):
        resolve_env(SingleEnvSimulationConfig(env="default", env_overrides={"map_builder": {"widht": 8}}))
    with pytest.raises(ValueError, match=r"game.max_step: .*did you mean"):
        resolve_env(SingleEnvSimulationConfig(env="default", env_overrides={"game": {"max_step": 8}}))
    with pytest.raises(ValueError, match="env.game.max_steps: 0 means no limit"):
        endless = SingleEnvSimulationConfig(env="default", env_overrides={"game": {"max_steps": 0}})
        make_world(endless, seed=0, num_episodes=1, stats="none")


def test_the_summary_has_the_numbers_of_evaluate_policy(results: Any) -> None:
    run, out, _ = results
    ((name, numbers),) = out.summary().items()
    rows = out.stats_db.rows(
        "SELECT episode_id, sum(value) FROM agent_metrics WHERE metric = 'reward' GROUP BY episode_id ORDER BY ALL"
    )
    assert name == run.name
    assert numbers == pytest.approx(episode_numbers([row[1] for row in rows], [small.NUM_STEPS] * len(rows), 3))
    assert numbers["mean_reward_per_agent"] == pytest.approx(out.scores.avg_simulation_score)
    assert numbers["mean_reward_sum"] > 0


def test_several_worlds_in_one_line(results: Any, tmp_path: Path) -> None:
    world = resolve_env(small.config())
    with simulate(small.policy(), world, num_episodes=3, replay_dir=tmp_path) as out:
        assert list(out.scores.simulation_scores) == [("custom", "custom")]
        assert out.stats_db.rows("SELECT COUNT(*) FROM episodes") == [(3,)]
        assert out.stats_db.rows("SELECT env LIKE 'custom/________' FROM simulations") == [(True,)]


@pytest.mark.slow
def test_room_for_others_changes_nothing() -> None:
    """A world in arrays with room for a larger one plays the same episodes."""
    run, episodes = small.played()
    world = run.world.with_room(MapCounts(9, 12, 20, 15))
    assert world.layout != run.world.layout
    [batch] = play_episodes(world, run.players, run._key, small.NUM_EPISODES, max_time_s=1e9, record=True)
    for one, other in zip(batch, episodes, strict=True):
        grown, plain = (
            encode_replay(where, int(e.state.map_index), e.frames) for where, e in ((world, one), (run.world, other))
        )
        assert grown == plain


@pytest.mark.slow
def test_greedy_takes_the_most_probable_actions() -> None:
    """Two greedy runs differ only in the order of agents; the first actions are the same for all keys."""
    run = small.simulation(greedy=True)
    first = []
    for seed in (0, 1):
        key = jax.random.key(seed)
        [batch] = play_episodes(run.world, run.players, key, 3, max_time_s=1e9, greedy=True, record=True)
        first.append([e.frames.action[0].tolist() for e in batch])
    assert first[0] == first[1]
