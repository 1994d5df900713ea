"""The agent as a whole: both modes, the recurrent state, keys, errors, compilation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.agent.distribution import sample
from tests.agent.facts import apply, random_observations, randomize, small_config, small_env

BATCH, STEPS = 3, 5


@pytest.fixture(scope="module")
def agent() -> Agent:
    return Agent(small_env(), small_config())


@pytest.fixture(scope="module")
def fresh(agent: Agent) -> Any:
    return agent.init(jax.random.key(0))


@pytest.fixture(scope="module")
def params(fresh: Any) -> Any:
    return randomize(fresh)


def observations(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(random_observations(seed, shape, 12, 16, 5))


def random_state(agent: Agent, batch: int) -> Any:
    generator = np.random.default_rng(5)
    return tuple(jnp.asarray(generator.normal(size=part.shape), jnp.float32) for part in agent.initial_state(batch))


def test_the_docstring_s_shapes(agent: Agent, params: Any) -> None:
    (action, logprob, entropy, value, log_probs), (h, c) = apply(
        agent, params, observations(BATCH), key=jax.random.key(0)
    )
    assert (action.shape, action.dtype) == ((BATCH, 2), jnp.int32)
    assert (logprob.shape, entropy.shape, value.shape, log_probs.shape) == ((BATCH,), (BATCH,), (BATCH, 1), (BATCH, 5))
    assert h.shape == c.shape == (2, BATCH, 8)
    given = jnp.tile(action[:, None], (1, STEPS, 1))
    (action, logprob, entropy, value, log_probs), state = apply(
        agent, params, observations(BATCH, STEPS), (h, c), action=given
    )
    rows = BATCH * STEPS
    np.testing.assert_array_equal(action, given)
    assert (logprob.shape, entropy.shape, value.shape, log_probs.shape) == ((rows,), (rows,), (rows, 1), (rows, 5))
    floats = jax.tree.leaves(((logprob, entropy, value, log_probs), state))
    assert {leaf.dtype for leaf in floats} == {jnp.dtype(jnp.float32)}
    assert not any(leaf.weak_type for leaf in floats)


def test_evaluating_equals_acting_step_by_step(agent: Agent, params: Any) -> None:
    obs = observations(BATCH, STEPS)
    reset = np.zeros((BATCH, STEPS), bool)
    reset[0, 0], reset[1, 2], reset[1, 3], reset[2, 4] = True, True, True, True
    start = random_state(agent, BATCH)
    state, steps = start, []
    for step in range(STEPS):
        outputs, state = apply(agent, params, obs[:, step], state, key=jax.random.key(step), reset=reset[:, step])
        steps.append(outputs)
    action = jnp.stack([outputs.action for outputs in steps], axis=1)
    outputs, last = apply(agent, params, obs, start, action=action, reset=reset)
    for evaluated, *acted in zip(outputs[1:], *(outputs[1:] for outputs in steps), strict=True):
        expected = np.stack(acted, axis=1).reshape(evaluated.shape)
        # The same numbers, but products over 3 and over 15 rows may be summed in another order.
        np.testing.assert_allclose(evaluated, expected, rtol=1e-5, atol=2e-6)
    for ours, expected in zip(last, state, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=2e-6)
    unreset, _ = apply(agent, params, obs, start, action=action)
    changed = np.abs(np.asarray(outputs.log_probs - unreset.log_probs)).max(-1).reshape(BATCH, STEPS) > 1e-4
    assert changed.tolist() == np.maximum.accumulate(reset, axis=1).tolist(), "a reset matters from its slot on"


def test_statistics_of_the_distribution(agent: Agent, params: Any) -> None:
    state = random_state(agent, BATCH)
    outputs, _ = apply(agent, params, observations(BATCH), state, key=jax.random.key(0))
    action, logprob, entropy, _, log_probs = (np.asarray(part) for part in outputs)
    np.testing.assert_allclose(np.exp(log_probs).sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(entropy, -(np.exp(log_probs) * log_probs).sum(-1), rtol=1e-5)
    flat = agent.action_space.flat_index(action)
    np.testing.assert_array_equal(logprob, log_probs[np.arange(BATCH), flat])


def test_actions_are_sampled_from_the_distribution(agent: Agent, params: Any) -> None:
    (_, _, _, _, log_probs), _ = apply(agent, params, observations(BATCH), key=jax.random.key(0))
    flat = np.asarray(sample(jax.random.key(3), jnp.tile(log_probs[:1], (20_000, 1))))
    share = np.bincount(flat, minlength=5) / len(flat)
    np.testing.assert_allclose(share, np.exp(log_probs[0]), atol=0.015)  # four standard errors
    assert np.ptp(share) > 0.1, "the test needs a distribution that is not flat"


def test_a_key_decides_the_actions(agent: Agent, params: Any) -> None:
    obs = observations(64)
    first, second, other = (apply(agent, params, obs, key=jax.random.key(seed))[0][0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (np.asarray(first) != np.asarray(other)).any()


def test_greedy_takes_the_most_probable(agent: Agent, params: Any) -> None:
    (action, logprob, _, _, log_probs), _ = apply(agent, params, observations(BATCH), greedy=True)
    np.testing.assert_array_equal(agent.action_space.flat_index(np.asarray(action)), np.argmax(log_probs, -1))
    np.testing.assert_array_equal(logprob, np.max(log_probs, -1))


def test_act_is_the_action_and_the_carry(agent: Agent, params: Any) -> None:
    obs, state = observations(BATCH), random_state(agent, BATCH)
    reset = jnp.asarray([False, True, False])
    outputs, expected = apply(agent, params, obs, state, key=jax.random.key(0), reset=reset)
    action, carry = jax.jit(agent.act)(params, obs, state, jax.random.key(0), reset=reset)
    np.testing.assert_array_equal(action, outputs.action)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6), carry, expected)


def test_numpy_parameters_inside_another_program(agent: Agent, params: Any) -> None:
    obs, host_params = observations(BATCH), jax.device_get(params)
    first = jax.jit(lambda key: agent.act(host_params, obs, None, key))(jax.random.key(0))
    second = jax.jit(agent.act)(params, obs, None, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_numpy_form(agent: Agent, params: Any) -> None:
    obs, state = np.asarray(observations(BATCH)), random_state(agent, BATCH)
    carry = (np.asarray(state[0]), np.asarray(state[1]))
    reset = np.asarray([True, False, False])
    action, new = agent.act_numpy(params, obs, carry, seed=4, reset=reset)
    outputs, expected = apply(agent, params, obs, state, key=jax.random.key(4), reset=reset)
    assert all(type(part) is np.ndarray for part in (action, *new))
    np.testing.assert_array_equal(action, outputs.action)
    np.testing.assert_allclose(new[0], expected[0], rtol=1e-5, atol=2e-6)
    greedy, _ = agent.act_numpy(params, obs, greedy=True)
    np.testing.assert_array_equal(greedy, apply(agent, params, obs, greedy=True)[0][0])
    with pytest.raises(ValueError, match="seed: None"):
        agent.act_numpy(params, obs)


def test_an_action_outside_the_table_has_no_probability(agent: Agent, params: Any) -> None:
    action = jnp.asarray([[[0, 1], [1, 1], [3, 0], [-1, 0], [2, -1]]], jnp.int32)
    action = jnp.tile(action, (BATCH, 1, 1))
    (_, logprob, entropy, _, _), _ = apply(agent, params, observations(BATCH, STEPS), action=action)
    assert np.isnan(np.asarray(logprob)).tolist() == [False, True, True, True, True] * BATCH
    assert np.isfinite(np.asarray(entropy)).all()


def test_gradients_reach_every_parameter(agent: Agent, params: Any) -> None:
    action = jnp.asarray(agent.flat_actions[np.arange(BATCH * STEPS) % 5].reshape(BATCH, STEPS, 2))

    @jax.jit
    @jax.grad
    def gradient(params: Any) -> jax.Array:
        (_, logprob, entropy, value, _), _ = agent.apply(params, observations(BATCH, STEPS), action=action)
        return jnp.sum(logprob) + jnp.sum(entropy) + jnp.sum(value)

    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient(params)):
        assert np.isfinite(leaf).all()
        assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)


def test_a_population_equals_its_members(agent: Agent, params: Any) -> None:
    obs, action = observations(BATCH, STEPS), jnp.zeros((BATCH, STEPS, 2), jnp.int32)
    members = [params, randomize(params, seed=1)]

    def gradient(params: Any) -> Any:
        return jax.grad(lambda p: jnp.sum(agent.apply(p, obs, action=action)[0][1]))(params)

    together = jax.jit(jax.vmap(gradient))(jax.tree.map(lambda *leaves: jnp.stack(leaves), *members))
    for index, alone in enumerate(map(jax.jit(gradient), members)):
        # Sums over fifteen rows of terms of order 1, in another order under vmap.
        jax.tree.map(lambda a, b, i=index: np.testing.assert_allclose(a[i], b, rtol=1e-4, atol=1e-5), together, alone)


def test_init_is_a_function_of_its_key(agent: Agent) -> None:
    init = jax.jit(agent.init)
    first, again, other = (init(jax.random.key(seed)) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    different = jax.tree.leaves(jax.tree.map(lambda a, b: bool((a != b).any()), first, other))
    assert sum(different) == 11, "all kernels and tables, and the head's bias"
    assert {leaf.dtype for leaf in jax.tree.leaves(first)} == {jnp.dtype(jnp.float32)}


def test_bfloat16_computes_the_same_roughly(agent: Agent, fresh: Any) -> None:
    half = Agent(small_env(), small_config(), dtype="bfloat16")
    assert {leaf.dtype for leaf in jax.tree.leaves(jax.eval_shape(half.init, jax.random.key(0)))} == {
        jnp.dtype("float32")
    }
    obs, action = observations(BATCH, STEPS), jnp.zeros((BATCH, STEPS, 2), jnp.int32)
    exact, _ = apply(agent, fresh, obs, action=action)

    def value(params: Any) -> Any:
        outputs, state = half.apply(params, obs, action=action)
        return jnp.sum(outputs.value), (outputs, state)

    gradient, (rough, state) = jax.jit(jax.grad(value, has_aux=True))(fresh)
    assert {leaf.dtype for leaf in jax.tree.leaves((rough[1:], state, gradient))} == {jnp.dtype(jnp.float32)}
    # bfloat16 has 8 bits: relative errors of 0.4 % in every product.
    np.testing.assert_allclose(rough[3], exact[3], atol=0.05)
    np.testing.assert_allclose(rough[4], exact[4], atol=0.01)
    assert (np.asarray(rough[3]) != np.asarray(exact[3])).any()


def test_dropout_needs_a_key_and_evaluation(params: Any, agent: Agent) -> None:
    drop = {"type": "Dropout", "sources": ["flat"], "p": 0.5}
    encoded = {"type": "Linear", "sources": ["drop"], "out_features": 9}
    dropping = Agent(small_env(), small_config(drop=drop, encoded_obs=encoded))
    obs, action = observations(BATCH, STEPS), jnp.zeros((BATCH, STEPS, 2), jnp.int32)
    plain = apply(agent, params, obs, action=action)[0][3]
    np.testing.assert_allclose(apply(dropping, params, obs, action=action)[0][3], plain, rtol=1e-5, atol=2e-6)
    first, second = (apply(dropping, params, obs, action=action, key=jax.random.key(seed))[0][3] for seed in (0, 1))
    assert (np.asarray(plain) != np.asarray(first)).any()
    assert (np.asarray(first) != np.asarray(second)).any()
    acted, expected = (apply(one, params, obs[:, 0], key=jax.random.key(0))[0][3] for one in (dropping, agent))
    np.testing.assert_allclose(acted, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"observation": (3, 4, 12, 3)}, r"observation: shape \(3, 4, 12, 3\) is not \[B, tokens, 3\] \(acting\)"),
        ({"observation": (3, 12, 4)}, r"observation: shape \(3, 12, 4\) is not"),
        ({"action": (3, 2)}, r"is not \[B, T, tokens, 3\] \(evaluating\)"),
        ({"observation": (3, 4, 12, 3), "action": (3, 5, 2)}, r"action: shape \(3, 5, 2\) is not \(3, 4, 2\)"),
        ({"batch": 4}, r"LSTM state batch size mismatch: h has the shape \(2, 4, 8\), expected \(2, 3, 8\)"),
        ({"reset": (3, 1)}, r"reset: shape \(3, 1\) is not \(3,\)"),
        ({"key": None}, r"key: None; sampling an action needs a key \(or greedy=True\)"),
    ],
)
def test_arguments_that_do_not_fit(agent: Agent, params: Any, arguments: dict[str, Any], match: str) -> None:
    observation = jnp.zeros(arguments.get("observation", (3, 12, 3)), jnp.uint8)
    action = jnp.zeros(arguments["action"], jnp.int32) if "action" in arguments else None
    state = agent.initial_state(arguments.get("batch", 3))
    reset = jnp.zeros(arguments["reset"], bool) if "reset" in arguments else None
    with pytest.raises(ValueError, match=match):
        agent.apply(params, observation, state, arguments.get("key", jax.random.key(0)), action, reset)


def test_options_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="dtype: 'float16' is not one of float32, bfloat16"):
        Agent(small_env(), small_config(), dtype="float16")
    with pytest.raises(ValueError, match=r"Configuration is missing required field 'observations\.obs_key'"):
        Agent(small_env(), {"components": small_config()["components"]})
    with pytest.raises(ValueError, match="num_embeddings: 4 rows are too few for 5 action names"):
        Agent(small_env(), small_config(_action_embeds_={"type": "ActionEmbedding", "num_embeddings": 4}))


def test_devices() -> None:
    with pytest.raises(ValueError, match=r"device: 'abacus' is not available; JAX sees cpu:0.*'abacus,cpu' would"):
        Agent(small_env(), small_config(), device="abacus")
    with pytest.raises(ValueError, match="device: 'abacus' is not available"):
        Agent(small_env(), {"device": "abacus", "agent": small_config()})
    second = Agent(small_env(), small_config(), device="abacus,cpu:1")
    assert second.device == jax.devices("cpu")[1]
    assert {leaf.device for leaf in jax.tree.leaves(second.init(jax.random.key(0)))} == {second.device}
    assert Agent(small_env(), small_config()).device is None


def test_agents_cannot_be_changed(agent: Agent) -> None:
    with pytest.raises(AttributeError):
        agent.hidden_size = 3  # type: ignore[misc]
