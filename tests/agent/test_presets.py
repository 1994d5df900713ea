"""The named networks: parameter counts, near uniform start, what they accept."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.agent.presets import PRESETS, preset
from metta_jax.config.agent import AGENT_PRESETS, AgentConfig
from tests.agent.facts import facts_env, random_observations

COUNTS = {
    "default": {
        "cnn1": 6_944,
        "cnn2": 18_496,
        "encoded_obs": 3_965_440,
        "_core_": 2_101_248,
        "_value_": 513,
        "actor_1": 262_656,
        "_action_embeds_": 1_600,
        "_action_": 8_193,
    },
    "fast": {
        "cnn1": 38_464,
        "cnn2": 36_928,
        "fc1": 8_320,
        "encoded_obs": 16_512,
        "_core_": 264_192,
        "critic_1": 132_096,
        "_value_": 1_025,
        "actor_1": 66_048,
        "_action_embeds_": 1_600,
        "_action_": 8_193,
    },
}
TOTALS = {
    "default": 6_365_090,
    "fast": 573_378,
    "latent_attn_tiny": 502_936,
    "latent_attn_small": 501_556,
    "latent_attn_med": 528_156,
}


def counts(agent: Agent) -> dict[str, int]:
    shapes = jax.eval_shape(agent.init, jax.random.key(0))
    return {name: sum(leaf.size for leaf in jax.tree.leaves(part)) for name, part in shapes.items()}


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("latent")])
def test_lengths_of_attention_follow_that_of_the_queries(name: str) -> None:
    """The original's files give `query_token_dim` alone, or with `qk_dim`."""
    components = dict(preset(name)["components"])
    attention = next(part for part in components if components[part]["type"] == "ObsLatentAttn")
    given = {key: value for key, value in components[attention].items() if key not in ("qk_dim", "v_dim")}
    for more in ({}, {"qk_dim": 32}):
        config = {**preset(name), "components": {**components, attention: {**given, **more}}}
        assert Agent(facts_env(), config | {"policy_selector": {"type": "top"}}).num_params() == TOTALS[name]


@pytest.mark.parametrize("name", PRESETS)
def test_parameter_counts(name: str) -> None:
    agent = Agent(facts_env(), name)
    assert agent.num_params() == TOTALS[name]
    if name in COUNTS:
        assert counts(agent) == COUNTS[name]


def test_eight_items_mean_22_channels() -> None:
    agent = Agent(facts_env(num_items=8), "fast")
    assert counts(agent)["cnn1"] == 35_264
    assert agent.num_params() == 570_178


def test_every_name_of_the_configuration_is_a_preset() -> None:
    assert set(PRESETS) == set(AGENT_PRESETS)
    assert Agent(facts_env()).config == AgentConfig(preset="default")
    with pytest.raises(ValueError, match=r"agent: no preset 'fasst' \(did you mean 'fast'\?\)"):
        preset("fasst")
    with pytest.raises(ValueError, match="latent_attn_tiny"):
        Agent(facts_env(), "fasst")


def test_a_preset_is_a_plain_configuration() -> None:
    spelled_out = preset("fast")
    spelled_out["components"]["_core_"]["output_size"] = 64
    assert Agent(facts_env(), spelled_out).hidden_size == 64
    assert Agent(facts_env(), "fast").hidden_size == 128, "presets are fresh mappings"
    assert Agent(facts_env(), preset("fast")).network == Agent(facts_env(), "fast").network


@pytest.mark.parametrize("name", PRESETS)
def test_fresh_policies_are_nearly_uniform(name: str) -> None:
    # Short token lists are enough here, and what takes long is the attention over them.
    agent = Agent(facts_env(num_tokens=20), name)
    observation = jnp.asarray(random_observations(0, (6,), 20, 24, 11))

    @jax.jit
    def run(key: jax.Array) -> Any:
        return agent.apply(agent.init(key), observation, key=key)

    (action, logprob, entropy, value, log_probs), (h, c) = run(jax.random.key(0))
    assert np.log(19) == pytest.approx(2.944, abs=5e-4)
    np.testing.assert_allclose(entropy, np.log(19), atol=0.01)
    assert (np.asarray(entropy) <= np.log(19) + 1e-5).all()
    assert (action.shape, logprob.shape, value.shape, log_probs.shape) == ((6, 2), (6,), (6, 1), (6, 19))
    layers, hidden = (1, 512) if name == "default" else (2, 128)
    assert h.shape == c.shape == (layers, 6, hidden)
    assert np.ptp(np.asarray(value)) > 0, "the value depends on the observation"


@pytest.mark.parametrize(("name", "window"), [("fast", 9), ("fast", 13)])
def test_windows_need_whole_convolutions(name: str, window: int) -> None:
    with pytest.raises(ValueError, match="CNN cnn1 output dimensions must be integers"):
        Agent(facts_env(window=window), name)


def test_other_windows_work_where_the_shapes_allow() -> None:
    assert counts(Agent(facts_env(window=5), "default"))["encoded_obs"] == 64 * 25 * 512 + 512
    assert Agent(facts_env(window=7), "latent_attn_tiny").num_params() == TOTALS["latent_attn_tiny"]
