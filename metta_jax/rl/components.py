"""The calls of a training loop, bundled with everything static that they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import optax

from metta_jax.monitor import Stopwatch
from metta_jax.rl import rollout as rollout_functions
from metta_jax.rl import update as update_functions
from metta_jax.rl.experience import create_experience, write_back
from metta_jax.rl.kickstart import Kickstarter, collect_teachers, create_kickstarter
from metta_jax.rl.optimizer import create_optimizer
from metta_jax.rl.parameter_layers import layer_weights, weight_limits
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.policy_checks import validate_policy_environment_match
from metta_jax.rl.replay.layout import create_layout
from metta_jax.rl.rollout_stats import accumulate_rollout_stats
from metta_jax.rl.schedules import schedule_name
from metta_jax.rl.train_state import (
    Experience,
    Minibatch,
    MinibatchLoss,
    StepCounter,
    TrainState,
    no_gradient_stats,
    zero_episodes,
    zero_gradients,
    zero_losses,
)

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
    state: the memory is reused and the old state, with its experience, cannot be read afterwards.
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
    ) -> TrainingComponents:
        """Bind the training functions to an environment, an agent and a TrainerConfig.

        Args:
            env: a VectorEnv or Environment; `vecenv` is another name.
            agent: an Agent bound to it; `policy` is another name.
            trainer_config: a TrainerConfig.
            policy_store: loads the teachers that `trainer_config.kickstart` names; not needed otherwise.
            teachers: `Teacher`s, (agent, params) pairs or policy records, bound to the environment.
            accumulate_minibatches: minibatches per optimizer step in `update`.

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
            num_rollouts=max(1, config.total_timesteps // config.batch_size),
        )
        return cls(plan=plan, timer=Stopwatch(), _programs=_compile(plan))

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
        return self._programs["split_key"](state)

    # -- rollout --------------------------------------------------------------------------------------------------

    def reset_for_rollout(self, state: TrainState) -> TrainState:
        """Write from the first slot again; environments and recurrent states go on."""
        return self._programs["reset_for_rollout"](state)

    def is_ready_for_training(self, state: TrainState) -> bool:
        """Whether the buffer is full. Waits for the state."""
        return int(state.position) >= self.plan.layout.num_slots

    def rollout_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """One policy step in all environments; `unpack_infos(info)` gives the ended episodes as a list of dicts."""
        return self._programs["rollout_step"](self.plan.env.params, state)

    def rollout(self, state: TrainState) -> tuple[TrainState, Experience]:
        """`reset_for_rollout` and all steps in one program. The batch is also `state.experience`."""
        # The old buffer is overwritten as a whole: without it the program has nothing to copy.
        state = self._programs["rollout"](self.plan.env.params, state.replace(experience=None))
        return state, state.experience

    def accumulate_stats(self, stats: Mapping[str, list[Any]] | None, infos: Any) -> dict[str, list[Any]]:
        """The lists of `stats` extended by `infos`: one info of `rollout_step`, a list of them or of dicts."""
        return accumulate_rollout_stats(infos, stats)

    # -- training -------------------------------------------------------------------------------------------------

    def reset_training_state(self, state: TrainState) -> TrainState:
        """Loss sums start at 0."""
        return self._programs["reset_training_state"](state)

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
        return self._programs["train_minibatch"](state, minibatch)

    def write_back(self, batch: Experience, minibatch: Minibatch, loss: MinibatchLoss) -> Experience:
        """The batch with the new values and ratios of the minibatch's rows (`value_write_back`)."""
        return self._programs["write_back"](batch, minibatch, loss)

    def optimize_step(self, state: TrainState, accumulate_steps: int = 1) -> TrainState:
        """One optimizer step if `accumulate_steps` (at least 1) gradients are in, else the same state."""
        if accumulate_steps < 1:
            raise ValueError(f"accumulate_steps: {accumulate_steps} is not at least 1")
        return self._programs["optimize_step"](state, jnp.int32(accumulate_steps))

    def finish_epoch(self, state: TrainState) -> TrainState:
        """End of an update epoch: `epoch` + 1, and the reference weights of l2_init_loss if they are due."""
        return self._programs["finish_epoch"](state)

    def exceeds_target_kl(self, state: TrainState) -> bool:
        """Whether the mean approx_kl so far is above `ppo.target_kl`. Waits for the state."""
        return bool(self._programs["exceeds_target_kl"](state))

    def finish_update(self, state: TrainState, batch: Experience, advantages: jax.Array) -> TrainState:
        """End of the training phase: explained variance, and the learning-rate schedule advances by one rollout."""
        return self._programs["finish_update"](state, batch, advantages)

    def metrics(self, state: TrainState, batch: Experience) -> dict[str, jax.Array]:
        """The metrics of `update` after a hand-written loop."""
        return self._programs["metrics"](state, batch)

    def update(self, state: TrainState, batch: Experience) -> tuple[TrainState, dict[str, jax.Array]]:
        """The whole training phase on one rollout."""
        state, written, metrics = self._programs["update"](state.replace(experience=None), batch)
        if written is not None:
            batch = batch.replace(value=written[0], ratio=written[1])
        return state.replace(experience=batch), metrics

    def train_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """`rollout`, then `update`, in one program that donates `state`."""
        return self._programs["train_step"](self.plan.env.params, state)

    def __getattr__(self, name: str) -> Any:
        if name in _IN_STATE:
            raise AttributeError(f"TrainingComponents holds no state: read it from the state, {_IN_STATE[name]}")
        raise AttributeError(f"'TrainingComponents' object has no attribute {name!r}")


