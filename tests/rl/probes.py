"""Small environments whose optimal value is known, and a small recurrent agent: doubles with the real interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from metta_jax.agent import Policy, PolicyOutput
from metta_jax.mettagrid import BatchEnv

NUM_SYMBOLS = 3
NUM_TOKENS = 4
NUM_ACTIONS = 3


class EpisodeInfo(struct.PyTreeNode):
    done: jax.Array
    episode_return: jax.Array
    episode_length: jax.Array


class VectorTimeStep(struct.PyTreeNode):
    observation: jax.Array
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    action_success: jax.Array
    final_observation: jax.Array
    episode: EpisodeInfo


class ProbeState(struct.PyTreeNode):
    symbol: jax.Array  # int32 [N, A]
    step: jax.Array  # int32 [N]
    episode_return: jax.Array  # float32 [N, A]
    key: jax.Array
    observation: jax.Array | None = None  # uint8 [N, A, M, 3]


@dataclass(frozen=True, eq=False)
class ProbeEnv(BatchEnv):
    """All agents of an environment play the same game for `episode_length` steps, then the episode ends.

    match:    a symbol is shown, the action of its number earns 1, every step a new symbol.
    memory:   a symbol is shown in the first step only; repeating it in the last step earns 1.
    constant: every step earns 1 whatever the action; what is shown distinguishes even environments from odd ones.
    """

    game: Literal["match", "memory", "constant"] = "match"
    num_envs: int = 4
    num_agents: int = 2
    episode_length: int = 5
    ends: Literal["terminated", "truncated", "mixed"] = "terminated"  # mixed: by turns, one environment after another
    staggered: bool = False

    num_observation_tokens: int = NUM_TOKENS
    obs_width: int = 3
    obs_height: int = 3
    action_names: tuple[str, ...] = ("zero", "one", "two")
    max_action_args: tuple[int, ...] = (0, 0, 0)

    @property
    def truncates(self) -> bool:
        return self.ends != "terminated"

    @property
    def params(self) -> dict[str, jax.Array]:
        return {"reward": jnp.ones((), jnp.float32)}

    def reset(self, params: Any, key: jax.Array) -> tuple[ProbeState, VectorTimeStep]:
        key, symbol_key = jax.random.split(key)
        shape = (self.num_envs, self.num_agents)
        step = jnp.zeros((self.num_envs,), jnp.int32)
        if self.staggered:
            step = jnp.arange(self.num_envs, dtype=jnp.int32) % self.episode_length
        state = ProbeState(
            symbol=jax.random.randint(symbol_key, shape, 0, NUM_SYMBOLS, jnp.int32),
            step=step,
            episode_return=jnp.zeros(shape, jnp.float32),
            key=key,
        )
        no = jnp.zeros(shape, bool)
        observation = self._observe(state)
        episode = EpisodeInfo(no[:, 0], state.episode_return, state.step)
        state = state.replace(observation=observation)
        return state, VectorTimeStep(observation, jnp.zeros(shape, jnp.float32), no, no, no, observation, episode)

    def step(self, params: Any, state: ProbeState, actions: jax.Array) -> tuple[ProbeState, VectorTimeStep]:
        key, symbol_key = jax.random.split(state.key)
        shape = (self.num_envs, self.num_agents)
        hit = (actions[..., 0] == state.symbol).astype(jnp.float32)
        last = jnp.broadcast_to((state.step == self.episode_length - 1)[:, None], shape)
        if self.game == "match":
            reward = hit
        elif self.game == "memory":
            reward = jnp.where(last, hit, 0.0)
        else:
            reward = jnp.ones(shape, jnp.float32)
        reward = reward * params["reward"]
        drawn = jax.random.randint(symbol_key, shape, 0, NUM_SYMBOLS, jnp.int32)
        symbol = drawn if self.game == "match" else jnp.where(last, drawn, state.symbol)
        total = state.episode_return + reward
        ended = last[:, 0]
        final = self._observe(ProbeState(state.symbol, state.step + 1, total, key))
        new = ProbeState(
            symbol=symbol,
            step=jnp.where(ended, 0, state.step + 1),
            episode_return=jnp.where(last, 0.0, total),
            key=key,
        )
        observation = self._observe(new)
        truncates = {"terminated": False, "truncated": True, "mixed": jnp.arange(self.num_envs) % 2 == 0}[self.ends]
        truncated = last & jnp.broadcast_to(jnp.asarray(truncates), (self.num_envs,))[:, None]
        return new.replace(observation=observation), VectorTimeStep(
            observation=observation,
            reward=reward,
            terminated=last & ~truncated,
            truncated=truncated,
            action_success=jnp.ones(shape, bool),
            final_observation=jnp.where(ended[:, None, None, None], final, observation),
            episode=EpisodeInfo(ended, total, state.step + 1),
        )

    def _observe(self, state: ProbeState) -> jax.Array:
        """uint8 [N, A, M, 3]: one token with the symbol + 1, or 0 where it is hidden; the rest is padding."""
        shown = state.symbol + 1
        if self.game == "memory":
            shown = jnp.where(state.step[:, None] == 0, shown, 0)
        elif self.game == "constant":
            shown = jnp.broadcast_to(jnp.arange(self.num_envs, dtype=jnp.int32)[:, None] % 2, shown.shape)
        tokens = jnp.full((*shown.shape, NUM_TOKENS, 3), 0xFF, jnp.uint8)
        return (
            tokens.at[:, :, 0, 0]
            .set(jnp.uint8(0x11))
            .at[:, :, 0, 1]
            .set(jnp.uint8(1))
            .at[:, :, 0, 2]
            .set(shown.astype(jnp.uint8))
        )


@dataclass(frozen=True)
class Layer:
    path: tuple[str, ...]
    l2_init_scale: float = 1.0
    clip_scale: float = 1.0


@dataclass(frozen=True, eq=False)
class ProbeAgent(Policy):
    """h' = tanh(W x + U h + b) on the one-hot symbol, linear heads; the second half of the state is only carried."""

    hidden: int = 16
    layers: int = 1
    num_flat_actions: int = NUM_ACTIONS
    action_names: tuple[str, ...] = ("zero", "one", "two")
    clip_range: float = 0.0
    l2_init_weight_update_interval: int = 0
    forget: bool = False  # leave the recurrent state out, for games without memory

    @property
    def flat_actions(self) -> np.ndarray:
        return np.array([[k, 0] for k in range(self.num_flat_actions)], np.int32)

    @property
    def parameter_layers(self) -> tuple[Layer, ...]:
        return (Layer(("core", "input")), Layer(("actor", "kernel")), Layer(("critic", "kernel"), l2_init_scale=0.5))

    def init(self, key: jax.Array) -> dict[str, dict[str, jax.Array]]:
        keys = jax.random.split(key, 4)

        def dense(key: jax.Array, rows: int, columns: int, scale: float = 1.0) -> jax.Array:
            return jax.random.normal(key, (rows, columns), jnp.float32) * (scale / np.sqrt(rows)).astype(np.float32)

        return {
            "core": {
                "input": dense(keys[0], NUM_SYMBOLS + 1, self.hidden, 2.0),
                "recurrent": dense(keys[1], self.hidden, self.hidden),
                "bias": jnp.zeros((self.hidden,), jnp.float32),
            },
            "actor": {
                "kernel": dense(keys[2], self.hidden, self.num_flat_actions, 0.1),
                "bias": jnp.zeros((self.num_flat_actions,), jnp.float32),
            },
            "critic": {"kernel": dense(keys[3], self.hidden, 1, 0.1), "bias": jnp.zeros((1,), jnp.float32)},
        }

    def initial_state(self, batch_size: int) -> tuple[jax.Array, jax.Array]:
        zeros = jnp.zeros((self.layers, batch_size, self.hidden), jnp.float32)
        return zeros, zeros

    def weight_limits(self, params: Any) -> dict[str, jax.Array]:
        """The actor's weights are limited, relative to the largest first one."""
        return {"actor": self.clip_range * jnp.abs(params["actor"]["kernel"]).max()} if self.clip_range > 0 else {}

    def clip_weights(self, params: Any, limits: dict[str, jax.Array]) -> Any:
        actor = params["actor"]
        return params | {"actor": actor | {"kernel": jnp.clip(actor["kernel"], -limits["actor"], limits["actor"])}}

    def apply(
        self,
        params: Any,
        observation: jax.Array,
        recurrent: tuple[jax.Array, jax.Array],
        key: jax.Array | None = None,
        action: jax.Array | None = None,
        reset: jax.Array | None = None,
    ) -> tuple[PolicyOutput, tuple[jax.Array, jax.Array]]:
        unrolled = observation.ndim == 4
        if not unrolled:
            observation = observation[:, None]
            reset = None if reset is None else reset[:, None]
        features = jax.nn.one_hot(observation[:, :, 0, 2].astype(jnp.int32), NUM_SYMBOLS + 1, dtype=jnp.float32)
        batch, time = features.shape[:2]
        keep = jnp.ones((batch, time), jnp.float32) if reset is None else 1.0 - reset.astype(jnp.float32)
        core = params["core"]

        def unroll(h: jax.Array, slot: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            x, keep_t = slot
            h = h * keep_t[:, None] * (0.0 if self.forget else 1.0)
            h = jnp.tanh(x @ core["input"] + h @ core["recurrent"] + core["bias"][None])
            return h, h

        h, hidden = jax.lax.scan(unroll, recurrent[0][0], (jnp.swapaxes(features, 0, 1), keep.T))
        hidden = jnp.swapaxes(hidden, 0, 1).reshape(batch * time, self.hidden)
        logits = hidden @ params["actor"]["kernel"] + params["actor"]["bias"][None]
        value = hidden @ params["critic"]["kernel"] + params["critic"]["bias"][None]
        log_probs = jax.nn.log_softmax(logits)
        if action is None:
            assert key is not None
            flat = jax.random.categorical(key, log_probs)
            action = jnp.stack([flat, jnp.zeros_like(flat)], axis=-1).astype(jnp.int32)
        else:
            flat = action.reshape(batch * time, 2)[:, 0]
        logprob = jnp.take_along_axis(log_probs, flat[:, None], axis=1)[:, 0]
        entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=1)
        new_state = (h[None], recurrent[1])
        return PolicyOutput(action, logprob, entropy, value, log_probs), new_state
