"""`metta-jax train`: a run from a preset or a file, which resumes when it is started again."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path

import jax

from metta_jax.agent.device import default_device
from metta_jax.cli.output import unbreakable_output
from metta_jax.cli.parser import named_device
from metta_jax.cli.paths import database_errors, writable_directory
from metta_jax.cli.processes import PREEMPTED, is_distributed, run_watched
from metta_jax.cli.run_options import given_file, run_from, wanted_devices
from metta_jax.config import TrainerConfig
from metta_jax.core.device import Device
from metta_jax.monitor import CsvLog, DuckDbLog, Logger, RunConfig, TensorBoardLog, WandbLog, plot_run, read_json_lines
from metta_jax.parallel import DividedSizes, is_first, make_cpu_devices, num_cores
from metta_jax.trainer import METRICS, RunLock, train
from metta_jax.trainer.train import chosen_device
from metta_jax.worlds.suites import get_suite


def run(options: argparse.Namespace) -> int:
    with unbreakable_output():  # everything that a run prints is in its directory too
        if is_distributed(options):
            return run_watched(options.arguments, options, lambda: _train(options))
        return _train(options)


def _train(options: argparse.Namespace) -> int:
    """Train, and return the exit code."""
    file = given_file(options)
    wanted = wanted_devices(options, file)
    is_ours = False
    if not options.distributed:
        is_ours = make_cpu_devices(wanted if isinstance(wanted, int) and wanted > 0 else num_cores())
    device = named_device(options.device)
    run = run_from(options, file)
    default_devices = _cores_to_use(run, device) if wanted is None and is_ours else 1
    places = run.trainer.devices or default_devices
    suite = None if options.suite is None else get_suite(options.suite)
    where = chosen_device(run, device) or default_device()
    directory = _directories(run.trainer, is_evaluated=suite is not None)
    say = print if is_first() else _say_nothing
    say(
        f"{_world(run, options)} into {directory}, on {_places(places, where)} ({where.device_kind})",
        flush=True,
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(RunLock(run.trainer.paths))  # before the loggers, which change existing files
        names = options.log if is_first() else ()
        loggers = [stack.enter_context(contextlib.closing(_logger(name, directory))) for name in names]
        result = train(
            run,
            suite=suite,
            loggers=loggers,
            max_seconds=60 * options.max_minutes,
            resume=not options.fresh,
            show_progress=not options.quiet,
            device=device,
            default_devices=default_devices,
        )
    records = read_json_lines(directory / METRICS) if is_first() else []
    if records:
        print(plot_run(records, directory / "run.png", title=directory.name, smoothing=0.5))
    for epoch, scores in result.scores.items():
        print(f"evaluation at epoch {epoch}: {', '.join(f'{name} {score:.3f}' for name, score in scores.items())}")
    for url in result.replay_urls:
        print(f"replay {url}")
    say(f"{int(result.state.agent_step):,} agent steps; the newest policy is {result.record.uri}")
    if not result.is_finished:
        say("stopped before the end: the same command resumes from here")
    return PREEMPTED if result.stopped_by == signal.SIGTERM else 0


def _say_nothing(*words: object, **options: object) -> None:
    """Stand in for `print` in all processes but the first."""


def _cores_to_use(run: RunConfig, device: Device | None) -> int:
    """The number of CPU devices for a run on the CPU: its cores, or the largest number that divides its sizes evenly.

    Measured in benchmarks/NOTES.md: faster, or as fast where minibatches are small.
    """
    where = chosen_device(run, device)
    if where is not None or default_device().platform != "cpu" or run.trainer.scale_batches_by_world_size:
        return 1
    sizes = DividedSizes.of_config(run.trainer, run.environment.get("num_envs", 1))
    return sizes.most_devices(min(num_cores(), jax.local_device_count()))


def _places(devices: int | str | None, where: Device) -> str:
    if jax.process_count() > 1:
        return f"{jax.device_count()} devices of {jax.process_count()} processes like {where}"
    return f"{where}" if devices in (None, 1) else f"{devices} devices like {where}"


def _world(run: RunConfig, options: argparse.Namespace) -> str:
    world = run.environment.get("curriculum_path")
    return world if isinstance(world, str) else options.world or "a world of its own"


def _directories(config: TrainerConfig, *, is_evaluated: bool) -> Path:
    """The run's directory, when it is known that all can be written that will be needed, perhaps hours from now."""
    paths = config.paths
    directory = writable_directory("--run-dir", Path(paths.run_dir))
    writable_directory("checkpoint.checkpoint_dir", Path(paths.checkpoints))
    if config.simulation.replay_interval:
        writable_directory("simulation.replay_dir", Path(paths.replays))
    if is_evaluated:
        writable_directory("--run-dir", Path(paths.stats))
    return directory


def _logger(name: str, directory: Path) -> Logger:
    if name == "csv":
        return CsvLog(directory / "metrics.csv")
    if name == "duckdb":
        with database_errors("--log duckdb", directory / "metrics.duckdb"):
            return DuckDbLog(directory / "metrics.duckdb", run=directory.name)
    if name == "tensorboard":
        return TensorBoardLog(directory / "tensorboard")
    try:
        return WandbLog("metta_jax", directory=directory, name=directory.name)
    except Exception as error:  # wandb has errors of its own: no key, no network
        raise ValueError(f"--log wandb: {error}") from None
