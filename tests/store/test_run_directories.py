"""A run's directory stands for the policies in it: people name it first."""

from __future__ import annotations

from pathlib import Path

import pytest

from metta_jax.store import PolicyStore, load_checkpoint
from tests.store.policies import save_epochs


def test_a_run_stands_for_its_policies(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path / "run" / "checkpoints")
    save_epochs(store, 1, 3)
    found = PolicyStore().policy_records(tmp_path / "run", "all")
    assert [record.metadata.epoch for record in found] == [1, 3]
    assert load_checkpoint(PolicyStore(), str(tmp_path / "run")).metadata.epoch == 3
    (tmp_path / "other" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ValueError, match=f"^No policy records found at {tmp_path / 'other'}$"):
        load_checkpoint(PolicyStore(), str(tmp_path / "other"))
