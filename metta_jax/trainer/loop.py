"""The loop of a run, and what is done between its updates."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax

from metta_jax.agent import Agent
from metta_jax.agent.device import device_name
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
from metta_jax.parallel import check_same, divide_training, is_first, largest, to_first, wait_for_all
from metta_jax.rl import TrainingComponents, TrainState, explain_out_of_memory
from metta_jax.sim import SimulationSuite, write_training_replay
from metta_jax.store import (
    PolicyRecord,
    PolicyStore,
    cleanup_old_policies,
    load_train_state,
    save_checkpoint,
    save_train_state,
)
from metta_jax.store.layout import make_model_name
from metta_jax.trainer.episode_rewards import EpisodeRewards
from metta_jax.trainer.interrupts import StopSignals
from metta_jax.trainer.played import check_what_is_played
from metta_jax.trainer.resume import resume_run
from metta_jax.trainer.run_files import METRICS
from metta_jax.trainer.run_lock import RunLock

LOG_INTERVAL = 10  # epochs between readings of the machine
KEPT_POLICIES = 5
REWARDS = ("overview/reward", "overview/reward_vs_total_time")  # one number, over steps and over time


@dataclass(frozen=True)
class TrainResult:
    """What is there at the end of a run.

    training: the bundle, with `training.plan.env` and `.agent`. state: the last one. record: the policy that was saved
    last, maybe by an earlier call. scores: {epoch: {"<category>/score": ..., "<category>/<simulation>": ...}} of the
    evaluations of this call. replay_urls: of the replays of this call. is_finished: whether all steps were made; False:
    it was stopped. stopped_by: the number of the signal that stopped it, in any process; 0: none.
    """

    training: TrainingComponents
    state: TrainState
    record: PolicyRecord
    scores: Mapping[int, Mapping[str, float]]
    replay_urls: Sequence[str]
    is_finished: bool
    paths: RunPaths
    stopped_by: int = 0


def run_training(
    training: TrainingComponents,
    *,
    seed: int = 0,
    state: TrainState | None = None,
    params: Mapping[str, Any] | None = None,
    parent: PolicyRecord | None = None,
    suite: SimulationSuiteConfig | None = None,
    loggers: Sequence[Logger] = (),
    max_seconds: float = math.inf,
) -> TrainResult:
    """Train until `total_timesteps`, with checkpoints, evaluation, replays and monitors at the config's intervals.

    Metrics go to `metrics.jsonl` in the run's directory and to `loggers`, which are not closed here; all of them forget
    records of steps later than the initial state's. In a run of several processes all must call this; the first one
    alone writes. Control-C, SIGTERM and SIGHUP end the run after the current update,
    with a checkpoint. A run whose directory holds a training state resumes from it, bit for bit, and its timers
    continue. A policy that is evaluated gets its scores as metadata.

    Args:
      training: its config describes the run, including the number of `devices`; directories are
        `training.config.paths`.
      seed: of the first state.
      state: to start from, which is moved to the environment's device; None: the last checkpoint in the directory, else
        a fresh state.
      params: parameters to start from; None: fresh ones. parent: the policy that they are of. Without effect on a run
        that resumes, which remembers its own.
      suite: what policies are evaluated in; None: they are not.
      max_seconds: no update begins later than this after the call.

    Raises:
      ValueError: an agent that is no `Agent`, a training state that does not belong to this bundle, a directory that
        another run is using, or scheduled replays or evaluations in a world whose episodes never end.
      OSError: a directory that cannot be written.
      MemoryError: there is not enough memory for these sizes; says which sizes would fit.
    """
    start = time.monotonic()
    if not isinstance(training.plan.agent, Agent):
        raise ValueError(
            f"agent: a {type(training.plan.agent).__name__} cannot be saved, and a run is its checkpoints; wrap a Flax "
            "module in an Agent, or write the loop yourself and save with save_pytree"
        )
    training = divide_training(training)
    with RunLock(training.config.paths):
        return _run(training, seed, state, params, parent, suite, loggers, start + max_seconds)


def _run(
    training: TrainingComponents,
    seed: int,
    state: TrainState | None,
    params: Mapping[str, Any] | None,
    parent: PolicyRecord | None,
    suite: SimulationSuiteConfig | None,
    loggers: Sequence[Logger],
    deadline: float,
) -> TrainResult:
    """`run_training` in a directory that is locked; `deadline` is a value of `time.monotonic`."""
    config, paths = training.config, training.config.paths
    check_what_is_played(config.simulation, training.plan.env, suite, paths.stats)
    if state is None:
        state = load_train_state(paths.checkpoints, training)
    if state is None:
        limits = None if params is None or parent is None else parent.weight_limits
        with explain_out_of_memory(training):
            state = training.init(jax.random.key(seed), params, limits)
    check_same("checkpoints", int(state.agent_step))
    state = training.place(state)
    device = training.device
    policy_store = PolicyStore({"checkpoint_dir": paths.checkpoints, "device": device and device_name(device)})
    record = resume_run(training, policy_store, state)
    between = _Between(training, policy_store, suite, seed, record, _lineage(record, parent))
    profiler = EpochProfiler(config.profiler, run=paths.run, profile_dir=paths.profiles)
    rewards = EpisodeRewards()

    memory = MemoryMonitor()
    memory.add(lambda: state, name="TrainState", track_attributes=True)
    system = SystemMonitor(external_timer=training.timer)
    training.timer.start()
    metrics: dict[str, Any] = {}
    step, epoch, ended_by = int(state.agent_step), int(state.epoch), 0
    try:
        memory_hint = explain_out_of_memory(training, lambda: state)
        with memory_hint, StopSignals() as stop, _log(paths, loggers) as log:
            log.forget_after(step)  # records of a run that was killed, or that this one replaces
            while step < config.total_timesteps and not (ended_by := _ended_by(stop, deadline)):
                with profiler:
                    with training.timer.time("_rollout"):
                        state, batch = training.rollout(state)
                        jax.block_until_ready(batch)
                    with training.timer.time("_train"):
                        state, update = training.update(state, batch)
                        jax.block_until_ready(state)
                del batch  # the state holds it, and nothing else should
                previous, step, epoch = epoch, int(state.agent_step), int(state.epoch)
                profiler.on_epoch_end(epoch)
                training.timer.lap_all(step, exclude_global=False)
                is_round = is_due(epoch, LOG_INTERVAL, previous=previous)
                record_heartbeat()  # every time: ten long updates may take longer than the watcher's timeout
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
                try:
                    log.log(metrics, step)
                except Exception:
                    # A full disk, or a bug in a logger: keep what was learned since the last checkpoint.
                    with contextlib.suppress(OSError, ValueError):
                        if jax.process_count() == 1:  # of several, the others are not here to bring their parts
                            between.save(state, metrics, final=True)
                    raise
                if is_due(epoch, config.checkpoint.checkpoint_interval, previous=previous):
                    between.save(state, metrics)
                    between.evaluate_and_record(epoch, previous, log)
                    record_heartbeat()
            if between.record is None or between.record.metadata.epoch != epoch:
                between.save(state, metrics, final=True)
    finally:
        system.stop()
        training.timer.stop()
    assert between.record is not None
    is_finished = step >= config.total_timesteps
    by = ended_by if ended_by > 0 else 0
    return TrainResult(training, state, between.record, between.scores, between.replay_urls, is_finished, paths, by)


def _ended_by(stop: StopSignals, deadline: float) -> int:
    """The signal that any process got, -1 if the first one's time is up, else 0; the same in all processes."""
    is_over = is_first() and time.monotonic() >= deadline
    found = largest(1 + stop.number if stop.requested else int(is_over))  # no signal has the number 0
    return -1 if found == 1 else max(found - 1, 0)


