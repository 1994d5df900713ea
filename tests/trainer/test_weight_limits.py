"""Bounds of weight clipping belong to a policy: a run started from one clips like the run that made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.rl import TrainingComponents
from metta_jax.store import PolicyStore, save_checkpoint
from metta_jax.trainer import train
from tests.agent.facts import small_config
from tests.rl.test_real_agent import WindowProbe
from tests.rl.training import config
from tests.trainer.test_train import SMALL

NETWORK = {**small_config(), "clip_range": 2.0}
NETWORK["components"]["cnn1"]["nn_params"]["stride"] = 1  # which fits an 11 x 11 window
NETWORK["components"]["_action_embeds_"]["num_embeddings"] = 100


def _grown(params: Any) -> Any:
    return jax.tree.map(lambda leaf: 1.5 * leaf, params)


def test_limits_are_saved_with_the_policy_and_do_not_grow_from_run_to_run(tmp_path: Path) -> None:
    env = WindowProbe(num_envs=8)
    agent, store = Agent(env, NETWORK), PolicyStore(tmp_path)
    training = TrainingComponents.create(env, agent, config(batch_size=128, minibatch_size=64))
    state = training.init(jax.random.key(0))
    first = {name: 2.0 * float(np.abs(state.params[name]["kernel"]).max()) for name in state.weight_limits}
    assert first.keys() == {"cnn1", "encoded_obs", "critic_1", "_value_"}
    for run in range(3):
        assert {name: float(limit) for name, limit in state.weight_limits.items()} == pytest.approx(first, rel=1e-6), (
            run
        )
        state = state.replace(params=_grown(state.params))
        save_checkpoint(state, store, run, agent=agent)
        record = store.load_from_uri(tmp_path / store.make_model_name(run))
        assert record.weight_limits == first
        state = training.init(jax.random.key(run), record.params, record.weight_limits)
    # Parameters alone do not determine it.
    assert float(training.init(jax.random.key(0), state.params).weight_limits["cnn1"]) > 3 * first["cnn1"]


def test_limits_of_other_layers_are_refused() -> None:
    env = WindowProbe(num_envs=8)
    training = TrainingComponents.create(env, Agent(env, NETWORK), config(batch_size=128, minibatch_size=64))
    params = training.plan.agent.init(jax.random.key(0))
    with pytest.raises(ValueError, match=r"weight_limits: \['cnn1'\] are not the layers .*'_value_'"):
        training.init(jax.random.key(0), params, {"cnn1": 1.0})


@pytest.mark.slow
def test_runs_in_a_row_clip_alike(tmp_path: Path) -> None:
    limits, uri = [], None
    for run in range(3):
        options = {**SMALL, "run_dir": str(tmp_path / str(run)), "show_progress": False, "agent": NETWORK}
        if uri is not None:
            options["initial_policy"] = {"uri": uri, "type": "latest"}
        result = train("default", total_timesteps=32, **options)
        limits.append({name: float(limit) for name, limit in result.state.weight_limits.items()})
        uri = result.record.uri
    assert limits[0] == limits[1] == limits[2]
