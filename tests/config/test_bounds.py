"""What a configuration accepts must not turn parameters into NaN, or end in an overflow somewhere inside."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metta_jax.config import AgentConfig, ConfigError, KickstartConfig, OptimizerConfig, PPOConfig, TrainerConfig
from metta_jax.config.fields import Bounds
from metta_jax.rl import create_optimizer
from tests.mettagrid.small_world import game_config


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: OptimizerConfig(beta1=1.0), "beta1: 1 is not at least 0 and below 1"),
        (lambda: OptimizerConfig(beta2=1), "beta2: 1 is not at least 0 and below 1"),
        (lambda: OptimizerConfig(beta2=0.99999999), "beta2: 0.99999999 is not at least 0 and below 1. .* float32"),
        (lambda: OptimizerConfig(beta1=1e300), r"beta1: 1e\+300 is not at least 0 and below 1"),
        (lambda: OptimizerConfig(eps=1e-30), r"eps: 1e-30 is not in 1e-18..1"),
        (lambda: OptimizerConfig(weight_decay=1e39), r"weight_decay: 1e\+39 is not in 0..2"),
        (lambda: PPOConfig(vf_coef=1e39), r"vf_coef: 1e\+39 is not at most 1000000"),
        (lambda: PPOConfig(max_grad_norm=1e39), r"max_grad_norm: 1e\+39 is not in 1.17.*e-38..3.40.*e\+38"),
        (lambda: PPOConfig(target_kl=1e-60), r"target_kl: 1e-60 is not in 1.17.*e-38"),
        (lambda: KickstartConfig(value_loss_coef=1e7), "value_loss_coef: 10000000 is not at most 1000000"),
        (lambda: TrainerConfig(update_epochs=2**31), "update_epochs: 2147483648 is not at most 2147483647"),
        (lambda: TrainerConfig(grad_mean_variance_interval=2**40), "grad_mean_variance_interval: 1099511627776 is not"),
        (lambda: AgentConfig(l2_init_weight_update_interval=2**31), "l2_init_weight_update_interval: 2147483648 is"),
        (lambda: game_config(num_observation_tokens=2**31), "num_observation_tokens: 2147483648 is not at most 131072"),
        (lambda: _rewarded(inventory={"ore": 1e300}), r"agent.rewards.inventory.ore: 1e\+300 is not in -1000000000"),
        (lambda: _rewarded(stats={"ore.get": -1e10}), r"agent.rewards.stats.ore.get: -10000000000 is not in"),
    ],
)
def test_refuses(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        build()


def _rewarded(**rewards: Any) -> Any:
    return game_config(agent={"rewards": rewards})


@pytest.mark.parametrize("kind", ["adam", "muon"])
@pytest.mark.parametrize("beta", [0.0, float(np.nextafter(np.float32(1), np.float32(0)))])
@pytest.mark.parametrize(("eps", "weight_decay"), [(1e-18, 0.0), (1e-18, 2.0), (1.0, 2.0)])
def test_the_largest_and_smallest_that_an_optimizer_takes(
    kind: str, beta: float, eps: float, weight_decay: float
) -> None:
    config = OptimizerConfig.model_validate(
        {"type": kind, "beta1": beta, "beta2": beta, "eps": eps, "weight_decay": weight_decay, "learning_rate": 1.0}
    )
    optimizer = create_optimizer(**{name: getattr(config, name) for name in _OPTIMIZER_FIELDS})
    params = {"hidden": {"kernel": jnp.eye(3)}, "bias": jnp.ones((4,))}
    state = optimizer.init(params)
    for size in (0.0, 1e-25, 1e-18, 1.0):
        grads = jax.tree.map(lambda leaf, size=size: jnp.full_like(leaf, size), params)
        updates, state = optimizer.update(grads, state, params, learning_rate=jnp.float32(1.0))
        params = jax.tree.map(jnp.add, params, updates)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
    assert max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(params)) < 100


_OPTIMIZER_FIELDS = ("type", "beta1", "beta2", "eps", "weight_decay")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_below_holds_for_32_bits(value: float) -> None:
    bounds = Bounds(at_least=0, below=1)
    if value >= 0 and np.float32(min(value, 2.0)) < 1:
        assert bounds.check(value) == value
    else:
        with pytest.raises(Exception, match="is not at least 0 and below 1"):
            bounds.check(value)
