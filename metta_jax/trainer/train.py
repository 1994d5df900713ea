"""A run from its configuration: in one call, and the same again after a restart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from metta_jax.agent import Agent
from metta_jax.config import SimulationSuiteConfig, TrainerConfig
from metta_jax.monitor import ConsoleLog, Logger, RunConfig, save_run_config
from metta_jax.rl import TrainingComponents
from metta_jax.store import PolicyStore, find_initial_policy, load_train_state
from metta_jax.store.files import existing
from metta_jax.store.layout import POLICY_JSON, make_model_name
from metta_jax.store.train_state import read_trainer_info
from metta_jax.trainer.loop import TrainResult, run_training
from metta_jax.trainer.run_files import check_same_run, forget_run
from metta_jax.worlds.environment import Environment
from metta_jax.worlds.suites import get_suite

HORIZON = 64


def make_run(
    world: str | None = None,
    agent: Any = "fast",
    *,
    num_envs: int = 64,
    seed: int = 0,
    environment: Mapping[str, Any] | None = None,
    **trainer: Any,
) -> RunConfig:
    """The configuration of a run, with sizes that fit the world: a row of the batch for each agent.

    Args:
      world: name of a world or of a curriculum; None: that of `curriculum` or `env` among the fields of the trainer,
        without either `default`.
      agent: name of a preset, an AgentConfig, or a mapping for one.
      num_envs: environments side by side.
      seed: of maps and of the first state.
      environment: other arguments of `Environment`.
      trainer: fields of `TrainerConfig`, nested ones as mappings: `optimizer={"learning_rate": 1e-3}`. Sizes that are
        not given are `bptt_horizon` 64, a batch of one row for each agent, and minibatches of an eighth of it.

    Raises:
      ValueError: what `Environment` or `TrainerConfig` refuses, two different worlds, or `env_overrides`.
    """
    _refuse_overrides(trainer.get("env_overrides"))
    environment = environment or {}
    world = named_world(environment.get("curriculum_path", world), trainer)
    arguments = {"num_envs": num_envs, "seed": seed, **environment, "curriculum_path": world}
    if isinstance(world, str):
        trainer = {**trainer, "curriculum": world}
    if {"bptt_horizon", "batch_size", "minibatch_size"} - trainer.keys():
        # One environment with one map tells how many agents there are, for any world or curriculum.
        num_agents = Environment(**{**arguments, "num_envs": 1, "num_maps": 1}).num_agents * arguments["num_envs"]
        trainer = _sizes(num_agents, trainer) | trainer
    return RunConfig(trainer=TrainerConfig(**trainer), environment=arguments, agent=agent, seed=seed)


def train(
    run: RunConfig | str | None = None,
    *,
    suite: SimulationSuiteConfig | str | None = None,
    loggers: Sequence[Logger] = (),
    max_seconds: float = math.inf,
    resume: bool = True,
    show_progress: bool = True,
    device: Any = None,
    **options: Any,
) -> TrainResult:
    """Trains in one call: `train("forage", total_timesteps=1_000_000, run_dir="out/forage")`.

    The run's directory gets `run_config.json`, `metrics.jsonl`, `checkpoints/`, `replays/` and `stats/`. The same call
    again goes on where the directory's training state was saved; without one it starts from `initial_policy`, else from
    `model_0000` if that is there, else from new parameters. See `run_training` for what happens in between.

    Args:
      run: a RunConfig, or the name of a world for `make_run` or None, which then gets `options`.
      suite: evaluation at `simulation.evaluate_interval`: a configuration, or the name of one of `worlds.suites`.
      loggers: get the metrics of each update, beside the file and the console.
      max_seconds: no update begins later.
      resume: False deletes what is in the run's directory of an earlier run.
      show_progress: a live line on the console; `trainer.verbose` must be True too.
      device: where it runs, "cpu", "cuda:1"; None: JAX's default.

    Raises:
      ValueError: a configuration that is refused, or a directory that holds another run. OSError: a directory that
        cannot be written.
    """
    if run is None or isinstance(run, str):
        run = make_run(run, **options)
    elif options:
        raise TypeError(f"train() got the options {', '.join(sorted(options))} beside a RunConfig; change that instead")
    run = with_world(run)
    _refuse_overrides(run.trainer.env_overrides)
    if isinstance(suite, str):
        suite = get_suite(suite)
    paths = run.trainer.paths
    if resume:
        check_same_run(run)
    else:
        forget_run(paths)

    env = Environment(**run.environment, device=device)
    store = PolicyStore(paths.checkpoints)
    agent, params, parent = Agent(env, run.agent, device=device), None, None
    info = read_trainer_info(paths.checkpoints)
    is_first_there = (existing(store.checkpoint_dir / make_model_name(0)) / POLICY_JSON).exists()
    if run.trainer.initial_policy.uri is not None or (info is None and is_first_there):
        first = find_initial_policy(store, agent, jax.random.key(run.seed), run.trainer.initial_policy)
        agent = first.agent.bind(env, learn_new=True)
        if info is None:
            params, parent = first.params, first
    training = TrainingComponents.create(env, agent, run.trainer, store)
    state = load_train_state(paths.checkpoints, training)
    # Only now is it known that the directory's run is this one.
    save_run_config(paths.run_dir, run.trainer, dict(run.environment), run.agent, seed=run.seed, extra=run.extra)
    start_step = 0 if info is None else info.agent_step
    console = (
        [ConsoleLog(run.trainer.total_timesteps, start_step=start_step)]
        if show_progress and run.trainer.verbose
        else []
    )
    try:
        return run_training(
            training,
            seed=run.seed,
            state=state,
            params=params,
            parent=parent,
            suite=suite,
            loggers=[*loggers, *console],
            max_seconds=max_seconds,
        )
    finally:
        for log in console:
            log.close()


def named_world(world: Any, trainer: Mapping[str, Any]) -> Any:
    """The world of a run: `world`, else `curriculum` or `env` of the trainer's fields, else the default one.

    Raises a ValueError if there are two different ones: neither must be trained in silence.
    """
    for name in ("curriculum", "env"):
        named = trainer.get(name)
        if named and world is not None and named != world:
            raise ValueError(f"{name}: {named!r} is given beside the world {world!r}; give one of them")
    return world or trainer.get("curriculum") or trainer.get("env") or "default"


def with_world(run: RunConfig) -> RunConfig:
    """The same run with a world in `environment`: if there is none, the one that the trainer's configuration gives."""
    if {"curriculum_path", "env_config"} & run.environment.keys():
        return run
    # The default of `curriculum` is the original's, which nobody asked for.
    given = {name: getattr(run.trainer, name) for name in ("curriculum", "env") if name in run.trainer.model_fields_set}
    return run.replace(environment={"curriculum_path": named_world(None, given)})


def _refuse_overrides(overrides: Any) -> None:
    if overrides:
        raise ValueError("trainer.env_overrides: is not supported here; make a world of your own, see examples/")


def _sizes(num_agents: int, given: Mapping[str, Any]) -> dict[str, int]:
    horizon = given.get("bptt_horizon", HORIZON)
    if not isinstance(horizon, int) or horizon < 1:
        return {}  # TrainerConfig says what is wrong
    # Sizes that will be divided by the number of devices are given for all of them.
    num_shares = jax.device_count() if given.get("scale_batches_by_world_size") else 1
    batch_size = given.get("batch_size", num_agents * horizon * num_shares)
    if not isinstance(batch_size, int) or batch_size < 1:
        return {}
    rows = batch_size // (horizon * num_shares)
    parts = next(parts for parts in (8, 4, 2, 1) if rows % parts == 0)
    return {"bptt_horizon": horizon, "batch_size": batch_size, "minibatch_size": batch_size // parts}
