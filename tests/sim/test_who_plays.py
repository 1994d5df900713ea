"""Which policies can play in a simulation, for how many agents, and under which names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.sim import EvalStatsDB, SimulationCompatibilityError
from tests.replays import format1
from tests.sim import small


def test_npc_plays_the_last_agents(tmp_path: Path) -> None:
    store = small.Store(npc=_only_first_action())
    settings = small.config(npc_policy_uri="npc", policy_agents_pct=0.5)
    run = small.simulation(config=settings, policy_store=store, replay_dir=tmp_path)
    assert [count for _, count in run.players] == [1, 2]
    with run.simulate() as out:
        db, columns = out.stats_db, "agent_id, policy_key, policy_version"
        assert db.rows(f"SELECT {columns}, COUNT(*) FROM agent_policies GROUP BY ALL ORDER BY 1") == [
            (0, "file://policies/model_0007", 7, 3), (1, "file://npc", 2, 3), (2, "file://npc", 2, 3),
        ]  # fmt: skip
        mine = db.rows("SELECT AVG(value) FROM agent_metrics WHERE metric = 'reward' AND agent_id = 0")[0][0]
        assert out.scores.simulation_scores == {("navigation", "tiny"): pytest.approx(mine)}
        for url in db.get_replay_urls():
            agents = [t for t in format1.load(url)["grid_objects"] if "agent_id" in t]
            actions = {t["agent_id"]: t["action"] for t in agents}
            assert actions[1] == actions[2] == [[0, [0, 0]]]
            assert len(actions[0]) > 10


def test_who_can_play(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="policy_agents_pct: 0.5 leaves 2 of 3 agents without a policy"):
        small.simulation(config=small.config(policy_agents_pct=0.5))
    npc = small.config(npc_policy_uri="npc", policy_agents_pct=0.1)
    with pytest.raises(ValueError, match="npc_policy_uri: 'npc' cannot be loaded without policy_store"):
        small.simulation(config=npc)
    with pytest.raises(SimulationCompatibilityError, match="npc_policy_uri: 'npc' cannot play in this environment"):
        small.simulation(config=npc, policy_store=small.Store(npc=small.wide_policy()))
    with pytest.raises(ValueError, match="Observation space mismatch"):
        small.simulation(policy_pr=small.wide_policy())
    with pytest.raises(ValueError, match="PolicyRecord must have a URI to be used in EvalStatsDB queries."):
        small.simulation(policy_pr=small.record(uri=None))
    with pytest.raises(TypeError, match=r"policy_pr: str is neither a PolicyRecord nor a pair \(agent, params\)"):
        small.simulation(policy_pr="model_0001")
    with pytest.raises(ValueError, match=r"key: 3 is not a random key; jax.random.key\(0\) makes one"):
        small.simulation(key=3)
    with pytest.raises(ValueError, match="replay_dir: 's3://bucket' is not a local directory"):
        small.simulation(replay_dir="s3://bucket")
    with pytest.raises(ValueError, match="device: 'gpu:9' is not available"):
        small.simulation(device="gpu:9")


def test_pairs_are_named_after_what_they_contain() -> None:
    agent, params = small.policy()
    first, second = (small.simulation(policy_pr=pair).policy for pair in ((agent, params), (agent, small.policy(1)[1])))
    assert first.key != second.key
    assert first.key.startswith("memory://")
    assert small.simulation(policy_pr=(agent, params)).policy.key == first.key
    assert EvalStatsDB.key_and_version((agent, params)) == (first.key, 0)


def test_unknown_features_are_dropped() -> None:
    renamed = ("ore_red", "battery_red", "heart", "laser", "unheard_of")
    overrides = {**small.OVERRIDES, "game": {**small.OVERRIDES["game"], "inventory_item_names": renamed}}
    run = small.simulation(config=small.config(env_overrides=overrides))
    ids = run.world.grid.get_observation_features()
    remap = np.asarray(run.policy.agent.tables.feature_remap)
    assert remap[int(ids["inv:unheard_of"]["id"])] == 255
    assert remap[int(ids["inv:laser"]["id"])] != 255


def _only_first_action(seed: int = 0) -> Any:
    """A policy of NaNs: of equally bad actions the first one is taken, (0, 0)."""
    record = small.record(uri="file://npc", epoch=2)
    record.params = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), record.params)
    return record
