"""The programs of the product, compiled for an accelerator that is not there, and what they cost by the model."""

from __future__ import annotations

import re
import time
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies

from benchmarks.cards import BANDWIDTH_SHARE, CARDS, FLOPS_SHARE, H200_TARGET, Card
from benchmarks.hlo_cost import Cost, cost_of, seconds
from benchmarks.hlo_text import parse
from benchmarks.program_work import count_work
from benchmarks.rounds import LOOPS, measure_rounds
from benchmarks.stepper_cases import CASES, game_of, make_map
from metta_jax.api import Agent, Environment, GameConfig, TrainerConfig, TrainingComponents
from metta_jax.mettagrid import MettaGrid, VectorEnv

WORLD = "arena/basic"
NUM_MINIBATCHES = 32
# Agents, width of the window, tokens of an observation.
SHAPES = ((1, 11, 200), (8, 3, 1), (8, 15, 400), (64, 11, 200), (256, 3, 200), (256, 15, 400))
STAGES = (*LOOPS, "observations", "statistics", "rewards")
PRODUCTS = "arithmetic of products"  # of all stages, whose own seconds are those of moving bytes
LAUNCHES = (5e-6, 2e-6)  # seconds: one by one, and from a recorded graph
MOST_PLAYED = 1024  # environments that are played to count rounds; a larger batch turns a little more often


def topology(platform: str) -> Any:
    """A device to compile for."""
    if platform == "cuda":
        options = {"topology_name": "h200", "target_config": H200_TARGET, "topology": "1x1x1"}
    else:
        options = {"topology_name": "v5e:2x2"}
    return topologies.get_topology_desc(platform=platform, **options).devices[0]


def environment(num_envs: int) -> Environment:
    return Environment(WORLD, num_envs=num_envs, num_maps=16, engine_path="wide")


@cache
def _rounds(num_envs: int) -> dict[str, float]:
    return measure_rounds(environment(num_envs))


def rounds_of(num_envs: int) -> dict[str, float]:
    """Turns of each loop in a step; larger batches than MOST_PLAYED count as that."""
    return _rounds(min(num_envs, MOST_PLAYED))


def step_program(num_envs: int) -> tuple[Any, tuple[Any, ...], int]:
    """A jitted step with its state donated, its arguments (or their shapes), and its agent-steps."""
    env = environment(num_envs)
    state, _ = jax.eval_shape(env.reset, env.params, jax.eval_shape(lambda: jax.random.key(0)))
    actions = jax.ShapeDtypeStruct((num_envs, env.num_agents, 2), jnp.int32)
    step = jax.jit(lambda params, state, actions: env.step(params, state, actions), donate_argnums=1)
    return step, (env.params, state, actions), num_envs * env.num_agents


def shape_program(num_envs: int, num_agents: int, window: int, num_tokens: int) -> tuple[Any, tuple[Any, ...], int]:
    """The same for a map of 25 x 25 cells with other agents, windows and observations."""
    case = CASES["arena24"]._replace(num_agents=num_agents, num_walls=0)
    sizes = {"obs_width": window, "obs_height": window, "num_observation_tokens": num_tokens}
    game = GameConfig.model_validate(game_of(case) | sizes)
    grid = MettaGrid(game, [make_map(case, np.random.default_rng(0))], "totals", engine_path="wide")
    vector = VectorEnv(grid, num_envs)
    state, _ = jax.eval_shape(vector.reset, grid.params, jax.eval_shape(lambda: jax.random.key(0)))
    actions = jax.ShapeDtypeStruct((num_envs, num_agents, 2), jnp.int32)
    step = jax.jit(lambda params, state, actions: vector.step(params, state, actions), donate_argnums=1)
    return step, (grid.params, state, actions), num_envs * num_agents


def train_program(num_envs: int, agent: str, horizon: int) -> tuple[Any, tuple[Any, ...], int]:
    """The same for `train_step`, in bfloat16."""
    env = environment(num_envs)
    batch = env.num_agents * num_envs * horizon
    config = TrainerConfig(batch_size=batch, minibatch_size=batch // NUM_MINIBATCHES, bptt_horizon=horizon)
    training = TrainingComponents.create(env, Agent(env, agent), config)
    state = jax.eval_shape(training.init, jax.eval_shape(lambda: jax.random.key(0)))
    return training.programs.train_step, (training.hyperparameters, env.params, state), batch


def measure(
    name: str, num_envs: int, fn: Any, shapes: tuple[Any, ...], agent_steps: int, device: Any, rounds: dict[str, float]
) -> dict[str, Any]:
    """Compile a program and count: one row of the table."""
    placed = jax.sharding.SingleDeviceSharding(device)
    args = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=placed), shapes)
    start = time.perf_counter()
    compiled = fn.lower(*args).compile()
    compile_s = time.perf_counter() - start
    cost = cost_of(parse(compiled.as_text()), stage_of, lambda stage: rounds.get(stage, 1.0))
    work = count_work(fn, *shapes)
    first = CARDS[0].bandwidth * BANDWIDTH_SHARE
    return {
        "program": name,
        "num_envs": num_envs,
        "compile_s": compile_s,
        "kernels": cost.kernels,
        "bytes_per_agent_step": cost.num_bytes / agent_steps,
        "big_copies_in_loops": cost.big_copies_in_loops,
        "slow_scatters": cost.slow_scatters,
        "temp_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "turns": work.turns,
        "open_loops": work.open_loops,
        "flops_per_agent_step": work.flops / agent_steps,
        "agent_steps_per_s": {
            card.name: [agent_steps / whole(cost, work.flops, card, launch) for launch in LAUNCHES] for card in CARDS
        },
        "stages": {
            stage: {
                "kernels": part.kernels,
                "bytes": part.num_bytes,
                "seconds": seconds(part, launch=LAUNCHES[0], bandwidth=first),
            }
            for stage, part in cost.stages.items()
        }
        | {PRODUCTS: {"kernels": 0.0, "bytes": 0, "seconds": work.flops / (CARDS[0].flops * FLOPS_SHARE)}},
    }


def stage_of(scope: str) -> str:
    """The stage of an instruction by its path of names; empty if the path does not say."""
    for part in re.split(r"[/;]", scope):
        if part in STAGES:
            return part
    if "transpose(" in scope:
        return "backward"
    if "jvp(" in scope:
        return "forward"
    return "policy" if "Network" in scope else ""


def whole(cost: Cost, flops: float, card: Card, launch: float) -> float:
    """Seconds of one run."""
    bandwidth = card.bandwidth * BANDWIDTH_SHARE
    moving = sum(seconds(stage, launch=launch, bandwidth=bandwidth) for stage in cost.stages.values())
    return moving + flops / (card.flops * FLOPS_SHARE)
