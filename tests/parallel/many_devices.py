"""A program: one run on 1, 2, 4 and 8 simulated devices, compared. `test_many_devices.py` runs it."""

from __future__ import annotations

import jax
import numpy as np

from metta_jax.parallel import shard_training
from metta_jax.rl import TrainingComponents
from metta_jax.rl.programs import ACTING_FIELDS
from metta_jax.worlds.environment import Environment
from tests.curriculum.mines import mines
from tests.parallel.runs import assert_close, exchanges
from tests.rl.probes import ProbeAgent
from tests.rl.training import config


def main() -> None:
    jax.config.update("jax_num_cpu_devices", 8)  # loading the modules above has not started JAX
    env = Environment(env_config=mines(0.25, 7, episode_truncates=True), num_envs=8)
    for row_groups in (1, 8):
        compare(env, row_groups)


def compare(env: Environment, row_groups: int) -> None:
    """Three updates on 2, 4 and 8 devices, and on one."""
    settings = config(
        minibatch_size=64,
        prioritized_experience_replay={"prio_alpha": 0.7},
        update_epochs=2,
        row_groups=row_groups,
    )
    training = TrainingComponents.create(env, ProbeAgent(), settings)
    one = training.init(jax.random.key(0))
    for _ in range(3):
        one, expected = training.train_step(one)
    for count in (2, 4, 8):
        sharded = shard_training(training, count)
        state = sharded.init(jax.random.key(0))
        for _ in range(3):
            state, metrics = sharded.train_step(state)
        assert_close(state, one)
        assert_close(metrics, expected)
        worst = max(
            float(np.max(np.abs(np.asarray(x, np.float64) - np.asarray(y, np.float64)), initial=0.0))
            for x, y in zip(jax.tree.leaves(state.params), jax.tree.leaves(one.params), strict=True)
        )
        programs, numbers = sharded.programs, sharded.hyperparameters
        played = programs.rollout.lower(numbers, env.params, state.replace(experience=None)).compile()
        learning = state.replace(**dict.fromkeys(ACTING_FIELDS))
        learned = programs.update.lower(numbers, learning, state.experience).compile()
        assert exchanges(played.as_text()) == []
        found = sorted(exchanges(learned.as_text()))
        if row_groups == 1:
            assert found == ["all-gather", "all-gather", "all-reduce"], found
        else:
            assert found.count("all-gather") == 1, found  # of 2 numbers of each device
            assert set(found) == {"all-gather", "all-reduce"}, found
        print(f"{count} devices, {row_groups} groups: parameters differ by at most {worst:.1e}")


if __name__ == "__main__":
    main()