def _log(paths: RunPaths, loggers: Sequence[Logger]) -> MultiLog:
    """Where metrics go; of several processes, only the first one logs."""
    return MultiLog(JsonLinesLog(Path(paths.run_dir) / METRICS), *loggers) if is_first() else MultiLog()


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
        metadata = {"train_time": metrics.get("metric/train_time", 0.0)}
        with self.training.timer.time("checkpoint"):
            directory, epoch = self.policy_store.checkpoint_dir, int(state.epoch)
            state = to_first(state)
            if is_first():
                self.record = save_checkpoint(
                    state,
                    self.policy_store,
                    epoch,
                    {**metadata, **self.lineage, "stats": stats, **more},
                    agent=self.training.plan.agent,
                )
                save_train_state(directory, state, self.training, policy_path=self.record)
                cleanup_old_policies(directory, KEPT_POLICIES)
            wait_for_all("saved")
            if not is_first():
                self.record = self.policy_store.load_from_uri(directory / make_model_name(epoch))

    def evaluate_and_record(self, epoch: int, previous: int, log: Logger) -> None:
        """Evaluate and record the policy that was just saved, if due; `log` shows what is being done."""
        assert self.record is not None
        config = self.training.config.simulation
        key = jax.random.key(self.seed)
        if self.suite is not None and is_due(epoch, config.evaluate_interval, previous=previous):
            stats_dir = self.training.config.paths.stats
            with self.training.timer.time("evaluation"):
                options: dict[str, Any] = {"stats_dir": stats_dir, "key": key, "device": self.training.device}
                suite = SimulationSuite(self.suite, self.record, self.policy_store, **options)
                share = (jax.process_index(), jax.process_count())
                with suite.simulate(
                    lambda which: log.set_activity(f"evaluating {which}"),
                    share=share,
                    wait_fn=lambda: wait_for_all("evaluated"),
                ) as results:
                    if is_first():  # which has all results
                        self.scores[epoch] = self._unlogged = results.scores.to_metrics()
                        self.policy_store.update_metadata(self.record, results.scores.to_metadata())
            log.set_activity(None)
        if is_first() and is_due(epoch, config.replay_interval, previous=previous):
            log.set_activity("recording a replay")
            with self.training.timer.time("replay"):
                url = write_training_replay(
                    self.record,
                    self.training.plan.env,
                    config.replace(replay_interval=1),
                    epoch,
                    replay_dir=self.training.config.paths.replays,
                    key=key,
                    device=self.training.device,
                )
            log.set_activity(None)
            if url is not None:
                self.replay_urls.append(url)


def _lineage(record: PolicyRecord | None, parent: PolicyRecord | None) -> dict[str, Any]:
    """Where a run's policies come from: what its last one says, else that they are the next generation of `parent`."""
    if record is not None:
        return {name: record.metadata[name] for name in ("initial_pr", "generation") if name in record.metadata}
    if parent is not None:
        return {"initial_pr": parent.uri, "generation": parent.metadata.generation + 1}
    return {}
