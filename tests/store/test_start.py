"""Which policy a run starts from."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import pytest

from metta_jax.config import InitialPolicyConfig
from metta_jax.store import PolicyStore, find_initial_policy
from tests.store.policies import same, small_agent, small_params
from tests.store.test_cleanup import _save_state

KEY = jax.random.key(0)


def test_the_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = PolicyStore(tmp_path / "run")
    record = find_initial_policy(store, small_agent(), KEY)
    assert record.uri == f"file://{tmp_path}/run/model_0000"
    assert same(record.params, small_agent().init(KEY))
    assert find_initial_policy(store, small_agent(), jax.random.key(1)).uri == record.uri  # not made again
    assert same(find_initial_policy(store, small_agent(), jax.random.key(1)).params, record.params)

    other = PolicyStore(tmp_path / "other")
    for epoch, score in ((1, 0.9), (2, 0.1), (3, 0.5)):
        other.save(small_agent(), small_params(epoch), epoch, {"score": score, "world": "a" if epoch > 1 else "b"})
    for fields, epoch in (
        ({}, 3),  # the metric is "epoch" unless something else is said
        ({"metric": "score"}, 1),
        ({"metric": "score", "filters": {"world": "a"}, "range": 2}, 3),
        ({"type": "latest"}, 3),
    ):
        wanted = InitialPolicyConfig.model_validate({"uri": str(tmp_path / "other"), **fields})
        assert find_initial_policy(store, small_agent(), KEY, wanted).metadata.epoch == epoch
    specific = InitialPolicyConfig(uri=f"file://{tmp_path}/other/model_0002", type="specific")
    assert find_initial_policy(store, small_agent(), KEY, specific).metadata.epoch == 2

    store.save(small_agent(), small_params(4), 4)
    _save_state(tmp_path / "run", 5, "model_0004")
    assert find_initial_policy(store, small_agent(), KEY, specific).metadata.epoch == 4
    shutil.rmtree(tmp_path / "run" / "model_0004")
    assert find_initial_policy(store, small_agent(), KEY, specific).metadata.epoch == 2
    assert "The policy that the training state names cannot be used" in caplog.text


def test_what_cannot_be_found(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path)
    with pytest.raises(ValueError, match="^No policy records found at nowhere$"):
        find_initial_policy(store, small_agent(), KEY, InitialPolicyConfig(uri="nowhere"))
    store.save(small_agent(), small_params(), 1)
    wanted = InitialPolicyConfig(uri=str(tmp_path), filters={"run": "x"})
    with pytest.raises(ValueError, match=r"^initial_policy\.filters: none of the 1 policies"):
        find_initial_policy(store, small_agent(), KEY, wanted)
