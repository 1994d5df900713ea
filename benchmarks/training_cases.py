"""What the training benchmarks run, and what the original trainer reaches with it."""

from typing import Any, Literal, NamedTuple

HORIZON = 64
# Branchy rate (yardstick.py) of the machine that the original's rates were taken on.
ORIGINAL_BRANCHY = 2.85


class Case(NamedTuple):
    agent: str
    world: str
    num_envs: int
    batch_size: int
    minibatch_size: int
    original: float  # agent-steps/s of the original trainer on two cores; the best of its runs
    original_rollout: float | None  # of its rollout alone
    items: Literal["classic", "full"] | None = None  # None: what the world has


CASES = {
    "fast-A": Case("fast", "forage4", 64, 16_384, 4_096, 7_360, 21_300),
    "fast-A-512": Case("fast", "forage4", 64, 16_384, 512, 6_130, None),
    "fast-B": Case("fast", "arena/basic_easy_shaped", 16, 24_576, 4_096, 7_740, 22_900),
    "default-A": Case("default", "forage4", 64, 16_384, 4_096, 2_170, 7_930),
    "default-B": Case("default", "arena/basic_easy_shaped", 16, 24_576, 4_096, 2_020, 8_130),
}

# The arena with all items: an attack costs a laser, and agents cannot make one. With the eight classic items attacks
# are free there, and nothing was learned above random agents. (The original's rates are those of the classic items.)
LEARNING_CASES = {**CASES, "fast-B-full": CASES["fast-B"]._replace(minibatch_size=512, items="full")}


def make(
    case: Case,
    dtype: str = "float32",
    *,
    seed: int = 0,
    total_timesteps: int = 5_000_000,
    engine_path: str | None = None,
    row_groups: int = 1,
) -> Any:
    """The training functions of a case, under the original's default hyperparameters."""
    from metta_jax.api import Agent, Environment, TrainerConfig, TrainingComponents

    env = Environment(case.world, num_envs=case.num_envs, seed=seed, items=case.items, engine_path=engine_path)
    config = TrainerConfig(
        batch_size=case.batch_size,
        minibatch_size=case.minibatch_size,
        bptt_horizon=HORIZON,
        total_timesteps=total_timesteps,
        row_groups=row_groups,
    )
    return TrainingComponents.create(env, Agent(env, case.agent, dtype=dtype), config)
