"""The loop of a run, and what is done between its updates."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from metta_jax.config import SimulationSuiteConfig
from metta_jax.config.directories import RunPaths
from metta_jax.monitor import (
    EpochProfiler,
    JsonLinesLog,
    Logger,
    MemoryMonitor,
    MultiLog,
    SystemMonitor,
    collect_metrics,
    due_weight_metrics,
    record_heartbeat,
)
from metta_jax.monitor.intervals import is_due
from metta_jax.rl import TrainingComponents, TrainState
from metta_jax.sim import SimulationSuite, write_training_replay
from metta_jax.store import (
    PolicyRecord,
    PolicyStore,
    cleanup_old_policies,
    load_train_state,
    save_checkpoint,
    save_train_state,
)
from metta_jax.trainer.episode_rewards import EpisodeRewards
from metta_jax.trainer.interrupts import StopSignals
from metta_jax.trainer.resume import resume_run
from metta_jax.trainer.run_files import METRICS, forget_records_after

LOG_INTERVAL = 10  # epochs between heartbeats, and between readings of the machine
KEPT_POLICIES = 5
REWARDS = ("overview/reward", "overview/reward_vs_total_time")  # one number, over steps and over time


@dataclass(frozen=True)
class TrainResult:
    """What is there at the end of a run.

    training: the bundle, with `training.plan.env` and `.agent`. state: the last one. record: the policy that was saved
    last, maybe by an earlier call. scores: {epoch: {"<category>/score": ..., "<category>/<simulation>": ...}} of the
    evaluations of this call. replay_urls: of the replays of this call. is_finished: whether all steps were made; False:
    it was stopped.
    """

    training: TrainingComponents
    state: TrainState
    record: PolicyRecord
    scores: Mapping[int, Mapping[str, float]]
    replay_urls: Sequence[str]
    is_finished: bool
    paths: RunPaths


def run_training(
    training: TrainingComponents,
    *,
    seed: int = 0,
    state: TrainState | None = None,
    params: Any = None,
    parent: PolicyRecord | None = None,
    suite: SimulationSuiteConfig | None = None,
    loggers: Sequence[Logger] = (),
    max_seconds: float = math.inf,
) -> TrainResult:
    """Trains until `total_timesteps`, with checkpoints, evaluation, replays and monitors at the config's intervals.

    Metrics go to `metrics.jsonl` in the run's directory and to `loggers`, which are not closed here. Control-C and
    SIGTERM end it after the update that is running, with a checkpoint. A run whose directory holds a training state
    goes on from it, bit for bit, and its times go on too. A policy that is evaluated gets its scores as metadata.

    Args:
      training: with the config that says everything about the run; directories are `training.config.paths`.
      seed: of the first state.
      state: to go on from; None: that of the directory's last checkpoint, else a fresh one.
      params: parameters to start from; None: fresh ones. parent: the policy that they are of. Without effect on a run
        that goes on, which remembers its own.
      suite: what policies are evaluated in; None: they are not.
      max_seconds: no update begins later than this after the call.

    Raises:
      ValueError: a training state that does not belong to this bundle. OSError: a directory that cannot be written.
    """
    config, paths = training.config, training.config.paths
    start = time.monotonic()
    Path(paths.run_dir).mkdir(parents=True, exist_ok=True)
    if state is None:
        state = load_train_state(paths.checkpoints, training)
    if state is None:
        state = training.init(jax.random.key(seed), params)
    forget_records_after(Path(paths.run_dir) / METRICS, int(state.agent_step))
    policy_store = PolicyStore(paths.checkpoints)
    record = resume_run(training, policy_store, state)
    between = _Between(training, policy_store, suite, seed, record, _lineage(record, parent))
    profiler = EpochProfiler(config.profiler, run=paths.run, profile_dir=paths.profiles)
    rewards = EpisodeRewards(training.plan.env.max_steps)

    memory = MemoryMonitor()
    memory.add(lambda: state, name="TrainState", track_attributes=True)
    system = SystemMonitor(external_timer=training.timer)
    training.timer.start()
    metrics: dict[str, Any] = {}
    step, epoch = int(state.agent_step), int(state.epoch)
    try:
        with StopSignals() as stop, JsonLinesLog(Path(paths.run_dir) / METRICS) as lines:
            log = MultiLog(lines, *loggers)
            while step < config.total_timesteps and not stop.requested and time.monotonic() - start < max_seconds:
                with profiler:
                    with training.timer.time("_rollout"):
                        state, batch = training.rollout(state)
                        jax.block_until_ready(batch)
                    with training.timer.time("_train"):
                        state, update = training.update(state, batch)
                        jax.block_until_ready(state)
                del batch  # the state holds it, and nobody else should
                previous, step, epoch = epoch, int(state.agent_step), int(state.epoch)
                profiler.on_epoch_end(epoch)
                training.timer.lap_all(step, exclude_global=False)
                is_round = is_due(epoch, LOG_INTERVAL, previous=previous)
                if is_round:
                    record_heartbeat()
                metrics = collect_metrics(
                    update,
                    agent_step=step,
                    epoch=epoch,
                    stats=training.accumulate_stats(None, training.episode_stats(state)),
                    timer=training.timer,
                    evaluation=between.new_scores(),
                    system=system if is_round else None,
                    memory=memory if is_round else None,
                    weights=due_weight_metrics(training.plan.agent, state.params, epoch, previous=previous),
                    parameters=between.parameters(),
                )
                metrics |= dict.fromkeys(REWARDS, rewards.add(metrics))
                log.log(metrics, step)
                if is_due(epoch, config.checkpoint.checkpoint_interval, previous=previous):
                    between.save(state, metrics)
                    between.evaluate_and_record(epoch, previous)
            if between.record is None or between.record.metadata.epoch != epoch:
                between.save(state, metrics, final=True)
    finally:
        system.stop()
        training.timer.stop()
    assert between.record is not None
    is_finished = step >= config.total_timesteps
    return TrainResult(training, state, between.record, between.scores, between.replay_urls, is_finished, paths)


@dataclass
class _Between:
    """What is done with a policy between two updates, and what came of it."""

    training: TrainingComponents
    policy_store: PolicyStore
    suite: SimulationSuiteConfig | None
    seed: int
    record: PolicyRecord | None
    lineage: Mapping[str, Any]
    scores: dict[int, dict[str, float]] = field(default_factory=dict)
    replay_urls: list[str] = field(default_factory=list)
    _unlogged: dict[str, float] = field(default_factory=dict)

    def new_scores(self) -> dict[str, float]:
        """Those that no record has named yet."""
        scores, self._unlogged = self._unlogged, {}
        return scores

    def parameters(self) -> dict[str, int]:
        """What is logged of the policies; epoch 0 before any was saved."""
        epoch = 0 if self.record is None else self.record.metadata.epoch
        return {"generation": self.lineage.get("generation", 0), "latest_saved_policy_epoch": epoch}

    def save(self, state: TrainState, metrics: Mapping[str, Any], **more: Any) -> None:
        """The policy, then the training state that names it; old policies go."""
        stats = {name: value for name, value in metrics.items() if name.startswith(("overview/", "losses/"))}
        metadata = {"agent_step": int(state.agent_step), "train_time": metrics.get("metric/train_time", 0.0)}
        with self.training.timer.time("checkpoint"):
            self.record = save_checkpoint(
                self.training.plan.agent,
                self.policy_store,
                int(state.epoch),
                {**metadata, **self.lineage, "stats": stats, **more},
                state.params,
            )
            directory = self.policy_store.checkpoint_dir
            save_train_state(directory, state, self.training, policy_path=self.record)
            cleanup_old_policies(directory, KEPT_POLICIES)

    def evaluate_and_record(self, epoch: int, previous: int) -> None:
        """Evaluation and replay of the policy that was just saved, where they are due."""
        assert self.record is not None
        config = self.training.config.simulation
        key = jax.random.key(self.seed)
        if self.suite is not None and is_due(epoch, config.evaluate_interval, previous=previous):
            stats_dir = self.training.config.paths.stats
            with self.training.timer.time("evaluation"):
                suite = SimulationSuite(self.suite, self.record, self.policy_store, stats_dir=stats_dir, key=key)
                with suite.simulate() as results:
                    self.scores[epoch] = self._unlogged = results.scores.to_metrics()
                    self.policy_store.update_metadata(self.record, results.scores.to_metadata())
        if is_due(epoch, config.replay_interval, previous=previous):
            with self.training.timer.time("replay"):
                url = write_training_replay(
                    self.record,
                    self.training.plan.env,
                    config.replace(replay_interval=1),
                    epoch,
                    replay_dir=self.training.config.paths.replays,
                    key=key,
                )
            if url is not None:
                self.replay_urls.append(url)


def _lineage(record: PolicyRecord | None, parent: PolicyRecord | None) -> dict[str, Any]:
    """Where a run's policies come from: what its last one says, else that they are the next generation of `parent`."""
    if record is not None:
        return {name: record.metadata[name] for name in ("initial_pr", "generation") if name in record.metadata}
    if parent is not None:
        return {"initial_pr": parent.uri, "generation": parent.metadata.generation + 1}
    return {}
