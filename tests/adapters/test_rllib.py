"""RLlib trains through the adapters, where it is installed; it is not among the test requirements."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest

from metta_jax.adapters import GymnasiumEnv
from tests.adapters import worlds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    rllib_ppo: Any = pytest.importorskip("ray.rllib.algorithms.ppo", reason="pip install ray[rllib] torch")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trains() -> None:
    def make(_: Any) -> gymnasium.Env:
        env = gymnasium.wrappers.FlattenObservation(GymnasiumEnv(worlds.alone()))
        return gymnasium.wrappers.DtypeObservation(env, np.float32)  # its networks take no bytes

    ray: Any = pytest.importorskip("ray")
    ray.init(
        _node_ip_address="127.0.0.1", num_cpus=1, include_dashboard=False, log_to_driver=False, ignore_reinit_error=True
    )
    try:
        ray.tune.registry.register_env("metta_jax_alone", make)
        config = (
            rllib_ppo.PPOConfig()
            .environment("metta_jax_alone")
            .env_runners(num_env_runners=0)
            .training(train_batch_size=1000, minibatch_size=250, num_epochs=1)
        )
        algorithm = config.build_algo()
        steps = sum(algorithm.train()["env_runners"]["num_env_steps_sampled"] for _ in range(2))
        algorithm.stop()
    finally:
        ray.shutdown()
    assert steps >= 2000
