"""How often the loops of a step turn whose number the data decide: counted while random agents play."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp

# In the order in which a step meets them.
LOOPS = ("converters", "attacks", "moves", "trades", "resets")


def measure_rounds(env: Any, num_steps: int = 150, warm_up: int = 50, seed: int = 0) -> dict[str, float]:
    """Mean turns of each loop in a step of `env`, an Environment on the wide path; the first steps do not count."""
    turns: dict[int, list[int]] = {}
    env = copy.deepcopy(env)  # which has no programs yet: what was traced before does not count
    with _counted_loops(turns):
        run = jax.jit(lambda params, state, key: random_steps(env, params, state, key, num_steps))
        state, _ = jax.jit(env.reset)(env.params, jax.random.key(seed))
        turns.clear()
        jax.block_until_ready(run(env.params, state, jax.random.key(seed + 1)))
        jax.effects_barrier()
    counted = [sum(turns[number][warm_up:]) / (num_steps - warm_up) for number in sorted(turns)]
    if len(counted) != len(LOOPS):
        raise ValueError(f"{len(counted)} loops were met in a step, not {', '.join(LOOPS)}")
    return dict(zip(LOOPS, counted, strict=True))


def random_steps(env: Any, params: Any, state: Any, key: jax.Array, num_steps: int) -> Any:
    """`num_steps` steps with random valid actions."""
    max_args = jnp.asarray(env.max_action_args, jnp.int32)

    def one(state: Any, key: jax.Array) -> tuple[Any, None]:
        bits = jax.random.bits(key, (env.num_envs, env.num_agents, 2), jnp.uint16).astype(jnp.int32)
        kind = bits[..., 0] % len(max_args)
        argument = bits[..., 1] % (max_args[kind] + 1)
        return env.step(params, state, jnp.stack([kind, argument], axis=-1))[0], None

    return jax.lax.scan(one, state, jax.random.split(key, num_steps))[0]


@contextmanager
def _counted_loops(turns: dict[int, list[int]]) -> Generator[None]:
    """Every `while_loop` that is traced in the meantime reports its turns under its number."""
    plain = jax.lax.while_loop
    num_loops = 0

    def counted(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any) -> Any:
        nonlocal num_loops
        number, num_loops = num_loops, num_loops + 1
        count, result = plain(
            lambda loop: cond_fun(loop[1]), lambda loop: (loop[0] + 1, body_fun(loop[1])), (jnp.int32(0), init_val)
        )
        jax.debug.callback(lambda n: turns.setdefault(number, []).append(int(n)), count)
        return result

    jax.lax.while_loop = counted
    try:
        yield
    finally:
        jax.lax.while_loop = plain
