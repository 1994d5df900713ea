"""The numbers of a training run that can change without compiling anything."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from metta_jax.config import TrainerConfig
from metta_jax.rl.kickstart import Kickstarter


class Hyperparameters(struct.PyTreeNode):
    """An argument of every compiled function, like the `EnvParams` of an environment; float32 [] unless noted.

    A term of the loss that is off is None, so that nothing is computed for it; turning it on recompiles. To train
    runs that differ in numbers as one program, give each leaf a leading axis, see `metta_jax.parallel.population_step`.
    """

    learning_rate: jax.Array
    beta1: jax.Array
    beta2: jax.Array
    eps: jax.Array
    weight_decay: jax.Array
    max_grad_norm: jax.Array
    warmup_rollouts: jax.Array | None  # rollouts in which the learning rate rises; None: no warm-up
    num_rollouts: jax.Array  # of the whole run, at least 1: schedules end there
    gamma: jax.Array
    gae_lambda: jax.Array
    rho_clip: jax.Array
    c_clip: jax.Array
    clip_coef: jax.Array
    vf_clip_coef: jax.Array
    vf_coef: jax.Array
    ent_coef: jax.Array
    l2_reg_loss_coef: jax.Array | None  # None: off
    l2_init_loss_coef: jax.Array | None  # None: off
    target_kl: jax.Array | None  # None: no update ends early
    prio_alpha: jax.Array
    prio_beta0: jax.Array
    grad_stats_interval: (
        jax.Array | None
    )  # int32 [], epochs from one set of gradient statistics to the next; None: never
    kickstarter: Kickstarter


def create_hyperparameters(config: TrainerConfig, batch_size: int, kickstarter: Kickstarter) -> Hyperparameters:
    """The numbers of a TrainerConfig.

    Args:
      config: the TrainerConfig.
      batch_size: agent steps of a rollout, on this device.
      kickstarter: the numbers of the teachers, see `create_kickstarter`.
    """
    ppo, optimizer, vtrace = config.ppo, config.optimizer, config.vtrace
    replay, interval = config.prioritized_experience_replay, config.grad_mean_variance_interval
    return Hyperparameters(
        learning_rate=jnp.float32(optimizer.learning_rate),
        beta1=jnp.float32(optimizer.beta1),
        beta2=jnp.float32(optimizer.beta2),
        eps=jnp.float32(optimizer.eps),
        weight_decay=jnp.float32(optimizer.weight_decay),
        max_grad_norm=jnp.float32(ppo.max_grad_norm),
        warmup_rollouts=_if_used(config.lr_scheduler.warmup_steps),
        num_rollouts=jnp.float32(max(1, config.total_timesteps // batch_size)),
        gamma=jnp.float32(ppo.gamma),
        gae_lambda=jnp.float32(ppo.gae_lambda),
        rho_clip=jnp.float32(vtrace.vtrace_rho_clip),
        c_clip=jnp.float32(vtrace.vtrace_c_clip),
        clip_coef=jnp.float32(ppo.clip_coef),
        vf_clip_coef=jnp.float32(ppo.vf_clip_coef),
        vf_coef=jnp.float32(ppo.vf_coef),
        ent_coef=jnp.float32(ppo.ent_coef),
        l2_reg_loss_coef=_if_used(ppo.l2_reg_loss_coef),
        l2_init_loss_coef=_if_used(ppo.l2_init_loss_coef),
        target_kl=_if_used(ppo.target_kl),
        prio_alpha=jnp.float32(replay.prio_alpha),
        prio_beta0=jnp.float32(replay.prio_beta0),
        grad_stats_interval=jnp.int32(interval) if interval else None,
        kickstarter=kickstarter,
    )


def _if_used(number: float | None) -> jax.Array | None:
    return jnp.float32(number) if number else None
