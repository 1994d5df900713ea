"""A user's own Flax module in the place of a configuration."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent, Architecture, ArchitectureOutput
from tests.agent.facts import apply, random_observations, small_env


class Counter(nn.Module):
    """Sums the values of all tokens since the last reset; its state says how many steps that were."""

    num_actions: int | None = None
    hidden_size: int = 1
    num_layers: int = 1

    @nn.compact
    def __call__(self, observation: jax.Array, recurrent: Any, reset: jax.Array) -> Any:
        known = jnp.where(observation[..., 0] == 255, 0, observation[..., 2]).astype(jnp.float32)
        total = jnp.sum(known, axis=-1)  # [B, T]

        def step(state: Any, inputs: Any) -> Any:
            value, reset = inputs
            h = jnp.where(reset, 0.0, state[0][0, :, 0]) + value
            c = jnp.where(reset, 0.0, state[1][0, :, 0]) + 1.0
            return (h[None, :, None], c[None, :, None]), h

        recurrent, sums = jax.lax.scan(step, recurrent, (total.T, reset.T))
        features = nn.Dense(3)(sums.T[..., None] / 100)
        if self.num_actions is None:
            return ArchitectureOutput(value=sums.T, features=features), recurrent
        return ArchitectureOutput(value=sums.T[..., None], logits=nn.Dense(self.num_actions)(features)), recurrent


@pytest.mark.parametrize("num_actions", [None, 5])
def test_acts_and_evaluates(num_actions: int | None) -> None:
    module = Counter(num_actions)
    assert isinstance(module, Architecture)
    agent = Agent(small_env(), module)
    params = agent.init(jax.random.key(0))
    assert set(params) == ({"architecture"} if num_actions else {"architecture", "_action_embeds_", "_action_"})
    observation = random_observations(0, (2, 3), 12, 16, 5)
    reset = np.asarray([[False, False, True], [False, False, False]])
    action = jnp.zeros((2, 3, 2), jnp.int32)
    (_, logprob, _, value, _), (h, c) = apply(agent, params, observation, action=action, reset=reset)
    totals = np.where(observation[..., 0] == 255, 0, observation[..., 2]).sum(-1)
    expected = np.cumsum(totals, axis=1)
    expected[0, 2] = totals[0, 2]
    np.testing.assert_array_equal(value[:, 0], expected.reshape(-1))
    assert c[0, :, 0].tolist() == [1, 3]
    state, logprobs = agent.initial_state(2), []
    for step in range(3):
        outputs, state = apply(agent, params, observation[:, step], state, reset=reset[:, step], greedy=True)
        log_probs = outputs.log_probs
        logprobs.append(log_probs[:, 0])
    np.testing.assert_allclose(logprob, np.stack(logprobs, 1).reshape(-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(h, state[0])


def test_sees_its_own_features_and_has_parameter_layers() -> None:
    first = Agent(small_env(), Counter())
    params = first.init(jax.random.key(0))
    shifted = {name: {**entry, "id": entry["id"] + 1} for name, entry in small_env().get_observation_features().items()}
    bound = first.bind(small_env(features={"new": {"id": 0, "normalization": 1.0}, **shifted}))
    observation = np.full((1, 12, 3), 255, np.uint8)
    observation[0, :2] = [(0x22, 0, 100), (0x22, 1, 7)]
    (_, _, _, value, _), _ = apply(bound, params, observation, greedy=True)
    assert float(value[0, 0]) == 7, "the token of the unknown feature is padding"
    assert [layer.path for layer in first.parameter_layers] == [
        ("_action_", "kernel"),
        ("architecture", "Dense_0", "kernel"),
    ]
    assert set(first.weight_limits(params)) == set()


class Stateless(nn.Module):
    hidden_size: int = 0
    num_layers: int = 0
    both: bool = False
    counted: bool = False

    @nn.compact
    def __call__(self, observation: jax.Array, recurrent: Any, reset: jax.Array) -> Any:
        if self.counted:
            self.variable("batch_stats", "mean", lambda: jnp.zeros(3))
        rows = reset.size
        features = jnp.ones((rows, 2))
        logits = jnp.ones((rows, 5)) if self.both else None
        return ArchitectureOutput(value=jnp.zeros(rows), features=features, logits=logits), recurrent


def test_a_network_without_state() -> None:
    agent = Agent(small_env(), Stateless())
    assert agent.initial_state(4)[0].shape == (0, 4, 0)
    params = agent.init(jax.random.key(0))
    (action, *_), _ = apply(agent, params, random_observations(0, (4,), 12, 16, 5), key=jax.random.key(0))
    assert action.shape == (4, 2)


def test_modules_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="Dense: needs the whole numbers hidden_size and num_layers"):
        Agent(small_env(), nn.Dense(3))
    with pytest.raises(ValueError, match="architecture: must return either logits or features"):
        Agent(small_env(), Stateless(both=True)).init(jax.random.key(0))
    with pytest.raises(ValueError, match="Stateless: has the variables batch_stats; an agent has no hidden state"):
        Agent(small_env(), Stateless(counted=True)).init(jax.random.key(0))
