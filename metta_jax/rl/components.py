"""The calls of a training loop, bundled with everything static that they need."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import jax
import jax.numpy as jnp
import optax

from metta_jax.agent import Agent, Policy, SavedPolicies, SavedPolicy
from metta_jax.agent.device import device_name, device_of
from metta_jax.config import TrainerConfig
from metta_jax.core.device import Device
from metta_jax.mettagrid import BatchEnv
from metta_jax.mettagrid.arguments import check_key
from metta_jax.monitor import Stopwatch
from metta_jax.rl.arguments import check_params, check_state
from metta_jax.rl.contracts import AdvantageFn, DrawFn, LossFn
from metta_jax.rl.hyperparameters import Hyperparameters
from metta_jax.rl.kickstart import Kickstarter, Teacher
from metta_jax.rl.make_plan import make_plan
from metta_jax.rl.minibatch import minibatch_loss
from metta_jax.rl.parameter_layers import check_weight_limits
from metta_jax.rl.place import put_beside
from metta_jax.rl.plan import TrainingPlan
from metta_jax.rl.programs import ACTING_FIELDS, ROLLOUT_CONSTANTS, Programs, programs_of
from metta_jax.rl.rollout_stats import Infos, accumulate_rollout_stats, episode_stats
from metta_jax.rl.sampling import draw_prioritized
from metta_jax.rl.train_state import Experience, Minibatch, MinibatchLoss, Params, TrainState

_Tree = TypeVar("_Tree")
_Given = TypeVar("_Given")

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
    config: TrainerConfig
    timer: Stopwatch
    programs: Programs = field(repr=False)  # the jitted functions, to look at what was compiled (`lower`)

    @classmethod
    def create(
        cls,
        env: BatchEnv | None = None,
        agent: Policy | None = None,
        trainer_config: TrainerConfig | None = None,
        policy_store: SavedPolicies | None = None,
        teachers: Sequence[Teacher | tuple[Policy, Params] | SavedPolicy] = (),
        *,
        vecenv: BatchEnv | None = None,
        policy: Policy | None = None,
        accumulate_minibatches: int = 1,
        optimizer: optax.GradientTransformation | None = None,
        loss_fn: LossFn = minibatch_loss,
        advantage_fn: AdvantageFn | None = None,
        draw_fn: DrawFn = draw_prioritized,
        device: Device | str | None = None,
    ) -> TrainingComponents:
        """Bind the training functions to an environment, an agent and a TrainerConfig.

        Args:
          env: an Environment, or a `BatchEnv` of your own; `vecenv` is another name.
          agent: an Agent bound to it, or a `Policy` of your own; `policy` is another name.
          trainer_config: a TrainerConfig.
          policy_store: loads the teachers that `trainer_config.kickstart` names; not needed otherwise.
          teachers: `Teacher`s, (agent, params) pairs or policy records. They are bound to the environment by name.
            A `Teacher` without coefficients, a pair and a record get those of `trainer_config.kickstart`.
          accumulate_minibatches: minibatches per optimizer step in `update`.
          optimizer: any optax transformation, in place of `trainer_config.optimizer` and its schedule. Gradients are
            averaged and clipped before it; `learning_rate=`, the config's, is passed to those that take it.
          loss_fn: what is differentiated, in place of `minibatch_loss`.
          advantage_fn: in place of `compute_advantage` with the config's estimator.
          draw_fn: rows of a minibatch, in place of `draw_prioritized`.
          device: where the run should compute, as in `Environment`. The environment decides; this is only a check.

        Raises:
          ValueError: an env or agent that lacks an attribute, sizes that do not fit, a policy or teacher made for
            another environment, an agent or environment on another device, both names of one argument, or something
            else in the place of an argument.
        """
        env = _one_of("env", env, "vecenv", vecenv)
        agent = _one_of("agent", agent, "policy", policy)
        config = _one_of("trainer_config", trainer_config, "trainer_config", None)
        plan = make_plan(
            env,
            agent,
            config,
            policy_store,
            teachers,
            accumulate_minibatches=accumulate_minibatches,
            optimizer=optimizer,
            loss_fn=loss_fn,
            advantage_fn=advantage_fn,
            draw_fn=draw_fn,
            device=device,
        )
        return cls(plan=plan, config=config, timer=Stopwatch(), programs=programs_of(plan))

    def with_plan(self, **fields: Any) -> TrainingComponents:
        """The same functions under a plan with other `fields` of `TrainingPlan`.

        They recompile unless only `hyperparameters` differ. Only these fields change: what `create` made of the
        configuration stays unchanged.
        """
        plan = dataclasses.replace(self.plan, **fields)
        return dataclasses.replace(self, plan=plan, programs=programs_of(plan))

    def __repr__(self) -> str:
        layout, agent = self.plan.layout, self.plan.agent
        name = type(agent).__name__
        if isinstance(agent, Agent) and agent.config is not None:
            name = agent.config.preset or name
        return (
            f"TrainingComponents({name}, {layout.num_agents} agents in {self.plan.env.num_envs} environments):\n"
            f"    batches of {layout.batch_size:,} agent steps in rows of {layout.horizon}, {self.num_minibatches} "
            f"minibatches, {self.config.update_epochs} epochs"
        )

    # -- static facts ---------------------------------------------------------------------------------------------

    @property
    def num_minibatches(self) -> int:
        """Minibatches per update epoch."""
        return self.plan.layout.num_minibatches

    @property
    def segments(self) -> int:
        """Rows of the experience buffer."""
        return self.plan.layout.num_rows

    @property
    def minibatch_segments(self) -> int:
        """Rows of one minibatch."""
        return self.plan.layout.rows_per_minibatch

    @property
    def accumulate_minibatches(self) -> int:
        """Minibatches per optimizer step."""
        return self.plan.layout.accumulate_minibatches

    @property
    def optimizer(self) -> optax.GradientTransformationExtraArgs:
        """`optimizer.update(grads, state.opt_state, params, learning_rate=...)`."""
        return self.plan.optimizer

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The numbers of the run, an argument of its compiled functions."""
        return self.plan.hyperparameters

    @property
    def kickstarter(self) -> Kickstarter:
        """The kickstart loss as a pure function."""
        return self.hyperparameters.kickstarter

    @property
    def device(self) -> Device | None:
        """Where the run is: the jax.Device that its environment was put on by name; None: JAX's default."""
        return device_of(self.plan.env.params)

    # -- state ----------------------------------------------------------------------------------------------------

    def init(
        self, key: jax.Array, params: Params | None = None, weight_limits: Mapping[str, float] | None = None
    ) -> TrainState:
        """The state before the first rollout: fresh environments and counters; consumes `key`.

        Args:
          params: parameters to start from, those of a loaded policy; None for fresh ones. They come to the
            environment's device, wherever they are.
          weight_limits: bounds of weight clipping by layer, `record.weight_limits` of that policy. None: from the
            parameters, which is right for untrained ones.

        Raises:
          ValueError: limits of other layers than the agent clips; no key, or no parameters.
        """
        check_key(key)
        check_params(params)
        limits = None
        if weight_limits is not None:
            limits = {name: jnp.float32(limit) for name, limit in weight_limits.items()}
            check_weight_limits(self.plan.agent, limits)
        given = tuple(teacher.params for teacher in self.plan.teachers), key, params, limits
        given = put_beside(self.plan.env.params, given)
        return self.programs.init(self.hyperparameters, self.plan.env.params, *given)

    def state_shapes(self) -> TrainState:
        """A `jax.ShapeDtypeStruct` of each array of a state, with its place if there is one; computes nothing."""
        shapes = jax.eval_shape(self.init, jax.random.key(0))
        sharding = None if self.device is None else jax.sharding.SingleDeviceSharding(self.device)
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), shapes)

    def place(self, tree: _Tree) -> _Tree:
        """A state, or parameters, on the device of the environment; what is there already is not copied.

        If the environment was not put on a device by name, that is JAX's default; what is on several devices stays.
        """
        return put_beside(self.plan.env.params, tree)

    def whole(self, tree: _Tree) -> _Tree:
        """Return `tree` itself: this process can read all of its arrays."""
        return tree

    def split_key(self, state: TrainState) -> tuple[TrainState, jax.Array]:
        """A key for one use, and the state that will never give it again."""
        key, used = self.programs.split_key(self.hyperparameters, state.key)
        return state.replace(key=key), used

    # -- rollout --------------------------------------------------------------------------------------------------

    def reset_for_rollout(self, state: TrainState) -> TrainState:
        """Write from the first slot again; environments and recurrent states continue."""
        return self._act("reset_for_rollout", state)

    def is_ready_for_training(self, state: TrainState) -> bool:
        """Whether the buffer is full. Waits for the state."""
        return int(state.position) >= self.plan.layout.num_slots

    def rollout_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """One policy step in all environments; `unpack_infos(info)` gives the ended episodes as a list of dicts."""
        return self._act("rollout_step", state)

    def rollout(self, state: TrainState) -> tuple[TrainState, Experience]:
        """`reset_for_rollout` and all steps in one program. The batch is also `state.experience`."""
        check_state(state)
        # The old buffer is overwritten as a whole: without it the program has nothing to copy.
        state = self._act("rollout", state.replace(experience=None))
        return state, state.experience

    def accumulate_stats(self, stats: Mapping[str, list[Any]] | None, infos: Infos) -> dict[str, list[Any]]:
        """The lists of `stats` extended by `infos`: one info of `rollout_step`, a list of them or of dicts."""
        return accumulate_rollout_stats(infos, stats)

    def episode_stats(self, state: TrainState) -> dict[str, float]:
        """Statistics of the episodes that ended in the last rollout, by name; for `accumulate_stats`. Waits for it.

        agent/<statistic>, means over agents and episodes; attributes/steps; without a curriculum also
        task_reward/<world>/rewards.mean (with one, metrics have it of every task). {} if no episode ended.
        """
        names = self.plan.env.task_names
        return episode_stats(
            self.whole(state.episodes), self.plan.env.agent_stat_names, names[0] if len(names) == 1 else None
        )

    # -- training -------------------------------------------------------------------------------------------------

    def reset_training_state(self, state: TrainState) -> TrainState:
        """Loss sums start at 0."""
        return self._learn("reset_training_state", state)

    def compute_advantages(self, batch: Experience) -> jax.Array:
        """Advantages of the whole rollout with importance 1, float32 [S, T]."""
        return self.programs.compute_advantages(self.hyperparameters, batch)

    def anneal_beta(self, state: TrainState) -> jax.Array:
        """The beta of the next update, float32 [] in 0..1: what `update` itself takes for `sample_minibatch`."""
        return self.programs.anneal_beta(self.hyperparameters, state.epoch)

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
        beta = jnp.asarray(anneal_beta, jnp.float32)
        return self.programs.sample_minibatch(self.hyperparameters, key, batch, advantages, beta)

    def shuffle_rows(self, key: jax.Array) -> jax.Array:
        """The rows of each minibatch of an epoch for `minibatch_rows` "shuffled", int32 [minibatches, rows]."""
        return self.programs.shuffle_rows(self.hyperparameters, key)

    def take_minibatch(self, key: jax.Array, batch: Experience, advantages: jax.Array, rows: jax.Array) -> Minibatch:
        """The given rows, one of `shuffle_rows`; consumes `key`, from which dropout draws."""
        return self.programs.take_minibatch(self.hyperparameters, key, batch, advantages, rows)

    def train_minibatch(self, state: TrainState, minibatch: Minibatch) -> tuple[TrainState, MinibatchLoss]:
        """Forward and backward pass; the gradient is added to `state.grads`, the loss parts to `state.losses`."""
        return self._learn("train_minibatch", state, minibatch)

    def write_back(self, batch: Experience, minibatch: Minibatch, loss: MinibatchLoss) -> Experience:
        """The batch with the new values and ratios of the minibatch's rows (`value_write_back`)."""
        return self.programs.write_back(self.hyperparameters, batch, minibatch, loss)

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
        return bool(self.programs.exceeds_target_kl(self.hyperparameters, state))

    def finish_update(self, state: TrainState, batch: Experience, advantages: jax.Array) -> TrainState:
        """End of the training phase: explained variance, and the learning-rate schedule advances by one rollout."""
        return self._learn("finish_update", state, batch, advantages)

    def metrics(self, state: TrainState, batch: Experience) -> dict[str, jax.Array]:
        """The metrics of `update` after a hand-written loop."""
        return self.programs.metrics(self.hyperparameters, state, batch)

    def update(self, state: TrainState, batch: Experience) -> tuple[TrainState, dict[str, jax.Array]]:
        """The whole training phase on one rollout."""
        state, written, metrics = self._learn("update", state, batch)
        if written is not None:
            batch = batch.replace(value=written[0], ratio=written[1])
        return state.replace(experience=batch), metrics

    def train_step(self, state: TrainState) -> tuple[TrainState, dict[str, jax.Array]]:
        """`rollout`, then `update`, in one program that donates `state`."""
        self._check_place(state)
        return self.programs.train_step(self.hyperparameters, self.plan.env.params, state)

    def _act(self, name: str, state: TrainState) -> Any:
        """Run a program that changes what a rollout changes; the rest is put back here, which saves a copy of it."""
        self._check_place(state)
        kept = {field: getattr(state, field) for field in ROLLOUT_CONSTANTS}
        return _put_back(getattr(self.programs, name)(self.hyperparameters, self.plan.env.params, state), kept)

    def _learn(self, name: str, state: TrainState, *args: Any) -> Any:
        """Run a program that changes what training changes; the rest never enters it."""
        check_state(state)
        kept = {field: getattr(state, field) for field in ACTING_FIELDS}
        learning = state.replace(**dict.fromkeys(ACTING_FIELDS))
        return _put_back(getattr(self.programs, name)(self.hyperparameters, learning, *args), kept)

    def _check_place(self, state: TrainState) -> None:
        """One array shows where a state is. JAX would also name arrays that were never placed explicitly."""
        check_state(state)
        there, here = device_of(state.agent_step), self.device
        if there is not None and here is not None and there != here:
            raise ValueError(
                f"device: the state is on {device_name(there)}, the environment on {device_name(here)}; bring it "
                "there: state = training.place(state)"
            )

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute

        def __getattr__(self, name: str) -> NoReturn:
            if name in _IN_STATE:
                raise AttributeError(f"TrainingComponents holds no state: read it from the state, {_IN_STATE[name]}")
            raise AttributeError(f"'TrainingComponents' object has no attribute {name!r}")


def _put_back(result: Any, fields: dict[str, Any]) -> Any:
    """The state in `result`, which is one or begins with one, with `fields`."""
    if isinstance(result, TrainState):
        return result.replace(**fields)
    return result[0].replace(**fields), *result[1:]


def _one_of(name: str, value: _Given | None, alias: str, alias_value: _Given | None) -> _Given:
    if value is not None and alias_value is not None:
        raise ValueError(f"TrainingComponents.create: {name} and {alias} are two names of one argument; give one")
    if value is None and alias_value is None:
        raise ValueError(f"TrainingComponents.create: {name} is missing")
    found = alias_value if value is None else value
    assert found is not None
    return found
