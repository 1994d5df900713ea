"""The arguments of `metta-jax train`."""

from __future__ import annotations

import math
from argparse import ArgumentParser
from typing import Any

from metta_jax.cli.parser import add_devices, add_import, count, late, place, positive, seconds, seed, size

_DESCRIPTION = """\
Trains a policy with PPO in a named world or curriculum.

Writes run_config.json, metrics.jsonl, run.png, checkpoints/, replays/ and stats/ to the run's directory. Run the same
command again to resume from the last checkpoint. Control-C finishes the current update, saves a checkpoint and ends the
run; a second control-C ends it at once. SIGTERM does the same as the first, with exit code 75."""
_EXAMPLES = """\
examples:
  metta-jax train forage --preset laptop --total-timesteps 1e6 --run-dir out/forage
  metta-jax train arena/basic --num-envs 16 --agent default --set optimizer.learning_rate=1e-3 ppo.ent_coef=0.01
  metta-jax train --config out/forage/run_config.json --run-dir out/again      the same run again
  metta-jax train forage --set simulation.evaluate_interval=100 --suite guide  scores while it trains
  metta-jax train forage --set initial_policy.uri=out/forage       start from a trained policy
  metta-jax train lab/rooms --import my_worlds      a world that my_worlds.py registers; or a file: train rooms.yaml

fields for --set are those of TrainerConfig: total_timesteps, batch_size, minibatch_size, bptt_horizon, update_epochs,
ppo.*, optimizer.*, lr_scheduler.*, checkpoint.checkpoint_interval, simulation.replay_interval, ... Sizes that are not
given fit the world: rows of 64 steps, one for each agent.

presets, which --set overrides:
  laptop    256 agents, 32 minibatches, learning rate from 0.002 to 0: learns within minutes on two cores
  gpu       2,048 agents, batches of 131,072 steps, minibatches of 4,096
  original  8,192 agents, batches of 524,288 steps, minibatches of 16,384
Without a preset: 64 environments, and the defaults of the configuration classes."""
PRESETS = ("laptop", "gpu", "original")
_LOGS = ("csv", "duckdb", "tensorboard", "wandb")


def add(commands: Any) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "train", help="train a policy, or resume a run", description=_DESCRIPTION, epilog=_EXAMPLES
    )
    parser.add_argument(
        "world",
        nargs="?",
        help="name or file of a world or a curriculum (default: that of --config, else `default`)",
    )
    parser.add_argument("--config", type=place, help="JSON or YAML: a run_config.json, or fields of TrainerConfig")
    parser.add_argument("--preset", choices=PRESETS, help="sizes and settings that work together, see below")
    parser.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", action="extend", help="see below")
    parser.add_argument("--run-dir", type=place, help="(default: train_dir/<world>)")
    parser.add_argument("--total-timesteps", type=positive, help="agent steps of the whole run")
    parser.add_argument("--max-minutes", type=seconds, default=math.inf, help="stop after this time")
    parser.add_argument("--num-envs", type=size, help="environments in the batch (default: the preset's, else 64)")
    parser.add_argument("--agent", help="a preset: fast, default, ... (default: fast)")
    parser.add_argument("--seed", type=seed, help="of all random numbers (default: 0)")
    parser.add_argument("--suite", help="evaluate on this suite, see `metta-jax worlds suites`")
    parser.add_argument(
        "--log", nargs="+", choices=_LOGS, default=[], metavar="LOG", help="more places for metrics: %(choices)s"
    )
    add_devices(parser)
    _add_processes(parser)
    add_import(parser)
    parser.add_argument("--fresh", action="store_true", help="delete the run in the directory and start over")
    parser.add_argument("--quiet", action="store_true", help="no progress line")
    parser.set_defaults(run=late("metta_jax.cli.train"))


def _add_processes(parser: ArgumentParser) -> None:
    """Add the options of a run of several processes."""
    group = parser.add_argument_group("several processes, of one machine or many (the same command in each)")
    group.add_argument(
        "--distributed",
        action="store_true",
        help="join the others; outside of SLURM, Kubernetes, ... also give the options below",
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where process 0 listens")
    group.add_argument("--num-processes", type=count, metavar="N")
    group.add_argument("--process-id", type=count, metavar="I", help="0 for the first")