def _compile(plan: TrainingPlan) -> dict[str, Callable[..., Any]]:
    """The jitted functions, each its own object: `jit` shares what it compiled between equal functions.

    Nothing is traced before the first call.
    """

    def bind(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: function(plan, *args)

    def rollout(env_params: Any, state: TrainState) -> TrainState:
        return rollout_functions.perform_rollout(
            plan, env_params, state.replace(experience=_empty(plan, state.observation, state.recurrent))
        )

    def update(state: TrainState, batch: Experience) -> tuple[TrainState, Any, dict[str, jax.Array]]:
        state, batch, metrics = update_functions.update(plan, state, batch)
        return state, (batch.value, batch.ratio) if plan.config.value_write_back else None, metrics

    def train_step(env_params: Any, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        state = rollout_functions.perform_rollout(plan, env_params, state)
        batch = state.experience
        state, batch, metrics = update_functions.update(plan, state.replace(experience=None), batch)
        return state.replace(experience=batch), metrics

    return {
        "init": jax.jit(bind(init_state)),
        "split_key": jax.jit(lambda state: update_functions.split_key(state)),
        "reset_for_rollout": jax.jit(bind(rollout_functions.reset_for_rollout)),
        "rollout_step": jax.jit(bind(rollout_functions.perform_rollout_step)),
        "rollout": jax.jit(rollout),
        "reset_training_state": jax.jit(lambda state: update_functions.reset_training_state(state)),
        "compute_advantages": jax.jit(bind(update_functions.compute_advantages)),
        "sample_minibatch": jax.jit(bind(update_functions.sample_minibatch)),
        "train_minibatch": jax.jit(bind(update_functions.train_minibatch)),
        "write_back": jax.jit(lambda batch, minibatch, loss: write_back(batch, minibatch, loss)),
        "optimize_step": jax.jit(bind(update_functions.optimize_step)),
        "finish_epoch": jax.jit(bind(update_functions.finish_epoch)),
        "exceeds_target_kl": jax.jit(bind(update_functions.exceeds_target_kl)),
        "finish_update": jax.jit(bind(update_functions.finish_update)),
        "metrics": jax.jit(bind(update_functions.update_metrics)),
        "update": jax.jit(update),
        "train_step": jax.jit(train_step, donate_argnums=1),
    }


def init_state(
    plan: TrainingPlan, env_params: Any, teacher_params: tuple[Any, ...], key: jax.Array, params: Any = None
) -> TrainState:
    """The state before the first rollout; `params` None for fresh ones."""
    agent_key, env_key, run_key = jax.random.split(key, 3)
    params = plan.agent.init(agent_key) if params is None else params
    env_state, timestep = plan.env.reset(env_params, env_key)
    num_agents = plan.layout.num_agents
    observation = timestep.observation.reshape(num_agents, *timestep.observation.shape[2:])
    recurrent = plan.agent.initial_state(num_agents)
    return TrainState(
        params=params,
        opt_state=plan.optimizer.init(params),
        grads=zero_gradients(params),
        env_state=env_state,
        observation=observation,
        reward=jnp.zeros((num_agents,), jnp.float32),
        done=jnp.zeros((num_agents,), jnp.float32),
        truncated=jnp.zeros((num_agents,), jnp.float32),
        final_value=jnp.zeros((num_agents,), jnp.float32),
        recurrent=recurrent,
        experience=_empty(plan, observation, recurrent),
        position=jnp.zeros((), jnp.int32),
        losses=zero_losses(),
        gradient_stats=no_gradient_stats(),
        l2_init=layer_weights(plan.agent, params) if plan.uses_reference_weights else {},
        weight_limits=weight_limits(plan.agent, params),
        teacher_params=teacher_params,
        teacher_recurrent=tuple(teacher.agent.initial_state(num_agents) for teacher in plan.teachers),
        episodes=zero_episodes(plan.num_envs, plan.agents_per_env),
        curriculum=(),
        key=run_key,
        agent_step=StepCounter.create(0),
        epoch=jnp.zeros((), jnp.int32),
        rollout_count=jnp.zeros((), jnp.int32),
        num_skipped_steps=jnp.zeros((), jnp.int32),
    )


def _empty(plan: TrainingPlan, observation: jax.Array, recurrent: Any) -> Experience:
    return create_experience(
        plan.layout,
        observation,
        recurrent,
        num_flat_actions=plan.agent.num_flat_actions,
        num_teachers=len(plan.teachers),
    )


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
