"""With as many groups of rows as devices, rows stay where they were collected."""

from __future__ import annotations

import re
from typing import Any

import jax
import pytest

from metta_jax.parallel import shard_training
from metta_jax.parallel.own_rows import OwnRows
from metta_jax.parallel.whole_rows import WholeRows
from metta_jax.rl import TrainingComponents
from metta_jax.rl.programs import ACTING_FIELDS
from tests.parallel.runs import assert_close, assert_same_run, exchanges
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import config, manual_rollout, manual_update

DRAWN = {"prioritized_experience_replay": {"prio_alpha": 0.7}, "ppo": {"norm_adv": True}}
SHUFFLED = {"minibatch_rows": "shuffled"}


def make(**changes: Any) -> TrainingComponents:
    settings = config(row_groups=2, update_epochs=2, optimizer={"learning_rate": 0.01}, **changes)
    return TrainingComponents.create(ProbeEnv(num_envs=4), ProbeAgent(), settings)


@pytest.mark.parametrize("changes", [DRAWN, SHUFFLED], ids=["drawn", "shuffled"])
def test_two_devices_make_the_run_of_one(changes: dict[str, Any]) -> None:
    training = make(**changes)
    sharded = shard_training(training)
    assert isinstance(sharded.plan.rows, OwnRows)
    assert_same_run(training, sharded, jax.random.key(3))


def test_the_loop_by_hand() -> None:
    training = make(**DRAWN)
    sharded = shard_training(training)
    one, two = training.init(jax.random.key(1)), sharded.init(jax.random.key(1))
    one, expected = manual_update(training, manual_rollout(training, one))
    two, actual = manual_update(sharded, manual_rollout(sharded, two))
    assert_close(actual, expected)
    assert_close(two, one)


def test_what_devices_exchange() -> None:
    """No rows. The mean gradient of each minibatch, 2 numbers for `norm_adv`, and single numbers for the metrics."""
    sharded = shard_training(make(**DRAWN))
    state, _ = sharded.rollout(sharded.init(jax.random.key(0)))
    learning = state.replace(**dict.fromkeys(ACTING_FIELDS))
    program = sharded.programs.update.lower(sharded.hyperparameters, learning, state.experience).compile()
    text = str(program.as_text())
    gathered = re.findall(r"= (\S+) all-gather(?:-start)?\(", text)
    assert len(gathered) == 1
    assert gathered[0].startswith("f32[2,2]")
    assert set(exchanges(text)) == {"all-gather", "all-reduce"}
    num_params = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    summed = [
        int(size or 1)
        for result in re.findall(r"= (.+) all-reduce(?:-start)?\(", text)
        for size in re.findall(r"[a-z]+\d+\[(\d*)\]", result)
    ]
    assert sorted(summed)[-2:] == [1, num_params + 12]  # and 12 sums of the loss


def test_when_rows_are_exchanged_all_the_same() -> None:
    """Where groups are not whole on a device, or values go back to rows anywhere."""
    assert isinstance(shard_training(make(value_write_back=True)).plan.rows, WholeRows)
    one_group = TrainingComponents.create(ProbeEnv(num_envs=4), ProbeAgent(), config())
    assert isinstance(shard_training(one_group).plan.rows, WholeRows)
