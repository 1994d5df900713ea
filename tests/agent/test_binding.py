"""One policy in several environments: names decide, not numbers."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from tests.agent.facts import apply, random_observations, randomize, small_config, small_env

NAMES = [f"feature_{index}" for index in range(10)]


def features(ids: Any) -> dict[str, dict[str, float]]:
    return {name: {"id": int(ids[index]), "normalization": 2.0 + index} for index, name in enumerate(NAMES)}


def tokens_config() -> dict[str, Any]:
    return small_config(
        _obs_={"type": "ObsTokenPadStrip"},
        obs_normalizer={"type": "ObsAttrValNorm", "sources": ["_obs_"]},
        cnn1={"type": "ObsAttrEmbedFourier", "sources": ["obs_normalizer"], "attr_embed_dim": 3, "num_freqs": 1},
        flat={"type": "ObsLatentAttn", "sources": ["cnn1"], "out_dim": 6, "use_mask": True, "use_cls_token": True},
    )


def run(agent: Agent, params: Any, observation: np.ndarray) -> np.ndarray:
    (_, _, _, _, log_probs), _ = apply(agent, params, observation, greedy=True)
    return np.asarray(log_probs)


@pytest.mark.parametrize("config", [small_config, tokens_config], ids=["box", "tokens"])
def test_a_world_with_other_numbers_for_the_same_names(config: Any) -> None:
    first = Agent(small_env(features=features(range(10))), config())
    params = randomize(first.init(jax.random.key(0)))
    # The other world numbers its features differently, and its actions come in another order.
    ids = np.random.default_rng(0).permutation(30)[:10]
    other_env = small_env(features=features(ids), actions={"rotate": 1, "move": 1, "noop": 0})
    second = first.bind(other_env)
    observation = random_observations(1, (4,), 12, 10, 5)
    translated = observation.copy()
    used = observation[..., 0] != 255
    translated[..., 1][used] = ids[observation[..., 1][used]]
    expected, seen = run(first, params, observation), run(second, params, translated)
    order = [first.action_space.full_names().index(name) for name in second.action_space.full_names()]
    assert order == [3, 4, 0, 1, 2]
    np.testing.assert_allclose(seen, expected[:, order], rtol=1e-5, atol=1e-6)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("config", [small_config, tokens_config], ids=["box", "tokens"])
def test_unknown_features_are_not_seen(config: Any) -> None:
    """A policy with 10 features plays a world with more; its tokens of unknown features are as good as none."""
    first = Agent(small_env(features=features(range(10))), config())
    params = randomize(first.init(jax.random.key(0)))
    more = {"new_a": {"id": 0, "normalization": 1.0}, "new_b": {"id": 11, "normalization": 1.0}}
    shifted = small_env(features=more | features(range(1, 11)))
    observation = random_observations(1, (4,), 12, 12, 5)
    unknown = np.isin(observation[..., 1], (0, 11))
    assert unknown.any()
    hidden = np.where(unknown[..., None], 255, observation).astype(np.uint8)
    bound = first.bind(shifted)
    np.testing.assert_array_equal(run(bound, params, observation), run(bound, params, hidden))
    assert bound.names.feature_ids == first.names.feature_ids
    with (
        pytest.warns(UserWarning, match="the network has 10 feature channels")
        if config is small_config
        else nullcontext()
    ):
        learned = first.bind(shifted, learn_new=True)
    assert learned.names.feature_ids == {**first.names.feature_ids, "new_a": 10, "new_b": 11}
    assert learned.num_params() == first.num_params()


def test_new_actions_get_new_rows() -> None:
    first = Agent(small_env(), small_config())
    second = first.bind(small_env(actions={"attack": 1, "move": 1, "noop": 0}))
    assert first.names.action_rows == {"move_0": 1, "move_1": 2, "noop_0": 3, "rotate_0": 4, "rotate_1": 5}
    assert second.names.action_rows == {**first.names.action_rows, "attack_0": 6, "attack_1": 7}
    assert second.tables.action_rows.tolist() == [6, 7, 1, 2, 3]
    with pytest.raises(ValueError, match="num_embeddings: 20 rows are too few"):
        second.bind(small_env(actions={"jump": 12}))


def test_a_saved_policy_comes_back(tmp_path: Any) -> None:
    first = Agent(small_env(features=features(range(10))), small_config())
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(first.metadata()))
    saved = json.loads(path.read_text())
    assert saved["original_feature_mapping"] == {name: index for index, name in enumerate(NAMES)}
    assert saved["recurrent_shape"] == [2, 8]
    env = small_env(features=features(range(9, -1, -1)), actions={"noop": 0, "swap": 0, "move": 1})
    restored = Agent(env, small_config(), policy=saved)
    bound = first.bind(env)
    assert restored.names == bound.names
    assert restored.network == bound.network
    jax.tree.map(np.testing.assert_array_equal, restored.tables, bound.tables)
    assert restored.metadata() == bound.metadata()
    del saved["num_feature_channels"]
    with pytest.raises(ValueError, match="policy metadata: the key 'num_feature_channels' is missing"):
        Agent(env, small_config(), policy=saved)


def test_a_box_needs_its_window() -> None:
    agent = Agent(small_env(), small_config())
    match = r"Observation space mismatch error: component _obs_ was built for a window of 5x5, the environment has 7x7"
    with pytest.raises(ValueError, match=match):
        agent.bind(small_env(window=7))
    tokens = Agent(small_env(), tokens_config())
    assert tokens.bind(small_env(window=7)).names.obs_width == 5


def test_rebinding_does_not_recompile() -> None:
    first = Agent(small_env(features=features(range(10))), small_config())
    second = first.bind(small_env(features=features(range(9, -1, -1)), actions={"noop": 0, "rotate": 1, "swap": 1}))
    params = first.init(jax.random.key(0))
    traces = []

    @jax.jit
    def apply(params: Any, observation: jax.Array, tables: Any) -> Any:
        traces.append(1)
        return first.apply(params, observation, greedy=True, tables=tables)

    observation = random_observations(1, (4,), 12, 10, 5)
    for agent in (first, second):
        (action, *_), _ = apply(params, jnp.asarray(observation), agent.tables)
        np.testing.assert_array_equal(action, agent.act_numpy(params, observation, greedy=True)[0])
    assert len(traces) == 1
    assert first.network == second.network
    assert hash(first.network) == hash(second.network)
