"""The database: its schema, what its methods count, merging, and that any DuckDB client reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from metta_jax.sim import EvalRewardSummary, EvalStatsDB, StatsDB, extract_scores
from metta_jax.sim.scores import score_policy

MINE = SimpleNamespace(uri="file://mine", metadata={"epoch": 3})
OTHER = SimpleNamespace(uri="file://other", metadata={"epoch": 1})

COLUMNS = {
    "episodes": [
        ("id", "VARCHAR"), ("step_count", "INTEGER"), ("created_at", "TIMESTAMP"), ("completed_at", "TIMESTAMP"),
        ("simulation_id", "VARCHAR"), ("replay_url", "VARCHAR"),
    ],
    "episode_attributes": [("episode_id", "VARCHAR"), ("attribute", "VARCHAR"), ("value", "VARCHAR")],
    "agent_groups": [("episode_id", "VARCHAR"), ("group_id", "INTEGER"), ("agent_id", "INTEGER")],
    "agent_metrics": [("episode_id", "VARCHAR"), ("agent_id", "INTEGER"), ("metric", "VARCHAR"), ("value", "FLOAT")],
    "simulations": [
        ("id", "VARCHAR"), ("name", "VARCHAR"), ("suite", "VARCHAR"), ("env", "VARCHAR"), ("policy_key", "VARCHAR"),
        ("policy_version", "INTEGER"), ("created_at", "TIMESTAMP"), ("finished_at", "TIMESTAMP"),
    ],
    "agent_policies": [
        ("episode_id", "VARCHAR"), ("agent_id", "INTEGER"), ("policy_key", "VARCHAR"), ("policy_version", "INTEGER"),
    ],
    "policy_simulation_agent_samples": [
        ("policy_key", "VARCHAR"), ("policy_version", "INTEGER"), ("sim_suite", "VARCHAR"), ("sim_name", "VARCHAR"),
        ("sim_env", "VARCHAR"), ("episode_id", "VARCHAR"), ("agent_id", "INTEGER"),
    ],
    "policy_simulation_agent_metrics": [
        ("policy_key", "VARCHAR"), ("policy_version", "INTEGER"), ("sim_suite", "VARCHAR"), ("sim_name", "VARCHAR"),
        ("sim_env", "VARCHAR"), ("metric", "VARCHAR"), ("value", "FLOAT"),
    ],
}  # fmt: skip


def add(db: EvalStatsDB, sim: str, number: int, rewards: list[dict[str, float]], **changes: Any) -> None:
    """An episode whose agents are MINE, but the last one OTHER's if `with_other`."""
    name = changes.get("name", sim)
    db.record_simulation(sim, name, changes.get("suite", "suite"), f"/env/{name}", MINE.uri, 3)
    policies = dict.fromkeys(range(len(rewards)), (MINE.uri, 3))
    if changes.get("with_other"):
        policies[len(rewards) - 1] = (OTHER.uri, 1)
    db.record_sim_episode(
        sim,
        f"{sim}-{number}",
        attributes={"seed": 1, "config.game.max_steps": 7},
        agent_metrics=dict(enumerate(rewards)),
        agent_groups=dict.fromkeys(range(len(rewards)), 0),
        agent_policies=policies,
        step_count=7,
        replay_url=changes.get("replay_url"),
    )


@pytest.fixture
def db() -> EvalStatsDB:
    """navigation/easy: 1, 2 (hearts 4), nothing at all; memory/easy: 10 and, of the other policy, 100."""
    db = EvalStatsDB()
    add(db, "navigation/easy", 0, [{"reward": 1.0}, {"reward": 2.0, "heart.get": 4.0}, {}], replay_url="a.json.z")
    add(db, "memory/easy", 0, [{"reward": 10.0}, {"reward": 100.0}], with_other=True, replay_url="b'\"; --.json.z")
    return db


