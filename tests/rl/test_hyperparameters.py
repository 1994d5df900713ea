"""Numbers are data: another value compiles nothing."""

from __future__ import annotations

import functools
import gc
import pickle
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.rl import Teacher, TrainingComponents, compute_advantage
from tests.programs import num_compiled
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config, manual_rollout, manual_update

# Two configurations that differ in every number, and in nothing else.
FIRST: dict[str, Any] = {
    "total_timesteps": 100_000,
    "grad_mean_variance_interval": 1,
    "optimizer": {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.0},
    "lr_scheduler": {"enabled": True, "warmup_steps": 2},
    "prioritized_experience_replay": {"prio_alpha": 0.5, "prio_beta0": 0.6},
    "vtrace": {"vtrace_rho_clip": 1.0, "vtrace_c_clip": 1.0},
    "kickstart": {"kickstart_steps": 1000, "anneal_ratio": 0.5},
    "ppo": {
        "gamma": 0.9,
        "gae_lambda": 0.9,
        "clip_coef": 0.1,
        "vf_clip_coef": 0.1,
        "vf_coef": 0.5,
        "ent_coef": 0.01,
        "max_grad_norm": 0.5,
        "l2_reg_loss_coef": 0.01,
        "l2_init_loss_coef": 0.01,
        "target_kl": 0.5,
    },
}
SECOND: dict[str, Any] = {
    "total_timesteps": 2**40,
    "grad_mean_variance_interval": 3,
    "optimizer": {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.1},
    "lr_scheduler": {"enabled": True, "warmup_steps": 5},
    "prioritized_experience_replay": {"prio_alpha": 0.9, "prio_beta0": 0.3},
    "vtrace": {"vtrace_rho_clip": 2.0, "vtrace_c_clip": 3.0},
    "kickstart": {"kickstart_steps": 2**33 + 1, "anneal_ratio": 0.0},
    "ppo": {
        "gamma": 0.8,
        "gae_lambda": 0.7,
        "clip_coef": 0.3,
        "vf_clip_coef": 0.4,
        "vf_coef": 0.6,
        "ent_coef": 0.05,
        "max_grad_norm": 5.0,
        "l2_reg_loss_coef": 0.02,
        "l2_init_loss_coef": 0.03,
        "target_kl": 0.7,
    },
}


def _training(
    env: ProbeEnv, agent: ProbeAgent, settings: dict[str, Any], coefs: tuple[float, float]
) -> TrainingComponents:
    teacher = Teacher(agent, agent.init(jax.random.key(7)), *coefs)
    return TrainingComponents.create(env, agent, config(**settings), teachers=[teacher])


def test_bundles_that_differ_in_every_number_compile_once() -> None:
    env, agent = ProbeEnv(), ProbeAgent()
    first = _training(env, agent, FIRST, (0.5, 0.25))
    second = _training(env, agent, SECOND, (1.0, 2.0))
    leaves = zip(
        jax.tree_util.tree_leaves_with_path(first.hyperparameters), jax.tree.leaves(second.hyperparameters), strict=True
    )
    same = [jax.tree_util.keystr(path) for (path, x), y in leaves if x == y]
    assert not same, "this test changes every number"

    ends = []
    for training in (first, second):
        state, _ = training.train_step(training.init(jax.random.key(0)))
        state, metrics = manual_update(training, manual_rollout(training, state))
        state, _ = training.update(*training.rollout(state))
        ends.append((state.params["actor"]["kernel"], metrics["parameters/learning_rate"]))
    assert not np.array_equal(ends[0][0], ends[1][0])
    assert float(ends[0][1]) != float(ends[1][1])
    sizes = {name: num_compiled(program) for name, program in vars(first.programs).items()}
    assert max(sizes.values()) == 1, sizes
    assert second.programs is first.programs


def test_another_kind_or_size_recompiles() -> None:
    env, agent = ProbeEnv(), ProbeAgent()
    programs = TrainingComponents.create(env, agent, config()).programs
    assert TrainingComponents.create(env, agent, config()).programs is programs
    for change in ({"update_epochs": 2}, {"minibatch_size": 64}, {"advantage": {"estimator": "gae"}}):
        assert TrainingComponents.create(env, agent, config(**change)).programs is not programs
    assert TrainingComponents.create(env, ProbeAgent(), config()).programs is not programs


def test_programs_go_with_their_environment() -> None:
    env = ProbeEnv()
    training = TrainingComponents.create(env, ProbeAgent(), config())
    training.init(jax.random.key(0))
    copied = pickle.loads(pickle.dumps(env))
    assert TrainingComponents.create(copied, training.plan.agent, config()).programs is not training.programs
    gone = weakref.ref(env)
    del env, training
    gc.collect()
    assert gone() is None


def test_functions_that_cannot_be_compared_share_nothing() -> None:
    """An array in a `functools.partial` has no hash; 1 and 1.0 are equal, but their programs are not."""
    env, agent = ProbeEnv(), ProbeAgent()

    def programs(advantage_fn: Any) -> Any:
        return TrainingComponents.create(env, agent, config(), advantage_fn=advantage_fn).programs

    weighted = functools.partial(compute_advantage, weight=jnp.ones((2,)))
    assert programs(weighted) is not programs(weighted)
    whole, real = (functools.partial(compute_advantage, unroll=unroll) for unroll in (1, 1.0))
    assert programs(whole) is not programs(real)
    assert programs(whole) is programs(functools.partial(compute_advantage, unroll=1))
