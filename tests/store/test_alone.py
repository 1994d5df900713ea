"""One of several processes saves without asking the others, and nothing else in Orbax changes."""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

import jax
import pytest

from metta_jax.store import alone


@pytest.fixture
def orbax(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module in the place of Orbax's that writes down which directories it compares."""
    module: Any = ModuleType("orbax_of_a_test")
    module.compared = []
    module._check_directory_consistency = module.compared.append
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(alone, "_MODULE", module.__name__)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    return module


def test_saves_side_by_side(orbax: Any) -> None:
    """The first to end undid it for the second, which then waited forever; the second put back what the first had."""

    def save(has_begun: threading.Event, may_end: threading.Event) -> None:
        with alone.orbax_alone():
            has_begun.set()
            may_end.wait(60)
            orbax._check_directory_consistency("alone")

    events = [(threading.Event(), threading.Event()) for _ in range(2)]
    threads = [threading.Thread(target=save, args=args) for args in events]
    for thread, (has_begun, _) in zip(threads, events, strict=True):
        thread.start()
        assert has_begun.wait(60)
    orbax._check_directory_consistency("meanwhile")
    for thread, (_, may_end) in zip(threads, events, strict=True):
        may_end.set()
        thread.join()
    orbax._check_directory_consistency("afterwards")
    assert orbax.compared == ["meanwhile", "afterwards"]


def test_other_versions_may_not_have_it(orbax: Any) -> None:
    del orbax._check_directory_consistency
    with alone.orbax_alone():
        pass
    assert not hasattr(orbax, "_check_directory_consistency")


def test_one_process_leaves_orbax_alone(orbax: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "process_count", lambda: 1)
    with alone.orbax_alone():
        orbax._check_directory_consistency("as ever")
    assert orbax.compared == ["as ever"]


def test_this_version_has_it() -> None:
    """Otherwise `alone.py` can go, or has to replace something else."""
    assert callable(getattr(importlib.import_module(alone._MODULE), alone._COMPARISON))
