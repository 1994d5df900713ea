"""Policies from a real store are evaluated, as candidates and as the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metta_jax.sim import EvalStatsDB, SimulationSuite, extract_scores
from metta_jax.sim.program import play
from metta_jax.store import PolicyStore
from tests.programs import num_compiled
from tests.sim import small

REWARDS = "SELECT value FROM agent_metrics WHERE metric = 'reward' ORDER BY episode_id, agent_id"


def test_stored_policies_play(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path / "policies")
    agent, params = small.policy()
    record = store.save(agent, params, 12, {"score": 0.5})
    npc = store.save(agent, small.policy(1)[1], 3)
    fresh = PolicyStore(tmp_path / "policies")
    config = small.suite_config(**{
        "navigation/alone": small.config(),
        "navigation/with_others": small.config(npc_policy_uri=npc.uri, policy_agents_pct=0.5),
    })  # fmt: skip
    # What was compiled for policies in memory serves stored ones too. Both are played here: what the tests of another
    # file compiled may be forgotten by now.
    _, episodes = small.played()
    small.simulation(replay_dir=tmp_path / "alone").simulate().close()
    with_others = small.config(npc_policy_uri="npc", policy_agents_pct=0.5)
    in_memory = small.Store(npc=small.record(1))
    small.simulation(config=with_others, policy_store=in_memory, replay_dir=tmp_path / "first").simulate().close()
    programs = num_compiled(play)
    suite = SimulationSuite(config, fresh.policy_record(str(record.uri)), fresh, replay_dir=tmp_path / "replays")
    with suite.simulate() as out:
        db = out.stats_db
        assert set(extract_scores(out, suite).simulation_scores) == {
            ("navigation", "alone"),
            ("navigation", "with_others"),
        }
        assert db.sample_count(record) == 9 + 3
        assert db.sample_count(npc) == 6
        assert EvalStatsDB.key_and_version(record) == (record.uri, 12)
        assert db.get_all_policy_uris() == [f"{record.uri}:v12"]
    assert num_compiled(play) == programs
    # Read from disk, the policy plays as the one in memory did.
    again = small.simulation(policy_pr=fresh.policy_record(str(record.uri)), replay_dir=tmp_path / "again")
    with again.simulate() as out:
        rewards = out.stats_db.rows(REWARDS)
    np.testing.assert_array_equal(
        [reward for (reward,) in rewards], np.concatenate([episode.state.episode_return for episode in episodes])
    )
