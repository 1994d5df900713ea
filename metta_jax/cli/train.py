"""`metta-jax train`: a run from a preset or a file, which goes on when it is started again."""

from __future__ import annotations

import argparse
import contextlib
import math
from pathlib import Path
from typing import Any

import jax

from metta_jax.agent.device import find_device
from metta_jax.cli.parser import place, positive, seconds, seed, size
from metta_jax.cli.paths import database_errors, writable_directory
from metta_jax.cli.run_options import run_from
from metta_jax.config import TrainerConfig
from metta_jax.monitor import CsvLog, DuckDbLog, Logger, TensorBoardLog, WandbLog, plot_run, read_json_lines
from metta_jax.trainer import METRICS, train
from metta_jax.worlds.suites import get_suite

_DESCRIPTION = """\
Trains a policy with PPO in a named world or curriculum.

The run's directory gets run_config.json, metrics.jsonl, run.png, checkpoints/, replays/ and stats/. The same command
again goes on where the last checkpoint was saved. Control-C saves one and ends the run after the update that is being
computed; a second control-C ends it at once."""

_EXAMPLES = """\
examples:
  metta-jax train forage --total-timesteps 1e6 --run-dir out/forage
  metta-jax train arena/basic --num-envs 16 --agent default --set optimizer.learning_rate=1e-3 ppo.ent_coef=0.01
  metta-jax train --config out/forage/run_config.json --run-dir out/again      the same run once more
  metta-jax train forage --set simulation.evaluate_interval=100 --suite guide  scores while it trains
  metta-jax train forage --set initial_policy.uri=out/forage/checkpoints       start from a trained policy

fields for --set are those of TrainerConfig: total_timesteps, batch_size, minibatch_size, bptt_horizon, update_epochs,
ppo.*, optimizer.*, lr_scheduler.*, checkpoint.checkpoint_interval, simulation.replay_interval, ... Sizes that are not
given fit the world: rows of 64 steps, one for each agent."""

_LOGS = ("csv", "duckdb", "tensorboard", "wandb")


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser(
        "train", help="train a policy, or go on with a run", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    parser.add_argument("world", nargs="?", help="a world or a curriculum (default: the file's, else `default`)")
    parser.add_argument("--config", type=place, help="JSON or YAML: a run_config.json, or fields of TrainerConfig")
    parser.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", action="extend", help="see below")
    parser.add_argument("--run-dir", type=place, help="(default: train_dir/<world>)")
    parser.add_argument("--total-timesteps", type=positive, help="agent steps of the whole run")
    parser.add_argument("--max-minutes", type=seconds, default=math.inf, help="end then in any case")
    parser.add_argument("--num-envs", type=size, help="environments side by side (default: 64)")
    parser.add_argument("--agent", help="a preset: fast, default, ... (default: fast)")
    parser.add_argument("--seed", type=seed, help="of everything that is drawn (default: 0)")
    parser.add_argument("--suite", help="evaluate in this suite, see `metta-jax worlds suites`")
    parser.add_argument("--log", nargs="+", choices=_LOGS, default=[], help="more places for metrics")
    parser.add_argument("--device", help="cpu, gpu, cuda:1, tpu, ... (default: the best that there is)")
    parser.add_argument("--fresh", action="store_true", help="delete the run that is in the directory, begin anew")
    parser.add_argument("--quiet", action="store_true", help="no progress line")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    run = run_from(options)
    suite = None if options.suite is None else get_suite(options.suite)
    device = find_device(options.device) or jax.devices()[0]
    directory = _directories(run.trainer, is_evaluated=suite is not None)
    print(f"{run.environment['curriculum_path']} into {directory}, on {device} ({device.device_kind})", flush=True)
    with contextlib.ExitStack() as stack:
        loggers = [stack.enter_context(contextlib.closing(_logger(name, directory))) for name in options.log]
        result = train(
            run,
            suite=suite,
            loggers=loggers,
            max_seconds=60 * options.max_minutes,
            resume=not options.fresh,
            show_progress=not options.quiet,
            device=options.device,
        )
    records = read_json_lines(directory / METRICS)
    if records:
        print(plot_run(records, directory / "run.png", title=directory.name, smoothing=0.5))
    for epoch, scores in result.scores.items():
        print(f"evaluation at epoch {epoch}: {', '.join(f'{name} {score:.3f}' for name, score in scores.items())}")
    for url in result.replay_urls:
        print(f"replay {url}")
    print(f"{int(result.state.agent_step):,} agent steps; the newest policy is {result.record.uri}")
    if not result.is_finished:
        print("stopped before the end: the same command goes on from here")


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