def test_schema(db: EvalStatsDB) -> None:
    for table, columns in COLUMNS.items():
        assert [(row[0], row[1]) for row in db.rows(f"DESCRIBE {table}")] == columns, table
    keys = {
        table: set(columns)
        for table, columns in db.rows(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'"
        )
    }
    assert keys == {
        "episodes": {"id"},
        "episode_attributes": {"episode_id", "attribute"},
        "agent_groups": {"episode_id", "group_id", "agent_id"},
        "agent_metrics": {"episode_id", "agent_id", "metric"},
        "simulations": {"id"},
        "agent_policies": {"episode_id", "agent_id"},
    }
    for column in ("name", "suite", "env", "policy_key", "policy_version"):
        with pytest.raises(duckdb.ConstraintException, match=column):
            new = f"SELECT * REPLACE ('new' AS id, NULL AS {column}) FROM simulations LIMIT 1"
            db.con.execute(f"INSERT INTO simulations BY NAME ({new})")


def test_one_episode(db: EvalStatsDB) -> None:
    assert db.rows("SELECT id, step_count, simulation_id, replay_url FROM episodes ORDER BY id DESC")[0] == (
        "navigation/easy-0", 7, "navigation/easy", "a.json.z",
    )  # fmt: skip
    assert db.rows("SELECT attribute, value FROM episode_attributes WHERE episode_id LIKE 'nav%' ORDER BY ALL") == [
        ("config.game.max_steps", "7"),
        ("seed", "1"),
    ]
    assert db.rows("SELECT agent_id, group_id FROM agent_groups WHERE episode_id LIKE 'mem%' ORDER BY ALL") == [
        (0, 0),
        (1, 0),
    ]
    now, (begun, ended) = (
        datetime.now(UTC).replace(tzinfo=None),
        db.rows("SELECT created_at, completed_at FROM episodes")[0],
    )
    assert abs((now - begun).total_seconds()) < 60
    assert begun <= ended


def test_an_episode_is_recorded_whole_or_not_at_all(db: EvalStatsDB) -> None:
    with pytest.raises(ValueError, match="episode_id: 'navigation/easy-0' is recorded already"):
        add(db, "navigation/easy", 0, [{"reward": 5.0}])
    with pytest.raises(duckdb.Error):
        db.record_episode("new", {"a": 1}, {0: {"reward": 1.0}}, {2**40: 0}, 5)
    assert not db.has_episode("new")
    assert db.rows("SELECT COUNT(*) FROM episode_attributes WHERE episode_id = 'new'") == [(0,)]
    db.record_episode("new", {}, {}, {}, 5, created_at=datetime(2025, 7, 19, 12, tzinfo=UTC))
    assert db.rows("SELECT created_at FROM episodes WHERE id = 'new'") == [(datetime(2025, 7, 19, 12),)]


def test_metrics_by_hand(db: EvalStatsDB) -> None:
    # The agent without any metric is no potential sample.
    assert db.get_average_metric_by_filter("reward", MINE) == pytest.approx((1 + 2 + 10) / 3)
    assert db.get_sum_metric_by_filter("reward", MINE) == pytest.approx(13)
    mean = 13 / 3
    assert db.get_std_metric_by_filter("reward", MINE) == pytest.approx(((1 + 4 + 100) / 3 - mean**2) ** 0.5)
    assert db.get_average_metric_by_filter("heart.get", MINE) == pytest.approx(4 / 3)
    assert db.get_average_metric_by_filter("nothing", MINE) == 0.0
    assert db.get_average_metric_by_filter("reward", SimpleNamespace(uri="x", metadata={})) is None
    assert db.get_sum_metric_by_filter("reward", MINE, {"sim_name": "none"}) is None
    assert db.get_std_metric_by_filter("reward", MINE, {"sim_name": "none"}) is None
    assert db.get_average_metric_by_filter("reward", MINE, {"sim_name": "navigation/easy"}) == pytest.approx(1.5)
    assert db.get_average_metric_by_filter("reward", MINE, "sim_env = '/env/memory/easy'") == pytest.approx(10)
    with pytest.raises(ValueError, match="filter: 'value' is not one of policy_key, policy_version"):
        db.get_average_metric_by_filter("reward", MINE, {"value": 1})


