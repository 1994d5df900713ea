"""The calls of a training loop, bundled with everything static that they need."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import optax

from metta_jax.monitor import Stopwatch
from metta_jax.rl.advantage import compute_advantage
from metta_jax.rl.kickstart import Kickstarter, collect_teachers, create_kickstarter
from metta_jax.rl.minibatch import minibatch_loss, process_minibatch_update
from metta_jax.rl.optimizer import create_optimizer
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.policy_checks import validate_policy_environment_match
from metta_jax.rl.programs import ACTING_FIELDS, ROLLOUT_CONSTANTS, compile_programs
from metta_jax.rl.replay.layout import create_layout
from metta_jax.rl.replay.sampling import draw_prioritized
from metta_jax.rl.rollout_stats import accumulate_rollout_stats, episode_stats
from metta_jax.rl.schedules import schedule_name
from metta_jax.rl.train_state import Experience, Minibatch, MinibatchLoss, TrainState

_IN_STATE = {
    "experience": "state.experience",
    "losses": "state.losses",
    "agent_step": "int(state.agent_step)",
    "epoch": "int(state.epoch)",
}


@dataclass(frozen=True, eq=False)
class TrainingComponents:
    """A frozen bundle of pure functions. All arrays that change are in the `TrainState` that the caller threads.

    Every method that takes a state is compiled once and does not change its arguments. `train_step` alone donates its
    state: the memory is reused, and that state, its experience and earlier states that share arrays with it cannot be
    read afterwards.
    """

    plan: TrainingPlan
    timer: Stopwatch
    _programs: Mapping[str, Callable[..., Any]] = field(repr=False)

    @classmethod
    def create(
        cls,
        env: Any = None,
        agent: Any = None,
        trainer_config: Any = None,
        policy_store: Any = None,
        teachers: Sequence[Any] = (),
        *,
        vecenv: Any = None,
        policy: Any = None,
        accumulate_minibatches: int = 1,
        loss_fn: Callable[..., MinibatchLoss] = minibatch_loss,
        advantage_fn: Callable[..., jax.Array] | None = None,
        draw_fn: Callable[..., tuple[jax.Array, jax.Array]] = draw_prioritized,
    ) -> TrainingComponents:
        """Bind the training functions to an environment, an agent and a TrainerConfig.

        Args:
            env: a VectorEnv or Environment; `vecenv` is another name.
            agent: an Agent bound to it; `policy` is another name.
            trainer_config: a TrainerConfig.
            policy_store: loads the teachers that `trainer_config.kickstart` names; not needed otherwise.
            teachers: `Teacher`s, (agent, params) pairs or policy records, bound to the environment.
            accumulate_minibatches: minibatches per optimizer step in `update`.
            loss_fn: what is differentiated, in place of `minibatch_loss`.
            advantage_fn: in place of `compute_advantage` with the config's estimator.
            draw_fn: rows of a minibatch, in place of `draw_prioritized`.

        Raises:
            ValueError: sizes that do not fit, a policy or teacher made for another environment, both names of one
                argument.
        """
        env = _one_of("env", env, "vecenv", vecenv)
        agent = _one_of("agent", agent, "policy", policy)
        config = _one_of("trainer_config", trainer_config, "trainer_config", None)
        batch_size, minibatch_size = _sizes(config)
        layout = create_layout(
            num_agents=env.num_envs * env.num_agents,
            batch_size=batch_size,
            minibatch_size=minibatch_size,
            bptt_horizon=config.bptt_horizon,
            accumulate_minibatches=accumulate_minibatches,
        )
        validate_policy_environment_match(agent, env)
        all_teachers = collect_teachers(config.kickstart, teachers, agent, env, policy_store)
        plan = TrainingPlan(
            env=env,
            agent=agent,
            config=config,
            layout=layout,
            optimizer=create_optimizer(
                type=config.optimizer.type,
                beta1=config.optimizer.beta1,
                beta2=config.optimizer.beta2,
                eps=config.optimizer.eps,
                weight_decay=config.optimizer.weight_decay,
            ),
            kickstarter=create_kickstarter(all_teachers, config.kickstart),
            teachers=all_teachers,
            schedule=schedule_name(config.lr_scheduler),
            num_rollouts=max(1, config.total_timesteps // layout.batch_size),
            loss_fn=loss_fn,
            advantage_fn=advantage_fn or functools.partial(compute_advantage, estimator=config.advantage.estimator),
            draw_fn=draw_fn,
            gradient_fn=process_minibatch_update,
        )
        return cls(plan=plan, timer=Stopwatch(), _programs=compile_programs(plan))

    def with_plan(self, **fields: Any) -> TrainingComponents:
        """The same functions under a plan with other `fields` of `TrainingPlan`; they compile anew.

        Only these fields change: what `create` made of the configuration stays as it is.
        """
        plan = dataclasses.replace(self.plan, **fields)
        return dataclasses.replace(self, plan=plan, _programs=compile_programs(plan))

    # -- static facts ---------------------------------------------------------------------------------------------

    @property
    def num_minibatches(self) -> int:
        """Minibatches per update epoch."""
        return self.plan.layout.num_minibatches

    @property
    def segments(self) -> int:
        """Rows of the experience buffer."""
        return self.plan.layout.segments

    @property
    def minibatch_segments(self) -> int:
        """Rows of one minibatch."""
        return self.plan.layout.minibatch_segments

    @property
    def accumulate_minibatches(self) -> int:
        """Minibatches per optimizer step."""
        return self.plan.layout.accumulate_minibatches

    @property
    def optimizer(self) -> optax.GradientTransformationExtraArgs:
        """`optimizer.update(grads, state.opt_state, params, learning_rate=...)`."""
        return self.plan.optimizer

    @property
    def kickstarter(self) -> Kickstarter:
        """The kickstart loss as a pure function."""
        return self.plan.kickstarter

    @property
    def config(self) -> Any:
        """The TrainerConfig."""
        return self.plan.config

    # -- state ----------------------------------------------------------------------------------------------------

    def init(self, key: jax.Array, params: Any = None) -> TrainState:
        """The state before the first rollout: fresh environments and counters; consumes `key`.

        Args:
            params: parameters to start from, those of a loaded policy; None for fresh ones.
        """
        teacher_params = tuple(teacher.params for teacher in self.plan.teachers)
        return self._programs["init"](self.plan.env.params, teacher_params, key, params)

    def split_key(self, state: TrainState) -> tuple[TrainState, jax.Array]:
        """A key for one use, and the state that will never give it again."""
        key, used = self._programs["split_key"](state.key)
        return state.replace(key=key), used

    # -- rollout --------------------------------------------------------------------------------------------------

    def reset_for_rollout(self, state: TrainState) -> TrainState:
        """Write from the first slot again; environments and recurrent states go on."""
        return self._act("reset_for_rollout", state)

    def is_ready_for_training(self, state: TrainState) -> bool:
        """Whether the buffer is full. Waits for the state."""
        return int(state.position) >= self.plan.layout.num_slots

    def rollout_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """One policy step in all environments; `unpack_infos(info)` gives the ended episodes as a list of dicts."""
        return self._act("rollout_step", state)

    def rollout(self, state: TrainState) -> tuple[TrainState, Experience]:
        """`reset_for_rollout` and all steps in one program. The batch is also `state.experience`."""
        # The old buffer is overwritten as a whole: without it the program has nothing to copy.
        state = self._act("rollout", state.replace(experience=None))
        return state, state.experience

    def accumulate_stats(self, stats: Mapping[str, list[Any]] | None, infos: Any) -> dict[str, list[Any]]:
        """The lists of `stats` extended by `infos`: one info of `rollout_step`, a list of them or of dicts."""
        return accumulate_rollout_stats(infos, stats)

    def episode_stats(self, state: TrainState) -> dict[str, float]:
        """Statistics of the episodes that ended in the last rollout, by name; for `accumulate_stats`. Waits for it.

        agent/<statistic>, means over agents and episodes; attributes/steps; without a curriculum also
        task_reward/<world>/rewards.mean (with one, metrics have it of every task). {} if no episode ended.
        """
        names = getattr(self.plan.env, "task_names", ())
        return episode_stats(state.episodes, self.plan.stat_names, names[0] if len(names) == 1 else None)

    # -- training -------------------------------------------------------------------------------------------------

    def reset_training_state(self, state: TrainState) -> TrainState:
        """Loss sums start at 0."""
        return self._learn("reset_training_state", state)

    def compute_advantages(self, batch: Experience) -> jax.Array:
        """Advantages of the whole rollout with importance 1, float32 [S, T]."""
        return self._programs["compute_advantages"](batch)

    def sample_minibatch(
        self,
        key: jax.Array,
        batch: Experience,
        advantages: jax.Array,
        anneal_beta: jax.Array | float,
        minibatch_idx: int | None = None,
        total_minibatches: int | None = None,
    ) -> Minibatch:
        """Draw rows by the size of their advantages; consumes `key`. The last two arguments have no effect."""
        del minibatch_idx, total_minibatches
        return self._programs["sample_minibatch"](key, batch, advantages, jnp.asarray(anneal_beta, jnp.float32))

    def train_minibatch(self, state: TrainState, minibatch: Minibatch) -> tuple[TrainState, MinibatchLoss]:
        """Forward and backward pass; the gradient is added to `state.grads`, the loss parts to `state.losses`."""
        return self._learn("train_minibatch", state, minibatch)

    def write_back(self, batch: Experience, minibatch: Minibatch, loss: MinibatchLoss) -> Experience:
        """The batch with the new values and ratios of the minibatch's rows (`value_write_back`)."""
        return self._programs["write_back"](batch, minibatch, loss)

    def optimize_step(self, state: TrainState, accumulate_steps: int = 1) -> TrainState:
        """One optimizer step if `accumulate_steps` (at least 1) gradients are in, else the same state."""
        if accumulate_steps < 1:
            raise ValueError(f"accumulate_steps: {accumulate_steps} is not at least 1")
        return self._learn("optimize_step", state, jnp.int32(accumulate_steps))

    def finish_epoch(self, state: TrainState) -> TrainState:
        """End of an update epoch: `epoch` + 1, and the reference weights of l2_init_loss if they are due."""
        return self._learn("finish_epoch", state)

    def exceeds_target_kl(self, state: TrainState) -> bool:
        """Whether the mean approx_kl so far is above `ppo.target_kl`. Waits for the state."""
        return bool(self._programs["exceeds_target_kl"](state))

    def finish_update(self, state: TrainState, batch: Experience, advantages: jax.Array) -> TrainState:
        """End of the training phase: explained variance, and the learning-rate schedule advances by one rollout."""
        return self._learn("finish_update", state, batch, advantages)

    def metrics(self, state: TrainState, batch: Experience) -> dict[str, jax.Array]:
        """The metrics of `update` after a hand-written loop."""
        return self._programs["metrics"](state, batch)

    def update(self, state: TrainState, batch: Experience) -> tuple[TrainState, dict[str, jax.Array]]:
        """The whole training phase on one rollout."""
        state, written, metrics = self._learn("update", state, batch)
        if written is not None:
            batch = batch.replace(value=written[0], ratio=written[1])
        return state.replace(experience=batch), metrics

    def train_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """`rollout`, then `update`, in one program that donates `state`."""
        return self._programs["train_step"](self.plan.env.params, state)

    def _act(self, name: str, state: TrainState) -> Any:
        """Run a program that changes what a rollout changes; the rest is put back here, which saves a copy of it."""
        kept = {field: getattr(state, field) for field in ROLLOUT_CONSTANTS}
        return _put_back(self._programs[name](self.plan.env.params, state), kept)

    def _learn(self, name: str, state: TrainState, *args: Any) -> Any:
        """Run a program that changes what training changes; the rest never enters it."""
        kept = {field: getattr(state, field) for field in ACTING_FIELDS}
        return _put_back(self._programs[name](state.replace(**dict.fromkeys(ACTING_FIELDS)), *args), kept)

    def __getattr__(self, name: str) -> Any:
        if name in _IN_STATE:
            raise AttributeError(f"TrainingComponents holds no state: read it from the state, {_IN_STATE[name]}")
        raise AttributeError(f"'TrainingComponents' object has no attribute {name!r}")


def _put_back(result: Any, fields: dict[str, Any]) -> Any:
    """The state in `result`, which is one or begins with one, with `fields`."""
    if isinstance(result, TrainState):
        return result.replace(**fields)
    return result[0].replace(**fields), *result[1:]


def _sizes(config: Any) -> tuple[int, int]:
    """Batch and minibatch size, divided by the number of devices if the configuration says so."""
    if not config.scale_batches_by_world_size:
        return config.batch_size, config.minibatch_size
    world_size = jax.device_count()
    return config.batch_size // world_size, config.minibatch_size // world_size


def _one_of(name: str, value: Any, alias: str, alias_value: Any) -> Any:
    if value is not None and alias_value is not None:
        raise ValueError(f"TrainingComponents.create: {name} and {alias} are two names of one argument; give one")
    if value is None and alias_value is None:
        raise ValueError(f"TrainingComponents.create: {name} is missing")
    return alias_value if value is None else value
