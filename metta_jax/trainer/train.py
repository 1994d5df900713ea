"""A run from its configuration: in one call, and the same again after a restart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import jax

from metta_jax.agent import Agent
from metta_jax.agent.device import device_name, find_device
from metta_jax.config import AgentConfig, RunPreset, SimulationSuiteConfig, TrainerConfig, deep_merge, run_preset
from metta_jax.core.device import Device
from metta_jax.monitor import ConsoleLog, Logger, RunConfig, save_run_config
from metta_jax.parallel import divide_training, is_first, wait_for_all
from metta_jax.rl import TrainingComponents
from metta_jax.store import PolicyStore, find_initial_policy, load_train_state
from metta_jax.store.files import existing
from metta_jax.store.layout import POLICY_JSON, make_model_name
from metta_jax.store.train_state import read_trainer_info
from metta_jax.trainer.loop import TrainResult, run_training
from metta_jax.trainer.run_files import check_same_run, forget_run
from metta_jax.trainer.run_lock import RunLock
from metta_jax.worlds.environment import Environment
from metta_jax.worlds.source import WorldSource, plain_world
from metta_jax.worlds.suites import get_suite

NUM_ENVS, HORIZON, NUM_MINIBATCHES = 64, 64, 8  # of a run without a preset


def make_run(
    world: WorldSource | None = None,
    agent: AgentConfig | Mapping[str, Any] | str = "fast",
    *,
    preset: str | None = None,
    num_envs: int | None = None,
    seed: int = 0,
    environment: Mapping[str, Any] | None = None,
    **trainer: Any,
) -> RunConfig:
    """The configuration of a run, with sizes that fit the world: a row of the batch for each agent.

    Args:
      world: name of a world or of a curriculum; or a YAML or JSON file, an EnvConfig, or a mapping of either, which the
        configuration then holds; None: that of `curriculum` or `env` among the fields of the trainer, without either
        `default`.
      agent: name of a preset, an AgentConfig, or a mapping for one.
      preset: one of `RUN_PRESETS` (laptop, gpu, original) for settings that are not given otherwise; None: the
        defaults of the configuration classes.
      num_envs: environments in the batch; None: the preset's, or 64.
      seed: of maps and of the first state.
      environment: other arguments of `Environment`.
      trainer: fields of `TrainerConfig`, nested ones as mappings: `optimizer={"learning_rate": 1e-3}`. Sizes that are
        not given are `bptt_horizon` 64, a batch of one row for each agent, and minibatches of an eighth of it.

    Raises:
      ValueError: what `Environment` or `TrainerConfig` refuses, an unknown preset, two different worlds, or
        `env_overrides`.
    """
    _refuse_overrides(trainer.get("env_overrides"))
    chosen = None if preset is None else run_preset(preset)
    environment = environment or {}
    arguments = {"num_envs": num_envs, "seed": seed, **environment}
    if "env_config" not in environment:
        world = plain_world(named_world(environment.get("curriculum_path", world), trainer))
        arguments["curriculum_path"] = world
        if isinstance(world, str):
            trainer = {**trainer, "curriculum": world}
        else:  # the trainer's configuration has room for names only
            trainer = {name: value for name, value in trainer.items() if name not in ("curriculum", "env")}
    elif world is not None:
        raise ValueError(f"world: {world!r} is given together with environment.env_config; give one of them")
    if chosen is None and arguments["num_envs"] is None:
        arguments["num_envs"] = NUM_ENVS
    if arguments["num_envs"] is None or {"bptt_horizon", "batch_size", "minibatch_size"} - trainer.keys():
        # One environment with one map shows how many agents there are, for any world or curriculum.
        each = Environment(**{**arguments, "num_envs": 1, "num_maps": 1}).num_agents
        if arguments["num_envs"] is None:
            assert chosen is not None
            arguments["num_envs"] = max(1, chosen.num_agents // each)
        trainer = _sizes(each * arguments["num_envs"], trainer, chosen) | trainer
    if chosen is not None:
        trainer = deep_merge(chosen.trainer, trainer)
    return RunConfig(trainer=TrainerConfig(**trainer), environment=arguments, agent=cast(AgentConfig, agent), seed=seed)


def train(
    run: RunConfig | WorldSource | None = None,
    *,
    suite: SimulationSuiteConfig | str | None = None,
    loggers: Sequence[Logger] = (),
    max_seconds: float = math.inf,
    resume: bool = True,
    show_progress: bool = True,
    device: Device | str | None = None,
    default_devices: int = 1,
    **options: Any,
) -> TrainResult:
    """Train in one call: `train("forage", total_timesteps=1_000_000, run_dir="out/forage")`.

    The run's directory gets `run_config.json`, `metrics.jsonl`, `checkpoints/`, `replays/` and `stats/`. The same call
    again resumes from the directory's training state; without one it starts from `initial_policy`, else from
    `model_0000` if that is there, else from new parameters. See `run_training` for what happens in between.

    Args:
      run: a RunConfig, or a world for `make_run` or None, which then gets `options`.
      suite: evaluation at `simulation.evaluate_interval`: a configuration, or the name of one of `worlds.suites`.
      loggers: get the metrics of each update, in addition to the file and the console.
      max_seconds: no update begins later.
      resume: False deletes what is in the run's directory of an earlier run.
      show_progress: a live line on the console; `trainer.verbose` must be True too.
      device: where it runs, "cpu", "cuda:1"; None: the device in the environment's arguments or the agent's
        configuration, else JAX's default. With `trainer.devices`, it decides their kind.
      default_devices: the number of devices if `trainer.devices` is None and this is the only process. It is not saved
        with the run, since another machine may have another number.

    Raises:
      ValueError: an invalid configuration, or a directory that holds another run or is in use by one.
      OSError: a directory that cannot be written.
      MemoryError: there is not enough memory for these sizes; says which sizes would fit.
    """
    if not isinstance(run, RunConfig):
        run = make_run(run, **options)
    elif options:
        raise TypeError(
            f"train() got the options {', '.join(sorted(options))} in addition to a RunConfig; change that instead"
        )
    run = with_world(run)
    _refuse_overrides(run.trainer.env_overrides)
    if isinstance(suite, str):
        suite = get_suite(suite)
    with RunLock(run.trainer.paths):
        if resume:
            check_same_run(run)
        elif is_first():
            forget_run(run.trainer.paths)
        wait_for_all("looked")
        return _train(run, suite, loggers, max_seconds, show_progress, device, default_devices)


def _train(
    run: RunConfig,
    suite: SimulationSuiteConfig | None,
    loggers: Sequence[Logger],
    max_seconds: float,
    show_progress: bool,
    device: Device | str | None,
    default_devices: int,
) -> TrainResult:
    """`train` in a directory that is locked, and that holds either this run or none."""
    paths = run.trainer.paths
    kind = chosen_device(run, device)
    trainer = run.trainer
    if trainer.devices is None and jax.process_count() == 1:  # several processes need all of their devices
        trainer = trainer.replace(devices=default_devices)
    device = None if is_divided(trainer) else kind  # an environment on several devices is put on none by name
    env = Environment(**{**run.environment, "device": device})
    store = PolicyStore({"checkpoint_dir": paths.checkpoints, "device": device and device_name(device)})
    # The device of its configuration has had its say.
    agent, params, parent = Agent(env, run.agent.replace(device=None), device=device), None, None
    info = read_trainer_info(paths.checkpoints)
    is_first_there = (existing(store.checkpoint_dir / make_model_name(0)) / POLICY_JSON).exists()
    if run.trainer.initial_policy.uri is not None or (info is None and is_first_there):
        first = find_initial_policy(store, agent, jax.random.key(run.seed), run.trainer.initial_policy)
        agent = first.agent.bind(env, learn_new=True)
        if info is None:
            params, parent = first.params, first
    training = divide_training(TrainingComponents.create(env, agent, trainer, store), kind)
    state = load_train_state(paths.checkpoints, training)
    # Only now is it known that the directory's run is this one.
    wait_for_all("loaded")
    if is_first():
        save_run_config(paths.run_dir, run.trainer, dict(run.environment), run.agent, seed=run.seed, extra=run.extra)
    start_step = 0 if info is None else info.agent_step
    console = (
        [ConsoleLog(run.trainer.total_timesteps, start_step=start_step)]
        if show_progress and run.trainer.verbose and is_first()
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


def chosen_device(run: RunConfig, device: Device | str | None = None) -> Device | None:
    """The requested device, else that of the environment's arguments, else of the agent's configuration; or None.

    Raises a ValueError if it is not available.
    """
    named = run.environment.get("device")
    return find_device(device if device is not None else run.agent.device if named is None else named)


def is_divided(config: TrainerConfig) -> bool:
    """Whether a run goes to several devices: its configuration says so, or there are several processes."""
    return config.devices not in (None, 1) or jax.process_count() > 1


def named_world(world: WorldSource | None, trainer: Mapping[str, Any]) -> WorldSource:
    """The world of a run: `world`, else `curriculum` or `env` of the trainer's fields, else the default one.

    Raises a ValueError if there are two different ones: neither must be trained in silence.
    """
    for name in ("curriculum", "env"):
        named = trainer.get(name)
        if named and world is not None and named != world:
            raise ValueError(f"{name}: {named!r} is given in addition to the world {world!r}; give one of them")
    return world or trainer.get("curriculum") or trainer.get("env") or "default"


def with_world(run: RunConfig) -> RunConfig:
    """The same run with a world in `environment`: if there is none, the one that the trainer's configuration gives."""
    if {"curriculum_path", "env_config"} & run.environment.keys():
        return run
    # The default of `curriculum` is the original's; the caller did not ask for it.
    given = {name: getattr(run.trainer, name) for name in ("curriculum", "env") if name in run.trainer.model_fields_set}
    return run.replace(environment={"curriculum_path": named_world(None, given)})


def _refuse_overrides(overrides: Mapping[str, Any] | None) -> None:
    if overrides:
        raise ValueError("trainer.env_overrides: is not supported here; make a world of your own, see examples/")


def _sizes(num_agents: int, given: Mapping[str, Any], preset: RunPreset | None) -> dict[str, int]:
    horizon = given.get("bptt_horizon", HORIZON if preset is None else preset.bptt_horizon)
    wanted = NUM_MINIBATCHES if preset is None else preset.num_minibatches
    if not isinstance(horizon, int) or horizon < 1:
        return {}  # TrainerConfig says what is wrong
    # Sizes that will be divided by the number of devices are given for all of them.
    num_shares = jax.device_count() if given.get("scale_batches_by_world_size") else 1
    batch_size = given.get("batch_size", num_agents * horizon * num_shares)
    if not isinstance(batch_size, int) or batch_size < 1:
        return {}
    rows = batch_size // (horizon * num_shares)
    parts = next(parts for parts in range(max(wanted, 1), 0, -1) if rows % parts == 0 and wanted % parts == 0)
    return {"bptt_horizon": horizon, "batch_size": batch_size, "minibatch_size": batch_size // parts}
