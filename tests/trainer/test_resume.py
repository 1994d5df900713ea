"""What resumes in addition to the training state."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jax
import pytest

from metta_jax.monitor import Stopwatch
from metta_jax.rl.train_state import StepCounter
from metta_jax.store import PolicyStore, save_train_state
from metta_jax.trainer import resume_run
from tests.rl.training import variant
from tests.store.policies import small_agent, small_params


def _saved_timers() -> dict[str, Any]:
    """100 seconds, 60 of them until the last lap; it was running when it was saved."""
    now = [0.0]
    watch = Stopwatch(clock=lambda: now[0])
    watch.start()
    now[0] = 60.0
    watch.lap_all(128, exclude_global=False)
    now[0] = 100.0
    return watch.save_state()


def test_times_go_on_and_the_last_policy_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    training = variant("default")
    store = PolicyStore(tmp_path)
    fresh = training.init(jax.random.key(0))
    training.timer.reset_all()
    assert resume_run(training, store, fresh) is None
    assert training.timer.get_elapsed() == 0

    state = fresh.replace(agent_step=StepCounter.create(128))
    record = store.save(small_agent(), small_params(), 2)
    save_train_state(tmp_path, state, training, policy_path=record, stopwatch_state=_saved_timers())
    found = resume_run(training, store, state)
    assert found is not None
    assert found.uri == record.uri
    summary = training.timer.get_summary()
    assert (summary["total_elapsed"], summary["is_running"]) == (100.0, False)
    # Without a lap that begins here, the first one would contain what came after the last one, and its steps.
    assert (summary["checkpoints"][-1]["elapsed"], summary["checkpoints"][-1]["steps"]) == (100.0, 128)

    training.timer.reset_all()
    assert resume_run(training, store, fresh) is None, "this state is from elsewhere"
    assert training.timer.get_elapsed() == 0
    assert caplog.text == ""
    shutil.rmtree(record.file_path)
    save_train_state(tmp_path, state, training, policy_path=record, stopwatch_state={"mine": 1})
    assert resume_run(training, store, state) is None
    assert training.timer.get_summary()["checkpoints"][-1]["steps"] == 128
    assert "Times begin at 0" in caplog.text
    assert "The policy that the training state names cannot be used" in caplog.text
