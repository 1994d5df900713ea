"""`metta-jax bench`: how fast a world, or training in it, is on this machine."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp

from metta_jax.cli.parser import place, size
from metta_jax.cli.paths import writable_file
from metta_jax.rl import TrainingComponents
from metta_jax.trainer import make_run
from metta_jax.worlds.environment import Environment


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser(
        "bench",
        help="agent steps a second, and compile time",
        description="Steps with random actions, auto-reset included; with --train, whole training steps. Rates are "
        "medians.\nbenchmarks/ in the repository has more, and compares.",
    )
    parser.add_argument("world", nargs="?", default="default", help="a world (default: %(default)s)")
    parser.add_argument("--num-envs", type=size, default=64, help="side by side (default: %(default)s)")
    parser.add_argument("--num-steps", type=size, default=100, help="of one timed call (default: %(default)s)")
    parser.add_argument("--rounds", type=size, default=5, help="timed calls (default: %(default)s)")
    parser.add_argument("--train", action="store_true", help="time `train_step` of a run with the agent `fast`")
    parser.add_argument("--json", type=place, help="write the figures into this file too")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    if options.json is not None:
        writable_file("--json", options.json)
    measured = (_training if options.train else _stepping)(options)
    device = jax.devices()[0]
    row = {
        "world": options.world,
        "what": "training" if options.train else "stepping",
        "num_envs": options.num_envs,
        **measured,
        "device": f"{device.platform} {device.device_kind}",
        "cores": os.cpu_count(),
        "jax": jax.__version__,
    }
    if options.json is not None:
        options.json.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    for name, value in row.items():
        print(f"{name:22}{f'{value:,.0f}' if isinstance(value, float) and value >= 100 else value}")


def _stepping(options: argparse.Namespace) -> dict[str, float]:
    env = Environment(options.world, num_envs=options.num_envs, stats="none")
    max_args = jnp.asarray(env.max_action_args, jnp.int32)

    def play(params: Any, state: Any, key: jax.Array) -> Any:
        def one_step(carry: Any, _: None) -> tuple[Any, jax.Array]:
            state, key = carry
            key, type_key, arg_key = jax.random.split(key, 3)
            shape = (env.num_envs, env.num_agents)
            types = jax.random.randint(type_key, shape, 0, len(max_args), jnp.int32)
            arguments = jax.random.randint(arg_key, shape, 0, max_args[types] + 1, jnp.int32)
            state, timestep = env.step(params, state, jnp.stack([types, arguments], axis=-1))
            # Nobody would compute an observation that nobody reads.
            return (state, key), jnp.sum(timestep.reward) + jnp.sum(timestep.observation, dtype=jnp.float32)

        (state, key), read = jax.lax.scan(one_step, (state, key), None, length=options.num_steps)
        return state, key, jnp.sum(read)

    state, _ = jax.jit(env.reset)(env.params, jax.random.key(0))
    start = time.perf_counter()
    compiled = jax.jit(play, donate_argnums=1).lower(env.params, state, jax.random.key(1)).compile()
    compile_s = time.perf_counter() - start
    key = jax.random.key(1)
    rates = []
    for _ in range(options.rounds + 1):
        start = time.perf_counter()
        state, key, _ = jax.block_until_ready(compiled(env.params, state, key))
        rates.append(env.num_envs * env.num_agents * options.num_steps / (time.perf_counter() - start))
    return {"agent_steps_per_s": statistics.median(rates[1:]), "compile_s": round(compile_s, 1)}


def _training(options: argparse.Namespace) -> dict[str, float]:
    from metta_jax.agent import Agent

    run = make_run(options.world, num_envs=options.num_envs)
    env = Environment(**run.environment)
    training = TrainingComponents.create(env, Agent(env, run.agent), run.trainer)
    state = training.init(jax.random.key(0))
    start = time.perf_counter()
    state, _ = jax.block_until_ready(training.train_step(state))
    first_s = time.perf_counter() - start
    rates = []
    for _ in range(options.rounds):
        start = time.perf_counter()
        state, _ = jax.block_until_ready(training.train_step(state))
        rates.append(run.trainer.batch_size / (time.perf_counter() - start))
    return {"agent_steps_per_s": statistics.median(rates), "first_step_s": round(first_s, 1)}