def test_counts_by_hand(db: EvalStatsDB) -> None:
    assert db.sample_count() == 5
    assert db.sample_count(MINE) == 4
    assert db.sample_count(MINE, "suite", "navigation/easy", "/env/navigation/easy") == 3
    assert db.sample_count(MINE, sim_suite="other") == 0
    assert db.potential_samples_for_metric(MINE.uri, 3) == 3
    assert db.potential_samples_for_metric(MINE.uri, 3, {"sim_name": "navigation/easy"}) == 2
    assert db.count_metric_agents(MINE.uri, 3, "reward") == 3
    assert db.count_metric_agents(MINE.uri, 3, "heart.get") == 1
    assert db.count_metric_agents(MINE.uri, 2, "heart.get") == 0


def test_summaries_by_hand(db: EvalStatsDB) -> None:
    assert db.simulation_scores(MINE, "reward") == {
        ("suite", "memory/easy", "/env/memory/easy"): pytest.approx(10),
        ("suite", "navigation/easy", "/env/navigation/easy"): pytest.approx(1.5),
    }
    assert db.simulation_scores(MINE, "heart.get")["suite", "navigation/easy", "/env/navigation/easy"] == 2.0
    rows = [tuple(row.values()) for row in db.query("SELECT 1 AS policy_uri")]
    assert rows == [(1,)]
    assert db.metric_by_policy_eval("reward") == [
        {"policy_uri": "file://mine:v3", "eval_name": "/env/memory/easy", "value": 10.0},
        {"policy_uri": "file://mine:v3", "eval_name": "/env/navigation/easy", "value": 1.5},
        {"policy_uri": "file://other:v1", "eval_name": "/env/memory/easy", "value": 100.0},
    ]
    assert len(db.metric_by_policy_eval("reward", OTHER)) == 1
    assert db.get_all_policy_uris() == ["file://mine:v3"]


def test_replay_urls_and_hostile_values(db: EvalStatsDB) -> None:
    assert set(db.get_replay_urls()) == {"a.json.z", "b'\"; --.json.z"}
    assert db.get_replay_urls(policy_key=MINE.uri, policy_version=3, env="/env/navigation/easy") == ["a.json.z"]
    assert db.get_replay_urls(policy_key="' OR 1 = 1 --") == []
    assert db.get_replay_urls(policy_version=4) == []
    assert db.count_metric_agents("' OR 1 = 1 --", 3, "reward") == 0


def test_records_need_a_uri(db: EvalStatsDB) -> None:
    assert db.key_and_version(MINE) == ("file://mine", 3)
    with pytest.raises(ValueError, match="PolicyRecord must have a URI to be used in EvalStatsDB queries."):
        db.get_average_metric_by_filter("reward", SimpleNamespace(uri=None, metadata={"epoch": 0}))


