# %% [markdown]
# # metta_jax in a notebook
# Cells are marked with `# %%`: VS Code, PyCharm and Jupytext open this file as a notebook.

# %%
import jax
import jax.numpy as jnp

from metta_jax.api import Agent, Environment, StateView, TrainerConfig, TrainingComponents, evaluate_policy

env = Environment("forage", num_envs=2, num_agents=4, width=12, height=12)
agent = Agent(env, "fast")
StateView(env, jax.jit(env.reset)(env.params, jax.random.key(0))[0])  # a picture of the first map

# %%
config = TrainerConfig(batch_size=64, minibatch_size=32, bptt_horizon=8)
training = TrainingComponents.create(env, agent, config)
state = training.init(jax.random.key(0))

# %% run this cell as often as you like: `state` continues
for _ in range(2):
    state, batch = training.rollout(state)
    state, metrics = training.update(state, batch)
print({name: round(float(value), 4) for name, value in metrics.items() if name.startswith("losses/")})

# %% a rollout is arrays: look at them
print(batch.observation.shape, batch.reward.shape)
action_counts = jnp.bincount(batch.action[..., 0].ravel(), length=len(env.action_names))
print(dict(zip(env.action_names, action_counts.tolist(), strict=True)))
StateView(env, state.env_state, index=1)

# %% how good is it?
scores = evaluate_policy((agent, state.params), env, num_episodes=2)
print(scores)
