"""Old policies are really deleted, and those that are needed are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest

import metta_jax.api
from metta_jax.store import PolicyStore, cleanup_old_policies
from metta_jax.store.checkpoint import write_checkpoint
from tests.store.policies import small_agent, small_params


def _save(directory: Path, *epochs: int, **metadata: Any) -> PolicyStore:
    store = PolicyStore(directory)
    for epoch in epochs:
        store.save(small_agent(), small_params(), epoch, metadata)
    return store


def _save_state(directory: Path, count: int, policy_path: str | None) -> None:
    document = {
        "agent_step": 1,
        "epoch": 1,
        "rollout_count": count,
        "policy_path": policy_path,
        "stopwatch_state": {},
        "trainer_config": {},
        "extra": {},
    }
    target = directory / "trainer_state" / str(count)
    write_checkpoint(target, {"a": jnp.zeros(1)}, document, json_name="trainer.json", arrays_name="state")


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_newest_are_kept_by_epoch_not_by_name(tmp_path: Path) -> None:
    _save(tmp_path, 0, 9000, 10000, 200, 30)
    (tmp_path / "policy_0001.pt").write_text("what the original looked for")
    (tmp_path / "notes").mkdir()
    assert cleanup_old_policies(tmp_path, keep_last_n=2) == [
        tmp_path / "model_0000",
        tmp_path / "model_0030",
        tmp_path / "model_0200",
    ]
    assert _names(tmp_path) == ["model_10000", "model_9000", "notes", "policy_0001.pt"]
    assert cleanup_old_policies(str(tmp_path), keep_last_n=2) == []
    assert len(cleanup_old_policies(tmp_path, keep_last_n=0)) == 2


def test_five_by_default(tmp_path: Path) -> None:
    _save(tmp_path, *range(1, 8))
    assert [path.name for path in cleanup_old_policies(tmp_path)] == ["model_0001", "model_0002"]


def test_a_missing_directory(tmp_path: Path) -> None:
    assert cleanup_old_policies(tmp_path / "nowhere") == []
    with pytest.raises(ValueError, match="^keep_last_n: -1 is less than 0$"):
        cleanup_old_policies(tmp_path, keep_last_n=-1)


def test_what_a_training_state_needs_is_kept(tmp_path: Path) -> None:
    _save(tmp_path, 0, 1, 2, 3, 4)
    _save_state(tmp_path, 10, "model_0002")
    _save_state(tmp_path, 11, None)
    assert [path.name for path in cleanup_old_policies(tmp_path, keep_last_n=1)] == ["model_0001", "model_0003"]
    assert _names(tmp_path) == ["model_0000", "model_0002", "model_0004", "trainer_state"]


def test_the_parent_of_a_kept_policy_is_kept(tmp_path: Path) -> None:
    _save(tmp_path, 0, 1)
    _save(tmp_path, 2, initial_pr=f"file://{tmp_path}/model_0000")
    assert [path.name for path in cleanup_old_policies(tmp_path, keep_last_n=1)] == ["model_0001"]


def test_links_are_left_alone(tmp_path: Path) -> None:
    _save(tmp_path / "a", 1)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "model_0001").symlink_to(tmp_path / "a" / "model_0001")
    assert cleanup_old_policies(tmp_path / "b", keep_last_n=0) == []
    assert (tmp_path / "a" / "model_0001" / "policy.json").exists()


def test_a_deleted_policy_is_gone_from_the_store(tmp_path: Path) -> None:
    store = _save(tmp_path, 1, 2)
    store.load_from_uri(tmp_path / "model_0001")
    cleanup_old_policies(tmp_path, keep_last_n=1)
    with pytest.raises(ValueError, match="No policy records found"):
        store.load_from_uri(tmp_path / "model_0001")


def test_it_is_public() -> None:
    assert metta_jax.api.cleanup_old_policies is cleanup_old_policies
