"""The guide's snippets in our form, in its order: its constructors as written, its loop as pure functions.

`# guide:` stands where a line had to change, and says what it was there. One small environment, agent and bundle are
shared by all, so that each program is compiled once.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax import api
from metta_jax.api import (
    TYPE_AGENT,
    TYPE_ALTAR,
    TYPE_GENERATOR_RED,
    TYPE_MINE_RED,
    TYPE_WALL,
    Agent,
    Environment,
    MemoryMonitor,
    PolicyStore,
    Simulation,
    SimulationSuite,
    SimulationSuiteConfig,
    SingleEnvSimulationConfig,
    Stopwatch,
    SystemMonitor,
    TrainerConfig,
    TrainingComponents,
    TrainState,
    calculate_anneal_beta,
    compute_gradient_stats,
    extract_scores,
    load_checkpoint,
    loss_stats,
    player_url,
    read_replay,
    save_checkpoint,
    unpack_infos,
)
from tests.agent.facts import small_config

ROOT = Path(__file__).resolve().parents[1]


class Parts(NamedTuple):
    """What the guide's snippets use without making it."""

    env: Environment
    agent: Agent
    policy_store: PolicyStore
    training: TrainingComponents
    state: TrainState


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    env = Environment(num_agents=2, width=8, height=8, device="cpu", num_envs=4)
    # guide: DictConfig({...}); any mapping will do
    components = small_config(_action_embeds_={"type": "ActionEmbedding", "num_embeddings": 40, "embedding_dim": 4})
    agent_config = {
        "device": "cpu",
        "agent": {
            "clip_range": 0,
            "analyze_weights_interval": 300,
            "observations": {"obs_key": "grid_obs"},
            "components": components["components"],
        },
    }
    agent = Agent(env, agent_config, device="cpu")
    checkpoints = tmp_path_factory.mktemp("guide") / "checkpoints"
    policy_store_cfg = {
        "device": "cpu",
        "policy_cache_size": 10,
        "trainer": {"checkpoint": {"checkpoint_dir": str(checkpoints)}},
    }
    policy_store = PolicyStore(cfg=policy_store_cfg, wandb_run=None)
    trainer_config = TrainerConfig(
        batch_size=64, minibatch_size=32, bptt_horizon=8, total_timesteps=1000, grad_mean_variance_interval=1
    )
    training = TrainingComponents.create(
        vecenv=env,
        policy=agent,
        trainer_config=trainer_config,
        policy_store=policy_store,
    )
    state = training.init(jax.random.key(0))  # guide: inside `create`
    return Parts(env, agent, policy_store, training, state)


# -- components -------------------------------------------------------------------------------------------------------


def test_the_bundle_exposes_its_parts(parts: Parts) -> None:
    training, state = parts.training, parts.state
    assert state.experience.reward.shape == (8, 8)  # guide: training.experience
    # The first step of adam is as long as the learning rate; guide: training.optimizer.step()
    gradient = jax.tree.map(lambda leaf: jnp.full_like(leaf, 2.0), state.params)
    rate = jnp.float32(0.25)
    changes, opt_state = training.optimizer.update(gradient, state.opt_state, state.params, learning_rate=rate)
    assert jax.tree.structure(opt_state) == jax.tree.structure(state.opt_state)
    assert _differ(opt_state, state.opt_state)
    for change in jax.tree.leaves(changes):
        np.testing.assert_allclose(change, -0.25, rtol=1e-5)
    assert set(loss_stats(state.losses)) == {  # guide: training.losses
        "policy_loss",
        "value_loss",
        "entropy",
        "approx_kl",
        "clipfrac",
        "importance",
        "current_logprobs",
        "explained_variance",
        "l2_reg_loss",
        "l2_init_loss",
        "ks_action_loss",
        "ks_value_loss",
    }
    assert callable(training.kickstarter)
    assert isinstance(training.timer, Stopwatch)
    for name in ("experience", "losses", "agent_step", "epoch"):
        with pytest.raises(AttributeError, match="read it from the state"):
            getattr(training, name)


