"""Stable-Baselines3 trains through the adapters, where it is installed; it is not among the test requirements."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest

from metta_jax.adapters import GymnasiumEnv, MultiToDiscreteWrapper
from tests.adapters import worlds

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    stable_baselines3 = pytest.importorskip("stable_baselines3", reason="pip install stable-baselines3")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("discrete", [False, True])
def test_trains(discrete: bool) -> None:
    def make() -> gymnasium.Env:
        env: gymnasium.Env = GymnasiumEnv(worlds.alone())
        if discrete:
            env = MultiToDiscreteWrapper(env)
        return gymnasium.wrappers.FlattenObservation(env)

    model = stable_baselines3.PPO("MlpPolicy", make(), n_steps=250, batch_size=50, n_epochs=1, seed=0)
    model.learn(2000)
    assert model.num_timesteps == 2000
    action, _ = model.predict(np.zeros(72, np.uint8))
    assert np.isfinite(np.asarray(action)).all()
