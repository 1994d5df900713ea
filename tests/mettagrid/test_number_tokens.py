"""The two tokens that round a float: how much of the episode is over, and the last reward."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.mettagrid import EnvParams, EnvState, MettaGrid
from tests.mettagrid.small_world import MAP, game_config
from tests.oracle.observe import round_half_away

NO_SUCH_ACTION = 99
COMPLETION, REWARD = 0, 3  # slots of the observation


def tokens(step: np.ndarray, max_steps: np.ndarray, reward: np.ndarray) -> np.ndarray:
    """What agents see that are paid `reward` in step `step` of `max_steps`: uint8 [lanes, slots]."""
    env = MettaGrid(game_config(), MAP, stats="none")
    state, _ = jax.jit(env.reset)(env.params, jax.random.key(0), 0)

    def observe(step: jax.Array, max_steps: jax.Array, reward: jax.Array) -> jax.Array:
        # An invalid action costs the penalty, and nothing else happens.
        penalty = jnp.full_like(env.params.rules.failure_penalty, -reward)
        rules = env.params.rules.replace(max_steps=max_steps, failure_penalty=penalty)
        before: EnvState = state.replace(step=step - 1)
        params: EnvParams = env.params.replace(rules=rules)
        actions = jnp.full((2, 2), NO_SUCH_ACTION, jnp.int32)
        return env.step(params, before, actions, order=jnp.arange(2, dtype=jnp.int32))[1].observation[0, :4]

    seen = jax.jit(jax.vmap(observe))(jnp.asarray(step), jnp.asarray(max_steps), jnp.asarray(reward))
    assert np.asarray(seen)[:, :, 1].tolist() == [[8, 9, 10, 11]] * len(step)
    return np.asarray(seen)[:, :, 2]


def test_numbers_are_rounded_as_the_original_rounds_them() -> None:
    """Halves go away from zero, each operation is rounded by itself, bytes wrap."""
    steps = [(step, limit) for limit in (*range(1, 40), 255, 510, 1000) for step in range(1, limit + 5)]
    step, max_steps = np.array(steps, np.int32).T
    # Every half of a hundredth from -10 on, so that most lanes are exactly between two numbers, or nearly.
    reward = ((np.arange(len(steps)) - 2000) / 200).astype(np.float32)
    seen = tokens(step, max_steps, reward)

    share = step.astype(np.float32) / max_steps.astype(np.float32) * np.float32(255)
    expected = [round_half_away(x) % 256 for x in share]
    np.testing.assert_array_equal(seen[:, COMPLETION], expected)
    expected = [round_half_away(x) % 256 for x in reward * np.float32(100)]
    np.testing.assert_array_equal(seen[:, REWARD], expected)
