"""`metta-jax bench`: how fast a world, or training in it, is on this machine."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import time
from collections.abc import Generator
from typing import Any

import jax
import jax.numpy as jnp
from jax.errors import JaxRuntimeError

from metta_jax.agent.device import default_device, device_name
from metta_jax.cli.paths import writable_file
from metta_jax.rl import TrainingComponents, explain_out_of_memory
from metta_jax.rl.memory import format_bytes, is_out_of_memory, memory_limit, num_bytes
from metta_jax.trainer import make_run
from metta_jax.worlds.environment import Environment


def run(options: argparse.Namespace) -> None:
    if options.json is not None:
        writable_file("--json", options.json)
    measured = (_training if options.train else _stepping)(options)
    where = options.device or default_device()
    row = {
        "world": options.world,
        "what": "training" if options.train else "stepping",
        "num_envs": options.num_envs,
        **measured,
        "device": f"{device_name(where)} {where.device_kind}",
        "cores": os.cpu_count(),
        "jax": jax.__version__,
    }
    if options.json is not None:
        options.json.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    for name, value in row.items():
        print(f"{name:22}{f'{value:,.0f}' if isinstance(value, float) and value >= 100 else value}")


def _stepping(options: argparse.Namespace) -> dict[str, float]:
    env = Environment(options.world, num_envs=options.num_envs, stats="none", device=options.device)
    max_args = jnp.asarray(env.max_action_args, jnp.int32)

    def play(params: Any, state: Any, key: jax.Array) -> Any:
        def one_step(carry: Any, _: None) -> tuple[Any, jax.Array]:
            state, key = carry
            key, type_key, arg_key = jax.random.split(key, 3)
            shape = (env.num_envs, env.num_agents)
            types = jax.random.randint(type_key, shape, 0, len(max_args), jnp.int32)
            arguments = jax.random.randint(arg_key, shape, 0, max_args[types] + 1, jnp.int32)
            state, timestep = env.step(params, state, jnp.stack([types, arguments], axis=-1))
            # XLA would drop an observation that is never read.
            return (state, key), jnp.sum(timestep.reward) + jnp.sum(timestep.observation, dtype=jnp.float32)

        (state, key), read = jax.lax.scan(one_step, (state, key), None, length=options.num_steps)
        return state, key, jnp.sum(read)

    rates = []
    with _explained(env):
        state, _ = jax.jit(env.reset)(env.params, jax.random.key(0))
        start = time.perf_counter()
        compiled = jax.jit(play, donate_argnums=1).lower(env.params, state, jax.random.key(1)).compile()
        compile_s = time.perf_counter() - start
        key = jax.random.key(1)
        for _ in range(options.rounds + 1):
            start = time.perf_counter()
            state, key, _ = jax.block_until_ready(compiled(env.params, state, key))
            rates.append(env.num_envs * env.num_agents * options.num_steps / (time.perf_counter() - start))
    return {"agent_steps_per_s": statistics.median(rates[1:]), "compile_s": round(compile_s, 1)}


@contextlib.contextmanager
def _explained(env: Environment) -> Generator[None]:
    """Explain how much memory environments take when there is not enough."""
    try:
        yield
    except JaxRuntimeError as error:
        if not is_out_of_memory(error):
            raise
        where = env.device or default_device()
        state, timestep = jax.eval_shape(env.reset, env.params, jax.random.key(0))
        each = num_bytes((state, timestep)) // env.num_envs
        raise MemoryError(
            f"{device_name(where)} has {format_bytes(memory_limit(where))} for JAX; the state of an environment and "
            f"what a step returns take {format_bytes(each)}, for {env.num_envs} {format_bytes(each * env.num_envs)}, "
            "and a step needs as much again: reduce --num-envs"
        ) from error


def _training(options: argparse.Namespace) -> dict[str, float]:
    from metta_jax.agent import Agent

    run = make_run(options.world, num_envs=options.num_envs)
    env = Environment(**{**run.environment, "device": options.device or run.environment.get("device")})
    training = TrainingComponents.create(env, Agent(env, run.agent), run.trainer)
    rates = []
    with explain_out_of_memory(training):
        state = training.init(jax.random.key(0))
        start = time.perf_counter()
        state, _ = jax.block_until_ready(training.train_step(state))
        first_s = time.perf_counter() - start
        for _ in range(options.rounds):
            start = time.perf_counter()
            state, _ = jax.block_until_ready(training.train_step(state))
            rates.append(run.trainer.batch_size / (time.perf_counter() - start))
    return {"agent_steps_per_s": statistics.median(rates), "first_step_s": round(first_s, 1)}
