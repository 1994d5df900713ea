"""The network's form for an accelerator and that for a CPU compute the same, and the device or the world chooses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.config import TrainerConfig
from metta_jax.mettagrid import EnginePath
from metta_jax.rl import TrainingComponents
from metta_jax.worlds.environment import Environment
from tests.agent.facts import facts_env, random_observations, small_config
from tests.curriculum.mines import mines

ROWS, STEPS = 5, 9


def test_the_agent_takes_the_path_of_its_environment() -> None:
    wide, narrow = (Environment("forage", num_envs=1, num_maps=1, engine_path=path) for path in ("wide", "narrow"))
    assert (Agent(wide, "fast").path.name, Agent(wide, "fast").dtype) == ("wide", "bfloat16")
    assert (Agent(narrow, "fast").path.name, Agent(narrow, "fast").dtype) == ("narrow", "float32")
    assert Agent(wide, "fast", dtype="float32").dtype == "float32"
    assert Agent(wide, "fast", engine_path="narrow").path.name == "narrow"
    assert Agent(wide, "fast").bind(narrow).path.name == "wide"  # the policy's own
    assert Agent(facts_env(), "fast").path.name == "narrow"  # nothing says: that of the device, a CPU


@pytest.mark.parametrize("path", ["broad", 3, EnginePath])
def test_other_paths_are_refused(path: Any) -> None:
    with pytest.raises(ValueError, match=r'engine_path: .* is not "wide", "narrow" or an EnginePath'):
        Environment("forage", num_envs=1, num_maps=1, engine_path=path)


@pytest.mark.parametrize("size", [0, -1, 2.5, True])
def test_chunks_have_agents(size: Any) -> None:
    with pytest.raises(ValueError, match="chunk_agents: .* is not a positive integer"):
        EnginePath(size)


def test_both_forms_are_one_policy() -> None:
    env = facts_env()
    wide, narrow = (Agent(env, "fast", dtype="float32", engine_path=path) for path in ("wide", "narrow"))
    params = wide.init(jax.random.key(0))
    obs = jnp.asarray(random_observations(1, (ROWS, STEPS), 200, 24, 11))
    reset = jnp.asarray(np.random.default_rng(2).random((ROWS, STEPS)) < 0.2)
    weight = jnp.asarray(np.random.default_rng(3).normal(size=ROWS * STEPS), jnp.float32)

    def results(agent: Agent) -> Any:
        def loss(params: Any) -> Any:
            action = jnp.zeros((ROWS, STEPS, 2), jnp.int32)
            outputs, state = agent.apply(params, obs, action=action, reset=reset)
            return jnp.sum(weight * (outputs.logprob + outputs.entropy + outputs.value[:, 0])), (
                outputs.value,
                outputs.log_probs,
                state,
            )

        grads, outputs = jax.jit(jax.grad(loss, has_aux=True))(params)
        acted, _ = jax.jit(lambda p, o: agent.apply(p, o, greedy=True))(params, obs[:, 0])
        return outputs, acted[1:], grads

    # Float32 sums in another order.
    def close(a: jax.Array, b: jax.Array) -> None:
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * max(1.0, float(jnp.max(jnp.abs(b)))))

    jax.tree.map(close, results(wide), results(narrow))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_wide_form_does_not_keep_the_box(dtype: str) -> None:
    """The box is the largest array of the network, and follows from the tokens: the backward pass makes it again."""
    env, rows = facts_env(), 64
    obs = jnp.asarray(random_observations(1, (rows, STEPS), 200, 24, 11))
    box = rows * STEPS * len(env.get_observation_features()) * 11 * 11

    def largest_kept(path: str) -> int:
        agent = Agent(env, "fast", dtype=dtype, engine_path=path)

        def loss(params: Any) -> jax.Array:
            outputs, _ = agent.apply(params, obs, action=jnp.zeros((rows, STEPS, 2), jnp.int32))
            return jnp.sum(outputs.value)

        shapes = jax.eval_shape(lambda params: jax.vjp(loss, params)[1], agent.init(jax.random.key(0)))
        return max(leaf.size for leaf in jax.tree.leaves(shapes))

    assert largest_kept("narrow") >= box > 2 * largest_kept("wide")


@pytest.mark.slow
def test_a_rollout_is_the_same_on_both_paths() -> None:
    """One rollout with equal draws: equal integers of the worlds, and policies that agree but for the last digits."""

    def rollout(path: str) -> Any:
        env = Environment(env_config=mines(0.25, 5), num_envs=4, num_maps=1, engine_path=path)
        batch = 4 * env.num_agents * 8
        config = TrainerConfig(batch_size=batch, minibatch_size=batch // 2, bptt_horizon=8)
        embeds = {"type": "ActionEmbedding", "num_embeddings": 50, "embedding_dim": 4}
        agent = Agent(env, small_config(_action_embeds_=embeds), dtype="float32")
        training = TrainingComponents.create(env, agent, config)
        assert training.plan.keeps_bits == (path == "narrow")
        state, experience = training.rollout(training.init(jax.random.key(0)))
        state, metrics = training.update(state, experience)
        return experience, metrics

    (wide, wide_metrics), (narrow, narrow_metrics) = rollout("wide"), rollout("narrow")
    # A draw could fall on the other side of a rounded probability; with these keys none does.
    np.testing.assert_array_equal(wide.action, narrow.action)
    np.testing.assert_array_equal(wide.observation, narrow.observation)
    np.testing.assert_array_equal(wide.reward, narrow.reward)
    np.testing.assert_allclose(wide.logprob, narrow.logprob, atol=1e-5)
    for name in ("losses/policy_loss", "losses/value_loss", "losses/entropy"):
        np.testing.assert_allclose(wide_metrics[name], narrow_metrics[name], rtol=1e-3, atol=1e-5)