def test_the_loop(parts: Parts) -> None:
    """Both snippets of "Training Loop Control"; what was `training.x = ...` there is a new state here."""
    training, state = parts.training, parts.state
    trainer_config = training.config

    # As after a rollout that filled the buffer; all four environments are about to end an episode after three steps.
    limits = jnp.full((4,), 3, jnp.int32)
    state = state.replace(env_state=state.env_state.replace(max_steps=limits), position=jnp.int32(8))
    assert training.is_ready_for_training(state)
    state = training.reset_for_rollout(state)
    assert not training.is_ready_for_training(state)
    raw_infos = []
    while not training.is_ready_for_training(state):
        state, info = training.rollout_step(state)  # guide: training.agent_step += num_steps
        raw_infos.extend(unpack_infos(info))
    stats = training.accumulate_stats(None, raw_infos)
    assert int(state.agent_step) == trainer_config.batch_size
    assert stats["episode_length"][:4] == [3, 3, 3, 3]
    assert len(stats["episode_return"]) == 2 * len(stats["reward"]) == 2 * len(raw_infos)
    twice = training.accumulate_stats(stats, raw_infos)
    assert twice["reward"] == [*stats["reward"], *stats["reward"]]

    state = state.replace(losses=state.losses.replace(num_minibatches=jnp.int32(5)))  # as after an update
    state, batch = training.reset_training_state(state), state.experience
    assert int(state.losses.num_minibatches) == 0
    advantages = training.compute_advantages(batch)
    prio_cfg = trainer_config.prioritized_experience_replay
    anneal_beta = calculate_anneal_beta(
        epoch=int(state.epoch),
        total_timesteps=trainer_config.total_timesteps,
        batch_size=trainer_config.batch_size,
        prio_alpha=prio_cfg.prio_alpha,
        prio_beta0=prio_cfg.prio_beta0,
    )
    before = state.params
    for _ in range(trainer_config.update_epochs):
        for i in range(training.num_minibatches):
            state, key = training.split_key(state)
            minibatch = training.sample_minibatch(key, batch, advantages, anneal_beta, i, training.num_minibatches)
            state, loss = training.train_minibatch(state, minibatch)
            assert np.isfinite(float(loss.total))
            # "Gradient Statistics"; guide: compute_gradient_stats(agent)
            grad_stats = compute_gradient_stats(state)
            text = f"{grad_stats['grad/mean']:.2e} {grad_stats['grad/variance']:.2e} {grad_stats['grad/norm']:.2e}"
            assert len(text.split()) == 3
            assert grad_stats["grad/norm"] > 0
            state = training.optimize_step(state, accumulate_steps=1)
        state = training.finish_epoch(state)
    state = training.finish_update(state, batch, advantages)
    assert (int(state.epoch), int(parts.state.epoch)) == (1, 0)
    assert _differ(before, state.params)
    assert not _differ(before, parts.state.params)


def test_monitors(parts: Parts) -> None:
    state = parts.state
    memory_monitor = MemoryMonitor()
    memory_monitor.add(lambda: state, name="TrainingComponents", track_attributes=True)  # guide: training
    memory_monitor.add(lambda: state.params, name="Agent")  # guide: agent
    system_monitor = SystemMonitor(
        sampling_interval_sec=1.0,
        history_size=100,
        auto_start=True,
    )
    try:
        system_stats = system_monitor.get_summary()
    finally:
        system_monitor.stop()
    memory_stats = memory_monitor.stats()
    assert system_stats["memory_percent"] > 0
    assert system_stats["metrics"]["memory_percent"]["latest"] > 0
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) / 2**20
    assert memory_stats["TrainingComponents"] == pytest.approx(size, rel=0.01)
    assert memory_stats["TrainingComponents.experience"] > 0
    assert memory_stats["Agent"] > 0


# -- checkpoints, evaluation, replays ---------------------------------------------------------------------------------


def test_checkpoints(parts: Parts) -> None:
    policy_record = save_checkpoint(
        policy=(parts.agent, parts.state.params),  # guide: agent
        policy_store=parts.policy_store,
        epoch=100,
        metadata={"score": 0.95},
    )
    assert policy_record.uri is not None
    loaded_record = load_checkpoint(parts.policy_store, policy_record.uri)
    assert loaded_record.metadata.score == 0.95
    assert not _differ(loaded_record.params, parts.state.params)


