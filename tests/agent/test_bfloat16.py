"""What stays exact in a bfloat16 agent: heads and memory, and that acting and training run the same policy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from tests.agent.facts import facts_env, random_observations, randomize, small_config, small_env

ROWS, STEPS = 28, 6


def test_a_fresh_policy_tells_observations_apart() -> None:
    """Heads in bfloat16 gave 2 distinct values for 28 observations."""
    env = facts_env()
    agent = Agent(env, "fast", dtype="bfloat16")
    params = agent.init(jax.random.key(0))
    obs = jnp.asarray(random_observations(0, (ROWS,), 200, 24, 11))
    outputs, _ = jax.jit(lambda p, o: agent.apply(p, o, greedy=True))(params, obs)
    assert len(np.unique(np.asarray(outputs.value))) == ROWS
    assert len(np.unique(np.asarray(outputs.log_probs), axis=0)) == ROWS
    # The heads compute in float32 what they are given: more digits than bfloat16 has.
    assert (np.asarray(outputs.value.astype(jnp.bfloat16).astype(jnp.float32)) != np.asarray(outputs.value)).any()


@pytest.mark.parametrize("network", ["box", "tokens"])
def test_one_step_at_a_time_is_the_unrolled_policy(network: str) -> None:
    """So that the first ratio of PPO is 1: with decided policies it was off by 0.03."""
    env: Any = small_env()
    config = small_config()
    if network == "tokens":
        config["components"] |= {
            "_obs_": {"type": "ObsTokenPadStrip", "sources": None},
            "norm": {"type": "ObsAttrValNorm", "sources": ["_obs_"]},
            "fourier": {"type": "ObsAttrEmbedFourier", "sources": ["norm"], "attr_embed_dim": 6, "num_freqs": 2},
            "encoded_obs": {
                "type": "ObsLatentAttn",
                "sources": ["fourier"],
                "out_dim": 9,
                "use_mask": True,
                "num_layers": 2,
                "use_cls_token": True,
                "query_token_dim": 8,
                "qk_dim": 8,
                "v_dim": 8,
            },
        }
        for name in ("obs_normalizer", "cnn1", "flat"):
            del config["components"][name]
    agent = Agent(env, config, dtype="bfloat16")
    params = randomize(agent.init(jax.random.key(0)))
    obs = jnp.asarray(random_observations(1, (ROWS, STEPS), 12, 16, 5))

    def values(params: Any) -> Any:
        action = jnp.zeros((ROWS, STEPS, 2), jnp.int32)
        outputs, _ = agent.apply(params, obs, action=action)
        return jnp.sum(outputs.value), outputs.log_probs

    _, unrolled = jax.jit(jax.grad(values, has_aux=True))(params)
    act = jax.jit(lambda p, o, s: agent.apply(p, o, s, greedy=True))
    state, acted = agent.initial_state(ROWS), []
    for step in range(STEPS):
        outputs, state = act(params, obs[:, step], state)
        acted.append(outputs.log_probs)
    ratio = np.exp(np.asarray(unrolled).reshape(ROWS, STEPS, -1) - np.stack(acted, axis=1))
    # A sum may fall on the other side of a rounding now and then; on the whole both are the same.
    assert np.abs(ratio - 1.0).mean() < 1e-4
    assert np.abs(ratio - 1.0).max() < 5e-3
