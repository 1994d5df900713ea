"""What `benchmarks/accelerator.py` measures: cases that are made, compiled, and measured, in this order.

`make` builds Python objects, in the main thread, and returns what the other two need. `compile` traces and compiles,
maybe in another thread alongside others, and runs nothing large. `measure` has the device for itself, and returns what
goes into the case's row. A case itself holds no arrays. `sizes` says of a program what is known before it runs.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.stepper_cases import CASES, make
from metta_jax.agent import Agent
from metta_jax.agent.device import default_device
from metta_jax.config import TrainerConfig
from metta_jax.conformance import first_difference, load_run, make_engine, scan_rollout
from metta_jax.mettagrid import VectorEnv
from metta_jax.monitor.device_facts import device_memory
from metta_jax.rl import TrainingComponents
from metta_jax.worlds.environment import Environment

RUNS = Path(__file__).resolve().parents[1] / "tests" / "conformance"
REPEATS = 5
CALL_S = 0.5  # of one timed call of steps, about
CASE_S = 8.0  # of a case, not counting its first call, about
EXACT = (
    "initial_observation", "observation", "reward", "episode_return", "terminated", "truncated", "action_success",
)  # fmt: skip

TimeLeft = Callable[[], float]
Emit = Callable[[dict[str, Any]], None]


@dataclass
class Conformance:
    """A recorded run of the original engine, played on the device: equal in every bit, or the first difference."""

    run: str
    what: str = "conformance"
    patient: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        return {"what": self.what, "case": self.run}

    def guess(self, rates: dict[Any, float]) -> float:
        return 1.0

    def make(self) -> Any:
        run = load_run(RUNS / f"{self.run}.npz")
        return run, make_engine(run.config, run.rows)

    def compile(self, made: Any) -> Any:
        run, engine = made
        return scan_rollout(engine, run)

    def sizes(self, program: Any) -> dict[str, Any]:
        return {}

    def measure(self, made: Any, played: Any, time_left: TimeLeft, emit: Emit) -> dict[str, Any]:
        run, _ = made
        difference = first_difference(run, played)
        verdict = "equal" if difference is None else str(difference)
        # What a person compares may differ by rounding; bits may not.
        unequal = [n for n in EXACT if np.asarray(getattr(run, n)).tobytes() != getattr(played, n).tobytes()]
        if difference is None and unequal:
            verdict = f"equal but for the last bits of {', '.join(unequal)}"
        return {"steps": run.num_steps, "agents": run.num_agents, "result": verdict}


@dataclass
class Stepping:
    """Steps with random valid actions, observations and auto-reset included; worlds of stepper_cases.py."""

    case: str
    num_envs: int
    what: str = "stepping"
    patient: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        return {"what": self.what, "case": self.case, "num_envs": self.num_envs}

    def guess(self, rates: dict[Any, float]) -> float:
        rate = rates.get(self.case)
        return CASE_S if rate is None else max(CASE_S, 4 * self.num_envs * CASES[self.case].num_agents / rate)

    def make(self) -> VectorEnv:
        return VectorEnv(make(CASES[self.case]), self.num_envs)

    def compile(self, made: VectorEnv) -> Any:
        def play(params: Any, state: Any, key: jax.Array, num_steps: jax.Array) -> Any:
            return random_play(made, params, state, key, num_steps)

        reset = jax.jit(lambda params, key: made.reset(params, key)[0])
        key, params = jax.random.key(0), made.env.params
        shapes = jax.eval_shape(reset, params, key)
        steps = jax.jit(play, donate_argnums=1).lower(params, shapes, key, jnp.int32(1)).compile()
        return reset.lower(params, key).compile(), steps

    def sizes(self, program: Any) -> dict[str, Any]:
        return _program_bytes(program[1])

    def measure(self, made: VectorEnv, programs: Any, time_left: TimeLeft, emit: Emit) -> dict[str, Any]:
        reset, steps = programs
        agents, params = self.num_envs * made.env.num_agents, made.env.params
        before = _peak()
        state = jax.block_until_ready(reset(params, jax.random.key(0)))

        def call(number: int, num_steps: int) -> float:
            nonlocal state
            start = time.perf_counter()
            key = jax.random.key(number)
            state, read = jax.block_until_ready(steps(params, state, key, jnp.int32(num_steps)))
            assert np.isfinite(float(read))
            return time.perf_counter() - start

        call(1, 1)  # loads the program
        num_steps = max(1, min(10_000, int(CALL_S / call(2, 1))))
        seconds = list(_repeated(lambda i: call(i + 3, num_steps), time_left))
        return {
            **_rates([agents * num_steps / one for one in seconds]),
            "steps_of_a_call": num_steps,
            "state_bytes": sum(_bytes(leaf) for leaf in jax.tree.leaves(state)),
            **self.sizes(programs),
            **_peak_since(before),
        }


@dataclass
class Training:
    """Whole training steps, `train_step`: a row of `horizon` steps for each agent, `num_minibatches` an update."""

    agent: str
    dtype: str
    num_envs: int
    world: str = "arena/basic"
    horizon: int = 64
    num_minibatches: int = 32
    environment: dict[str, Any] = field(default_factory=dict)
    what: str = "training"
    patient: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        names = ("what", "agent", "dtype", "world", "num_envs", "horizon", "num_minibatches")
        return {name: getattr(self, name) for name in names}

    def guess(self, rates: dict[Any, float]) -> float:
        rate = rates.get((self.agent, self.dtype)) or rates.get(self.agent)
        # Three calls, the first one of which may be slower. Four agents at least are in every world.
        return 2 * CASE_S if rate is None else max(CASE_S, 4 * self.steps / rate)

    @property
    def steps(self) -> int:
        """Agent-steps of an update, about: before it is made the number of agents is unknown."""
        return self.num_envs * (24 if self.world == "arena/basic" else 4) * self.horizon

    def make(self) -> TrainingComponents:
        env = Environment(self.world, num_envs=self.num_envs, num_maps=16, **self.environment)
        batch_size = env.num_agents * self.num_envs * self.horizon
        config = TrainerConfig(
            batch_size=batch_size,
            minibatch_size=batch_size // self.num_minibatches,
            bptt_horizon=self.horizon,
            total_timesteps=max(self.total_steps, batch_size),
        )
        return TrainingComponents.create(env, Agent(env, self.agent, dtype=self.dtype), config)

    @property
    def total_steps(self) -> int:
        return 1_000_000_000

    def compile(self, made: TrainingComponents) -> Any:
        programs, params, key = made.programs, made.plan.env.params, jax.random.key(0)
        shapes = jax.eval_shape(made.init, key)
        init = programs.init.lower(made.hyperparameters, params, (), key, None).compile()
        return init, programs.train_step.lower(made.hyperparameters, params, shapes).compile()

    def sizes(self, program: Any) -> dict[str, Any]:
        return _program_bytes(program[1])

    def measure(self, made: TrainingComponents, programs: Any, time_left: TimeLeft, emit: Emit) -> dict[str, Any]:
        init, train_step = programs
        plan, before = made.plan, _peak()
        state = init(made.hyperparameters, plan.env.params, (), jax.random.key(0), None)

        def call(number: int) -> float:
            nonlocal state
            start = time.perf_counter()
            state, metrics = jax.block_until_ready(train_step(made.hyperparameters, plan.env.params, state))
            assert np.isfinite(float(metrics["losses/entropy"]))
            return time.perf_counter() - start

        call(0)
        seconds = list(_repeated(call, time_left))
        steps = plan.layout.steps_per_rollout
        return {
            "batch_size": plan.layout.batch_size,
            "minibatch_size": plan.layout.rows_per_minibatch * plan.layout.horizon,
            **_rates([steps / one for one in seconds]),
            **self.sizes(programs),
            **_peak_since(before),
        }


@dataclass
class Learning(Training):
    """Reward per agent and episode over agent-steps; a row for every update, `learning_point`."""

    world: str = "forage4"
    learn_steps: int = 20_000_000
    share: float = 0.5  # of the time that is left
    what: str = "learning"
    patient: bool = True  # other programs may be compiled meanwhile: a curve stays what it is

    def guess(self, rates: dict[Any, float]) -> float:
        return 20.0

    @property
    def total_steps(self) -> int:
        return self.learn_steps

    def measure(self, made: TrainingComponents, programs: Any, time_left: TimeLeft, emit: Emit) -> dict[str, Any]:
        init, train_step = programs
        plan, start = made.plan, time.perf_counter()
        state = init(made.hyperparameters, plan.env.params, (), jax.random.key(0), None)
        step, until = 0, (1 - self.share) * time_left()
        num_points = 0
        while step < self.learn_steps and (time_left() > until or num_points == 0):
            state, metrics = train_step(made.hyperparameters, plan.env.params, state)
            step, num_points = int(state.agent_step), num_points + 1
            episodes = int(metrics["episode/count"])
            emit(
                {
                    "what": "learning_point",
                    "agent_steps": step,
                    "seconds": time.perf_counter() - start,
                    # Of agents: an episode of four counts four times, as in the original's record.
                    "episodes": episodes * plan.agents_per_env,
                    "return_sum": float(metrics["episode/return_sum"]) * plan.agents_per_env,
                }
            )
        seconds = time.perf_counter() - start
        done = {"agent_steps": step, "seconds": seconds, "agent_steps_per_s": step / seconds}
        return done if step >= self.learn_steps else {**done, "status": "stopped: no time"}


def full_waves() -> list[list[Any]]:
    """All cases; what matters most comes first. The cases of one wave are compiled side by side."""
    runs = ("fuzz_0", "fuzz_2", "stress_edge_attack", "stress_stat_rewards", "stress_swap", "thin_maps")
    learning = Learning("fast", "float32", 512)
    return [
        [*map(Conformance, runs), Stepping("arena24", 1024), Training("fast", "float32", 256)],
        [
            learning,  # planned first, measured last
            Stepping("arena24", 16_384),
            Stepping("small4", 16_384),
            Training("fast", "bfloat16", 256),
            Training("fast", "float32", 1024),
            Training("default", "float32", 256),
        ],
        [
            Stepping("arena24", 4096),
            Stepping("arena24", 65_536),
            Training("fast", "bfloat16", 1024),
            Training("default", "bfloat16", 256),
            Training("fast", "float32", 4096),
            Training("default", "float32", 1024),
        ],
        [
            *(Stepping("small4", num_envs) for num_envs in (1024, 4096, 65_536)),
            Training("fast", "bfloat16", 4096),
            Training("default", "bfloat16", 1024),
            *(Training("default", dtype, 4096) for dtype in ("float32", "bfloat16")),
        ],
    ]


def rehearsal_waves() -> list[list[Any]]:
    """One small case of every kind, for a CPU."""
    room = {"num_agents": 2, "width": 8, "height": 8}
    small: dict[str, Any] = {"world": "default", "horizon": 8, "num_minibatches": 2, "environment": room}
    return [
        [Conformance("single_cell"), Stepping("small4", 2)],
        [
            Training("fast", "bfloat16", 2, **small),
            Learning("fast", "float32", 2, **small, learn_steps=96),
        ],
    ]


def random_play(
    vector: VectorEnv, params: Any, state: Any, key: jax.Array, num_steps: jax.Array
) -> tuple[Any, jax.Array]:
    """That many steps, a number that recompiles nothing; the state, and something that depends on every output."""
    max_args = jnp.asarray(vector.env.max_action_args, jnp.int32)
    shape = (vector.num_envs, vector.env.num_agents, 2)

    def one_step(i: jax.Array, carry: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
        state, read = carry
        bits = jax.random.bits(jax.random.fold_in(key, i), shape, jnp.uint16).astype(jnp.int32)
        kind = bits[..., 0] % len(vector.env.action_names)
        actions = jnp.stack([kind, bits[..., 1] % (max_args[kind] + 1)], axis=-1)
        state, timestep = vector.step(params, state, actions)
        seen = jnp.max(timestep.observation[:, :, -1]).astype(jnp.float32)
        return state, read + jnp.sum(timestep.reward) + seen

    return jax.lax.fori_loop(0, num_steps, one_step, (state, jnp.float32(0)))


def _repeated(call: Callable[[int], float], time_left: TimeLeft) -> Iterator[float]:
    """Up to REPEATS timed calls, at least one; fewer if they are long."""
    start = time.perf_counter()
    for i in range(REPEATS):
        yield call(i + 1)
        one = (time.perf_counter() - start) / (i + 1)
        if time.perf_counter() - start > CASE_S or 2 * one > time_left():
            return


def _rates(rates: list[float]) -> dict[str, Any]:
    return {"agent_steps_per_s": statistics.median(rates), "min": min(rates), "max": max(rates), "calls": len(rates)}


def _peak() -> int:
    return device_memory(default_device()).get("peak", 0)


def _program_bytes(program: Any) -> dict[str, Any]:
    """What the compiler says that a program takes, arguments and results included."""
    sizes = program.memory_analysis()
    names = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
    taken = None if sizes is None else sum(getattr(sizes, name) for name in names) - sizes.alias_size_in_bytes
    return {"program_bytes": taken}


def _peak_since(before: int) -> dict[str, Any]:
    """The device's own count, which only ever rises: it says something of a case that raised it."""
    peak = _peak()
    return {"peak_bytes": peak or None, "peak_is_of_this_case": peak > before}


def _bytes(leaf: Any) -> int:
    return leaf.nbytes if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else jax.random.key_data(leaf).nbytes
