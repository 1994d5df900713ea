"""MemoryMonitor: what is tracked, what is held, what is reported."""

from __future__ import annotations

import gc
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from metta_jax.monitor import MemoryMonitor
from tests.rl.training import variant

_MB = 1024 * 1024


class _State(struct.PyTreeNode):
    params: Any
    count: Any


def _state(rows: int = 1024) -> _State:
    return _State(params={"w": jnp.zeros((rows, 256), jnp.float32)}, count=jnp.int32(0))


@pytest.fixture
def memory() -> MemoryMonitor:
    return MemoryMonitor()


def test_sizes_and_their_change(memory: MemoryMonitor) -> None:
    held: dict[str, Any] = {"a": np.zeros(_MB, np.uint8)}
    memory.add(held, name="held")
    held["b"] = np.zeros(_MB // 2, np.uint8)
    assert memory.get("held") == {
        "current_size": _MB * 3 // 2,
        "current_size_mb": 1.5,
        "initial_size": _MB,
        "size_change": _MB // 2,
        "size_change_mb": 0.5,
        "is_weak": False,
    }
    assert memory.stats() == {"held": 1.5}


def test_stats_leave_small_things_out(memory: MemoryMonitor) -> None:
    memory.add([np.zeros(1049, np.uint8)], name="above")  # 0.001 MB are 1048.576 bytes
    memory.add([np.zeros(1048, np.uint8)], name="below")
    assert memory.stats() == {"above": 1049 / _MB}


def test_attributes(memory: MemoryMonitor) -> None:
    state = _state()
    memory.add(state, name="state", track_attributes=True)
    assert memory.stats() == {"state": pytest.approx(1.0 + 4 / _MB), "state.params": 1.0}
    assert memory.get("state.count")["current_size"] == 4
    memory.add({"x": np.zeros(_MB, np.uint8)}, name="mapping", track_attributes=True)
    assert memory.get("mapping.x")["current_size"] == _MB


def test_an_object_is_not_kept_alive(memory: MemoryMonitor) -> None:
    state = _state()
    memory.add(state, name="state", track_attributes=True)
    assert memory.get("state")["is_weak"]
    assert memory.get("state.params")["is_weak"]
    del state
    gc.collect()
    assert memory.get("state") == memory.get("state.params") == {"status": "garbage_collected"}
    assert memory.stats() == {}


def test_update_gives_the_object_of_the_next_step(memory: MemoryMonitor) -> None:
    state = _state(rows=1024)
    memory.add(state, name="state", track_attributes=True)
    state = _state(rows=2048)
    memory.update("state", state)
    assert memory.get("state.params")["initial_size"] == _MB
    assert memory.get("state.params")["size_change_mb"] == 1.0
    with pytest.raises(ValueError, match="nothing is tracked as 'stat' .tracked: state"):
        memory.update("stat", state)


def test_a_getter_is_asked_at_each_reading(memory: MemoryMonitor) -> None:
    state = _state(rows=1024)
    memory.add(lambda: state, name="state", track_attributes=True)
    assert memory.stats()["state.params"] == 1.0
    state = _state(rows=4096)
    assert memory.stats()["state.params"] == 4.0
    assert memory.get("state")["is_weak"] is False


def test_a_getter_that_fails_is_an_error_of_the_entry(memory: MemoryMonitor) -> None:
    held = {"a": np.zeros(_MB, np.uint8), "b": np.zeros(_MB, np.uint8)}
    memory.add(lambda: held, name="held", track_attributes=True)
    del held["a"]
    assert memory.get("held.a") == {"status": "error"}
    assert memory.stats() == {"held": 1.0, "held.b": 1.0}


def test_a_donated_state_holds_nothing(memory: MemoryMonitor) -> None:
    state = {"w": jnp.zeros((1024, 256), jnp.float32)}
    memory.add(state, name="state")
    new = jax.jit(lambda tree: {"w": tree["w"] + 1}, donate_argnums=0)(state)
    assert memory.stats() == {}
    memory.update("state", new)
    assert memory.stats() == {"state": 1.0}


def test_names(memory: MemoryMonitor) -> None:
    state = _state()
    memory.add(state)
    (name,) = memory.stats()
    assert name.startswith("test_memory_monitor.py:")
    assert name.endswith("._State")


def test_remove_and_clear(memory: MemoryMonitor) -> None:
    memory.add(_state, name="getter", track_attributes=True)
    memory.add([1], name="other")
    assert memory.remove("getter")
    assert not memory.remove("getter")
    assert memory.get("getter.params") == memory.get("getter") == {}
    memory.clear()
    assert memory.get("other") == {}


def test_device_memory_of_devices_that_report_it(memory: MemoryMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.device_memory() == {}, "a CPU reports nothing"

    class Device:
        def __init__(self, name: str, report: dict[str, int] | None) -> None:
            self.name, self.report = name, report

        def __str__(self) -> str:
            return self.name

        def memory_stats(self) -> dict[str, int] | None:
            return self.report

    report = {"bytes_in_use": 5, "peak_bytes_in_use": 7, "bytes_limit": 100, "num_allocs": 3}
    monkeypatch.setattr(jax, "local_devices", lambda: [Device("gpu:0", report), Device("gpu:1", None)])
    assert memory.device_memory() == {"gpu:0": {"bytes_in_use": 5, "peak_bytes_in_use": 7, "bytes_limit": 100}}


def test_the_calls_of_the_guide(memory: MemoryMonitor) -> None:
    """The bundle holds no training state; its size is that of the description."""
    training = variant("accumulated")
    state = training.init(jax.random.key(0))
    memory.add(training, name="TrainingComponents", track_attributes=True)
    memory.add(training.plan.agent, name="Agent")
    memory.add(state, name="TrainState", track_attributes=True)
    assert {"TrainingComponents.plan", "TrainingComponents.timer", "TrainState.experience"} <= set(memory._entries)
    arrays = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    assert memory.get("TrainState")["current_size"] == arrays
    parts = [memory.get(f"TrainState.{name}")["current_size"] for name in ("experience", "params", "opt_state")]
    assert parts == [
        sum(leaf.nbytes for leaf in jax.tree.leaves(part)) for part in (state.experience, state.params, state.opt_state)
    ]
    assert 0 < memory.get("TrainingComponents")["current_size"] < 2**20
    assert not {"TrainingComponents.experience", "TrainingComponents.params"} & set(memory._entries)
