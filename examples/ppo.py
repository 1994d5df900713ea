"""PPO in one file: the batch of environments, a small network, advantages, the clipped loss, and nothing else of ours.

All agents share one network without memory. One update (a rollout, then a few epochs of minibatches) is one pure
function of one state. Letters: N environments, A agents in each, B = N * A agents, T steps of a rollout, M tokens,
F flat actions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct

import metta_jax
from metta_jax.api import Environment


class Config(NamedTuple):
    num_envs: int = 64
    horizon: int = 64
    num_epochs: int = 2
    num_minibatches: int = 16
    learning_rate: float = 1e-3
    max_grad_norm: float = 0.5
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    entropy: float = 0.005
    value: float = 0.5


class Network(nn.Module):
    """Tokens -> logits [..., F] and value [...]."""

    num_actions: int
    scale: tuple[float, ...]  # 1 / normalization of each feature id
    window: tuple[int, int]
    width: int = 128

    @nn.compact
    def __call__(self, tokens: jax.Array) -> tuple[jax.Array, jax.Array]:
        height, width = self.window
        num_features = len(self.scale)
        location, feature, value = (tokens[..., i].astype(jnp.int32) for i in range(3))  # [..., M]
        present = feature < num_features  # unused tokens are 255, 255, 255
        feature = jnp.where(present, feature, 0)
        # One row of weights for each (cell, feature), weighted by the value: a linear layer on the window as an image
        # of features, without ever making the image.
        cell = jnp.where(present, (location >> 4) * width + (location & 15), 0)
        rows = nn.Embed(height * width * num_features, self.width)(cell * num_features + feature)
        amount = jnp.where(present, value.astype(jnp.float32) * jnp.asarray(self.scale, jnp.float32)[feature], 0.0)
        x = nn.relu(jnp.sum(rows * amount[..., None], axis=-2))
        x = nn.relu(nn.Dense(self.width, kernel_init=nn.initializers.orthogonal(2**0.5))(x))
        logits = nn.Dense(self.num_actions, kernel_init=nn.initializers.orthogonal(0.01))(x)
        value = nn.Dense(1, kernel_init=nn.initializers.orthogonal(1.0))(x)
        return logits, value[..., 0]


class Rollout(NamedTuple):
    """What was seen, done and got; the reward and the end in slot t follow from the action in slot t."""

    tokens: jax.Array  # uint8 [T, B, M, 3]
    action: jax.Array  # int32 [T, B], flat
    logprob: jax.Array  # float32 [T, B]
    value: jax.Array  # float32 [T, B]
    reward: jax.Array  # float32 [T, B]
    done: jax.Array  # bool [T, B]


class State(struct.PyTreeNode):
    params: Any
    opt_state: Any
    env_state: Any
    tokens: jax.Array  # uint8 [B, M, 3], not yet acted upon
    key: jax.Array


def make_network(env: Environment) -> Any:
    normalizations = env.feature_normalizations
    scale = [1.0 / (normalizations.get(i) or 1.0) for i in range(max(normalizations) + 1)]
    return Network(env.num_flat_actions, tuple(scale), (env.obs_height, env.obs_width))


def make_optimizer(config: Config) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(config.max_grad_norm), optax.adam(config.learning_rate, eps=1e-5))


def init(config: Config, env: Environment, key: jax.Array) -> State:
    params_key, env_key, key = jax.random.split(key, 3)
    env_state, timestep = env.reset(env.params, env_key)
    tokens = timestep.observation.reshape(-1, *timestep.observation.shape[2:])
    params = make_network(env).init(params_key, tokens[:1])
    return State(params, make_optimizer(config).init(params), env_state, tokens, key)


def rollout(config: Config, env: Environment, env_params: Any, state: State) -> tuple[State, Rollout, jax.Array]:
    """The state after T steps, what happened, and the values float32 [B] of the observations after it."""
    network, table = make_network(env), jnp.asarray(env.flat_actions)

    def step(carry: tuple[Any, jax.Array], key: jax.Array) -> tuple[tuple[Any, jax.Array], Rollout]:
        env_state, tokens = carry
        logits, value = network.apply(state.params, tokens)
        action = jax.random.categorical(key, logits).astype(jnp.int32)
        actions = table[action].reshape(config.num_envs, env.num_agents, 2)
        env_state, timestep = env.step(env_params, env_state, actions)
        # Where an episode ended, the observation is already the first of the next one.
        done = (timestep.terminated | timestep.truncated).reshape(-1)
        record = Rollout(tokens, action, log_prob(logits, action), value, timestep.reward.reshape(-1), done)
        return (env_state, timestep.observation.reshape(tokens.shape)), record

    key, used = jax.random.split(state.key)
    keys = jax.random.split(used, config.horizon)
    (env_state, tokens), batch = jax.lax.scan(step, (state.env_state, state.tokens), keys)
    _, last_value = network.apply(state.params, tokens)
    return state.replace(env_state=env_state, tokens=tokens, key=key), batch, last_value


def log_prob(logits: jax.Array, action: jax.Array) -> jax.Array:
    return jnp.take_along_axis(jax.nn.log_softmax(logits), action[..., None], axis=-1)[..., 0]


def gae(config: Config, batch: Rollout, last_value: jax.Array) -> jax.Array:
    """Generalized advantage estimation (Schulman et al. 2016), float32 [T, B]."""

    def backward(carry: tuple[jax.Array, jax.Array], slot: Any) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        advantage, next_value = carry
        reward, value, done = slot
        running = 1.0 - done.astype(jnp.float32)
        delta = reward + config.gamma * next_value * running - value
        advantage = delta + config.gamma * config.gae_lambda * running * advantage
        return (advantage, value), advantage

    start = (jnp.zeros_like(last_value), last_value)
    _, advantages = jax.lax.scan(backward, start, (batch.reward, batch.value, batch.done), reverse=True)
    return advantages


def loss_fn(params: Any, config: Config, network: Any, rows: Rollout, advantages: jax.Array) -> Any:
    """The clipped objective (Schulman et al. 2017, eq. 9) of one minibatch; rows are [R, ...]."""
    logits, value = network.apply(params, rows.tokens)
    ratio = jnp.exp(log_prob(logits, rows.action) - rows.logprob)
    normal = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    policy_loss = -jnp.mean(jnp.minimum(ratio * normal, clipped * normal))
    value_loss = 0.5 * jnp.mean((value - (advantages + rows.value)) ** 2)
    logs = jax.nn.log_softmax(logits)
    entropy = -jnp.mean(jnp.sum(jnp.exp(logs) * logs, axis=-1))
    total = policy_loss + config.value * value_loss - config.entropy * entropy
    return total, {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}


def make_update(config: Config, env: Environment) -> Any:
    """`update(env_params, state) -> (state, metrics)`: a rollout, then `num_epochs` passes over it.

    Compiled; donates the state. Rules and maps are an argument: as constants they would slow the compiler down.
    """
    network, optimizer = make_network(env), make_optimizer(config)

    def one_minibatch(carry: tuple[Any, Any], part: tuple[Rollout, jax.Array]) -> tuple[tuple[Any, Any], Any]:
        params, opt_state = carry
        grads, metrics = jax.grad(loss_fn, has_aux=True)(params, config, network, *part)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), metrics

    def update(env_params: Any, state: State) -> tuple[State, dict[str, jax.Array]]:
        state, batch, last_value = rollout(config, env, env_params, state)
        data = (batch, gae(config, batch, last_value))
        num_rows = config.horizon * config.num_envs * env.num_agents
        flat = jax.tree.map(lambda x: x.reshape(num_rows, *x.shape[2:]), data)

        def one_epoch(carry: tuple[Any, Any], key: jax.Array) -> tuple[tuple[Any, Any], Any]:
            order = jax.random.permutation(key, num_rows).reshape(config.num_minibatches, -1)
            # Rows are gathered minibatch by minibatch: a shuffled copy of all observations would be large.
            return jax.lax.scan(
                lambda carry, rows: one_minibatch(carry, jax.tree.map(lambda x: x[rows], flat)), carry, order
            )

        key, used = jax.random.split(state.key)
        keys = jax.random.split(used, config.num_epochs)
        (params, opt_state), metrics = jax.lax.scan(one_epoch, (state.params, state.opt_state), keys)
        metrics = jax.tree.map(jnp.mean, metrics) | {"reward": jnp.mean(batch.reward)}
        return state.replace(params=params, opt_state=opt_state, key=key), metrics

    return jax.jit(update, donate_argnums=1)


def main(world: str = "forage", num_updates: int = 60, seed: int = 0, config: Config | None = None) -> list[float]:
    config = config or Config()
    env = metta_jax.make(world, num_envs=config.num_envs, seed=seed, stats="none")
    state = jax.jit(init, static_argnums=(0, 1))(config, env, jax.random.key(seed))
    update = make_update(config, env)
    rewards = []
    for index in range(num_updates):
        state, metrics = update(env.params, state)
        values = {name: float(value) for name, value in metrics.items()}
        rewards.append(env.max_steps * values["reward"])
        steps = (index + 1) * config.horizon * config.num_envs * env.num_agents
        print(
            f"{steps:,} agent steps, reward of a full episode {rewards[-1]:.3f}, policy loss "
            f"{values['policy_loss']:.4f}, value loss {values['value_loss']:.4f}, entropy {values['entropy']:.3f}"
        )
    return rewards


if __name__ == "__main__":
    main()