def test_scores_by_hand(db: EvalStatsDB) -> None:
    add(db, "memory/hard/deep", 0, [{"reward": 1.0}, {"reward": 3.0}])
    add(db, "systematic_exploration_memory/easy", 0, [{"reward": 50.0}])
    scores = score_policy(db, MINE.uri, 3)
    # The agent without a reward counts as 0; the other policy's 100 does not count.
    assert scores.simulation_scores == {
        ("memory", "deep"): pytest.approx(2),
        ("memory", "easy"): pytest.approx(10),
        ("navigation", "easy"): pytest.approx(1),
        ("systematic_exploration_memory", "easy"): pytest.approx(50),
    }
    assert scores.category_scores == {
        "memory": pytest.approx((10 + 1 + 3) / 3),
        "navigation": pytest.approx(1),
        "systematic_exploration_memory": pytest.approx(50),
    }
    assert scores.avg_category_score == pytest.approx((14 / 3 + 1 + 50) / 3)
    assert scores.avg_simulation_score == pytest.approx((2 + 10 + 1 + 50) / 4)
    metrics = scores.to_metrics()
    assert metrics["memory/score"] == pytest.approx(14 / 3)
    assert metrics["memory/deep"] == pytest.approx(2)
    results = SimpleNamespace(stats_db=db, policy_key=MINE.uri, policy_version=3)
    suite = SimpleNamespace(config=SimpleNamespace(simulations={"memory/easy": None}))
    assert extract_scores(results, suite).category_scores == {"memory": pytest.approx(10)}
    assert extract_scores(results).to_metrics() == metrics
    assert EvalRewardSummary().avg_category_score == EvalRewardSummary().avg_simulation_score == 0.0


def test_merging_keeps_what_is_there(db: EvalStatsDB, tmp_path: Path) -> None:
    path = tmp_path / "it's here" / "second.duckdb"
    with EvalStatsDB(path) as second:
        add(second, "navigation/easy", 0, [{"reward": 99.0}])
        add(second, "navigation/easy", 1, [{"reward": 7.0}])
        db.merge_in(second)  # open, from a file
        second.merge_in(second)
        second.merge_in(path)
        assert second.rows("SELECT COUNT(*) FROM episodes") == [(2,)]
    rows = "SELECT episode_id, value FROM agent_metrics WHERE metric = 'reward' AND agent_id = 0 ORDER BY episode_id"
    assert db.rows(rows) == [("memory/easy-0", 10.0), ("navigation/easy-0", 1.0), ("navigation/easy-1", 7.0)]
    assert db.rows("SELECT COUNT(*) FROM simulations") == [(2,)]
    before = {table: db.rows(f"SELECT COUNT(*) FROM {table}") for table in EvalStatsDB.tables}
    db.merge_in(path)  # again, closed
    assert before == {table: db.rows(f"SELECT COUNT(*) FROM {table}") for table in EvalStatsDB.tables}


def test_export_and_any_client(db: EvalStatsDB, tmp_path: Path) -> None:
    path = tmp_path / "out" / "all.duckdb"
    db.export(path)
    add(db, "navigation/easy", 1, [{"reward": 7.0}])
    db.export(path)  # into the file that is there
    with duckdb.connect(str(path), read_only=True) as client:
        assert client.execute("SELECT COUNT(*) FROM policy_simulation_agent_metrics").fetchall() == [(6,)]
    with EvalStatsDB.from_uri(f"file://{path}") as opened:
        assert opened.get_average_metric_by_filter("reward", MINE, {"sim_name": "memory/easy"}) == 10.0
        opened.export(path)
        assert opened.query("SELECT id FROM episodes WHERE id = ?", ["memory/easy-0"]) == [{"id": "memory/easy-0"}]
        opened.close()


def test_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none.duckdb: there is no such database"):
        EvalStatsDB.from_uri(tmp_path / "none.duckdb")
    (tmp_path / "text.duckdb").write_text("this is no database" * 1000)
    with pytest.raises(ValueError, match=r"text.duckdb: cannot be opened as a DuckDB database"):
        EvalStatsDB.from_uri(tmp_path / "text.duckdb")
    with pytest.raises(ValueError, match="wandb://x' is not a local file"):
        EvalStatsDB().export("wandb://x")


def test_plain_episodes(tmp_path: Path) -> None:
    with StatsDB(tmp_path / "plain.duckdb") as plain:
        plain.record_episode("e", {"a": 1}, {0: {"reward": 1.0}}, {0: 0}, 3, replay_url="x")
        assert plain.get_replay_urls() == ["x"]
        with EvalStatsDB() as other:
            other.merge_in(plain)
            assert other.get_replay_urls() == ["x"]
