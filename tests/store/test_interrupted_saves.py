"""A policy that is being saved: seen whole or not at all, and the old one stays until then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metta_jax.store import PolicyStore, load_checkpoint
from metta_jax.store.checkpoint import write_checkpoint
from metta_jax.store.policy_file import describe_policy, flat_params
from tests.store.policies import same, small_agent, small_params


def test_a_crash_while_saving_leaves_the_old_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = PolicyStore(tmp_path)
    store.save(small_agent(), small_params(1), 1)

    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    rename = Path.rename
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", lambda self, to: crash() if self.name.endswith(".new") else rename(self, to))
        store.save(small_agent(), small_params(2), 1)
    assert [path.name for path in tmp_path.iterdir()] == [".model_0001.old"]
    record = load_checkpoint(PolicyStore(tmp_path), tmp_path)
    assert (record.run_name, same(record.params, small_params(1))) == ("model_0001", True)
    store.save(small_agent(), small_params(3), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["model_0001"]


def test_parts_of_a_write_are_not_listed(tmp_path: Path) -> None:
    """While a policy is being written it cannot be seen; afterwards it is whole."""
    seen: list[int] = []
    leaves = {name: leaf for name, (_, leaf) in flat_params(small_params()).items()}
    document = describe_policy(
        small_agent(), small_params(), {"epoch": 1, "agent_step": 0, "generation": 0, "train_time": 0}
    )

    class Watched(dict):
        def items(self) -> Any:
            seen.append(len(list(tmp_path.glob("[!.]*"))))
            return super().items()

    write_checkpoint(tmp_path / "model_0001", Watched(leaves), document, json_name="policy.json", arrays_name="params")
    assert seen
    assert not any(seen)
    assert same(load_checkpoint(PolicyStore("x"), tmp_path).params, small_params())