@pytest.mark.slow
def test_evaluation_and_replays(parts: Parts, tmp_path: Path) -> None:
    """The two worlds of the guide, with shorter episodes; the limits of time would depend on the machine."""
    short = {"game": {"max_steps": 8}}
    policy_record = save_checkpoint((parts.agent, parts.state.params), parts.policy_store, epoch=5)
    evaluation_config = SimulationSuiteConfig(
        name="evaluation",
        env_overrides=short,
        simulations={
            "navigation/simple": SingleEnvSimulationConfig(
                env="/env/mettagrid/simple",
                num_episodes=5,
                max_time_s=3000,
            ),
            "navigation/medium": SingleEnvSimulationConfig(
                env="/env/mettagrid/medium",
                num_episodes=5,
                max_time_s=3000,
            ),
        },
    )
    sim_suite = SimulationSuite(
        config=evaluation_config,
        policy_pr=policy_record,
        policy_store=parts.policy_store,
        device="cpu",
        vectorization="serial",
    )
    with sim_suite.simulate() as results:
        assert results.stats_db.rows("SELECT count(*) FROM episodes") == [(10,)]
        scores = extract_scores(results, evaluation_config)
        assert set(scores.simulation_scores) == {("navigation", "simple"), ("navigation", "medium")}

    replay_config = SingleEnvSimulationConfig(
        env="/env/mettagrid/simple", num_episodes=1, max_time_s=3000, env_overrides=short
    )
    replay_sim = Simulation(
        name=f"replay_epoch_{5}",
        config=replay_config,
        policy_pr=policy_record,
        policy_store=parts.policy_store,
        device="cpu",
        replay_dir=tmp_path / "replays",
    )
    with replay_sim.simulate() as results:
        replay_urls = results.stats_db.get_replay_urls()
    assert read_replay(replay_urls[0]).num_steps == 8
    assert player_url("https://example.org/a b.json.z").endswith("replayUrl=https%3A%2F%2Fexample.org%2Fa%20b.json.z")


# -- names ------------------------------------------------------------------------------------------------------------


def test_object_types() -> None:
    ids = (TYPE_AGENT, TYPE_WALL, TYPE_MINE_RED, TYPE_GENERATOR_RED, TYPE_ALTAR)
    assert ids == (0, 1, 2, 5, 8)
    everything = {name: getattr(api, name) for name in api.__all__ if name.startswith("TYPE_")}
    assert sorted(everything.values()) == list(range(15))


def test_everything_is_importable_from_one_place() -> None:
    """What the guide imports, from wherever it does."""
    names = [
        "TrainerConfig",
        "PPOConfig",
        "OptimizerConfig",
        "CheckpointConfig",
        "TorchProfilerConfig",
        "create_default_trainer_config",
        "SimulationConfig",
        "VTraceConfig",
        "Environment",
        "Agent",
        "TrainingComponents",
        "calculate_anneal_beta",
        "SimulationSuite",
        "SimulationSuiteConfig",
        "SingleEnvSimulationConfig",
        "Simulation",
        "MemoryMonitor",
        "SystemMonitor",
        "compute_gradient_stats",
        "PolicyStore",
        "save_checkpoint",
        "load_checkpoint",
        "save_train_state",
        "load_train_state",
        "evaluate_policy",
        "Stopwatch",
        "calculate_explained_variance",
        "cleanup_old_policies",
        "record_heartbeat",
        "player_url",
        "perform_rollout_step",
        "process_minibatch_update",
    ]
    assert set(names) <= set(api.__all__)


def test_the_complete_example_is_short() -> None:
    text = (ROOT / "examples" / "run.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 300
    assert lines[0] == "#!/usr/bin/env -S uv run"
    first = lines.index("# /// script") + 1
    head = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[first : lines.index("# ///")])
    metadata = tomllib.loads(head)
    assert metadata["dependencies"] == ["metta-jax"]
    assert (ROOT / "examples" / metadata["tool"]["uv"]["sources"]["metta-jax"]["path"]).resolve() == ROOT
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["requires-python"]) == ("metta-jax", metadata["requires-python"])


def _differ(first: Any, second: Any) -> bool:
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return any((np.asarray(a) != np.asarray(b)).any() for a, b in pairs)
