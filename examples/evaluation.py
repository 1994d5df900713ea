"""Evaluation only: a stored policy in several worlds, its scores in a database, and an episode to look at."""

from __future__ import annotations

from pathlib import Path

import jax

from metta_jax.api import (
    Agent,
    Environment,
    PolicyStore,
    SimulationSuite,
    SimulationSuiteConfig,
    load_checkpoint,
    save_checkpoint,
    write_viewer,
)


def main(directory: str = "out/evaluation", num_episodes: int = 2, max_steps: int = 200) -> dict[str, float]:
    # A policy to play: here a new one; `load_checkpoint(store, "out/run/checkpoints")` is the newest of a run.
    store = PolicyStore(Path(directory) / "checkpoints")
    agent = Agent(Environment(), "fast")
    save_checkpoint(agent, store, epoch=0, params=agent.init(jax.random.key(0)))
    record = load_checkpoint(store, store.checkpoint_dir)

    # It is bound to each world by the names of features and actions, whatever it was trained in.
    suite = SimulationSuiteConfig.model_validate(
        {
            "name": "three_worlds",
            "num_episodes": num_episodes,
            "max_time_s": 600,
            "env_overrides": {"game": {"max_steps": max_steps}},
            "simulations": {
                "room/default": {"env": "default"},
                "room/forage": {"env": "forage"},
                "room/crowd": {"env": "default", "env_overrides": {"game": {"agent": {"freeze_duration": 2}}}},
            },
        }
    )
    replays, stats = Path(directory) / "replays", Path(directory) / "stats"
    with SimulationSuite(suite, record, store, replay_dir=replays, stats_dir=stats).simulate() as results:
        scores = results.scores.to_metrics()
        urls = results.stats_db.get_replay_urls()
        rows = results.stats_db.rows("SELECT COUNT(*), SUM(step_count) FROM episodes")
    for name, score in scores.items():
        print(f"{name:20} {score:.4f}")
    print(f"episodes and steps {rows[0]}; watch {write_viewer(urls[0], Path(directory) / 'episode.html')}")
    return scores


if __name__ == "__main__":
    main()
