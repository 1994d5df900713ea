"""Policies on disk found again: directories, uris, selectors; the cache, threads, saving in the background."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from metta_jax.sim import EvalRewardSummary
from metta_jax.store import PolicyStore, load_checkpoint
from metta_jax.store.selectors import metric_value
from tests.store.policies import same, save_epochs, small_agent, small_params


@pytest.fixture
def store(tmp_path: Path) -> PolicyStore:
    return PolicyStore(tmp_path / "checkpoints")


# -- finding ----------------------------------------------------------------------------------------------------------


def test_a_directory_is_listed_by_epoch_and_selected_from(store: PolicyStore) -> None:
    save_epochs(store, 300, 20, 1000, 12345, score=lambda epoch: -abs(epoch - 290))
    (store.checkpoint_dir / "trainer_state" / "4").mkdir(parents=True)
    (store.checkpoint_dir / "notes.txt").write_text("not a policy")
    (store.checkpoint_dir / "empty").mkdir()
    uri = f"file://{store.checkpoint_dir}"
    for where in (uri, str(store.checkpoint_dir), store.checkpoint_dir):
        assert [record.metadata.epoch for record in store.policy_records(where, "all")] == [20, 300, 1000, 12345]
    assert store.policy_record(uri).metadata.epoch == 300
    assert store.policy_record(uri, "latest").metadata.epoch == 12345
    assert [record.metadata.epoch for record in store.policy_records(uri, "top", 2, "epoch")] == [12345, 1000]
    assert store.policy_record(uri, "rand", key=jax.random.key(1)).metadata.epoch in (20, 300, 1000, 12345)
    assert store.policy_record(f"{uri}/model_0020", "specific").metadata.epoch == 20
    assert store.policy_record(f"{uri}/model_0020").metadata.epoch == 20
    assert load_checkpoint(store, uri).metadata.epoch == 12345
    with pytest.raises(ValueError, match=f"^Expected 1 policy record at {uri}, found 4$"):
        store.policy_record(uri, "all")
    with pytest.raises(ValueError, match="^specific: the URI names 4 policies, not one$"):
        store.policy_record(uri, "specific")
    assert not any(record.is_loaded for record in store.policy_records(uri, "all"))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("nowhere", "^No policy records found at nowhere$"),
        ("file://nowhere", "^No policy records found at file://nowhere$"),
        ("wandb://run/x", "wandb:// is not supported"),
        ("pytorch://x.pt", "pytorch:// is not supported"),
        ("s3://bucket/x", "^Invalid URI: s3://bucket/x: s3:// is not supported; policies are files, use file://path$"),
        (
            "file://http://x",
            "^Invalid URI: file://http://x: http:// is not supported; policies are files, use file://path$",
        ),
        ("", "^Invalid URI: ''$"),
        ("file://", "^Invalid URI: file://$"),
        ("a\0b", "^Invalid URI: 'a"),
        (None, "^Invalid URI: None$"),
        (3, "^Invalid URI: 3$"),
        (b"x", "^Invalid URI: b'x'$"),
    ],
)
def test_uris_that_name_no_policy(store: PolicyStore, uri: Any, message: str) -> None:
    for call in (store.policy_record, store.policy_records, store.load_from_uri):
        with pytest.raises(ValueError, match=message):
            call(uri)
    with pytest.raises(ValueError, match=message):
        load_checkpoint(store, uri)


def test_a_uri_that_names_one_policy_leaves_nothing_to_choose(
    store: PolicyStore, caplog: pytest.LogCaptureFixture
) -> None:
    save_epochs(store, 1, 2)
    for selector in ("all", "latest", "rand", "top", "specific"):
        record = store.policy_record(store.checkpoint_dir / "model_0001", selector, metric="unknown")
        assert record.metadata.epoch == 1
    assert not caplog.records


def test_selectors_are_checked_before_anything_is_read(store: PolicyStore) -> None:
    with pytest.raises(ValueError, match="^Invalid selector type: best$"):
        store.policy_record("nowhere", "best")


def test_a_directory_without_policies(store: PolicyStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^No policy records found at {tmp_path}$"):
        load_checkpoint(store, tmp_path)
    save_epochs(store, 1)
    with pytest.raises(ValueError, match="^No policy records found at "):
        store.load_from_uri(store.checkpoint_dir)  # a directory of policies is not a policy


# -- cache, threads, background ---------------------------------------------------------------------------------------


def test_the_cache_keeps_records_until_they_change_on_disk(store: PolicyStore) -> None:
    save_epochs(store, 1)
    path = store.checkpoint_dir / "model_0001"
    record = store.load_from_uri(path)
    assert not record.is_loaded  # saved records are cached without their arrays
    params = record.params
    assert store.load_from_uri(f"file://{path}") is record
    assert store.policy_record(path).params is params
    PolicyStore(store.checkpoint_dir).save(small_agent(), small_params(9), 1)  # as another process would
    assert same(store.load_from_uri(path).params, small_params(9))
    assert same(record.params, small_params(1))  # a record that holds its policy keeps it


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path, cache_size=2)
    save_epochs(store, 1, 2, 3)
    assert len(store._cache) == 2
    first = store.load_from_uri(tmp_path / "model_0001")
    save_epochs(store, 4, 5)
    assert store.load_from_uri(tmp_path / "model_0001") is not first


def test_many_threads_load_once(store: PolicyStore) -> None:
    save_epochs(store, 1)
    record = store.load_from_uri(store.checkpoint_dir / "model_0001")
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(record.params)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    assert all(params is found[0] for params in found)


def test_saving_in_the_background(tmp_path: Path) -> None:
    store = PolicyStore(tmp_path, asynchronous=True)
    params = jax.tree.map(jnp.copy, small_params(2))
    record = store.save(small_agent(), params, 2)
    jax.tree.map(lambda leaf: leaf.delete(), params)  # as donation does
    assert same(record.params, small_params(2))  # waits
    store.save(small_agent(), small_params(3), 3)
    assert len(store.policy_records(tmp_path, "all")) == 2
    store.wait()


def test_saving_again_replaces(store: PolicyStore) -> None:
    save_epochs(store, 1)
    store.save(small_agent(), small_params(7), 1, {"score": 2})
    assert [path.name for path in store.checkpoint_dir.iterdir()] == ["model_0001"]
    record = load_checkpoint(store, store.checkpoint_dir)
    assert record.metadata.score == 2
    assert same(record.params, small_params(7))


def test_metadata_can_be_added_to_a_stored_policy(store: PolicyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    save_epochs(store, 1, 2, run=str)
    record = store.load_from_uri(store.checkpoint_dir / "model_0001")
    before = json.loads((record.file_path / "policy.json").read_bytes())
    scores = EvalRewardSummary({"room": 0.5, "hall": 0.75}, {("room", "small"): 0.25, ("hall", "wide"): 0.75})
    assert store.update_metadata(record, scores.to_metadata()) is record
    after = json.loads((record.file_path / "policy.json").read_bytes())
    assert {name for name in after if after[name] != before[name]} == {"metadata", "sha256"}
    fresh = PolicyStore(store.checkpoint_dir).load_from_uri(str(record.uri))
    assert fresh.metadata == record.metadata == store.load_from_uri(str(record.uri)).metadata
    assert (fresh.metadata.run, fresh.metadata.score, fresh.metadata.avg_reward) == ("1", 0.5, 0.625)
    assert same(fresh.params, small_params(1))
    for metric, value in (("room", 0.5), ("hall/wide", 0.75), ("avg_category_score", 0.625), ("score", 0.5)):
        assert metric_value(fresh.metadata, metric) == value
    store.update_metadata(store.load_from_uri(store.checkpoint_dir / "model_0002"), {"score": 0.75})
    assert store.policy_record(store.checkpoint_dir, "top").metadata.epoch == 2

    with pytest.raises(ValueError, match="metadata.x: a value of type object"):
        store.update_metadata(record, {"x": object()})
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            store.update_metadata(record, {"score": 1.0})
    assert PolicyStore(store.checkpoint_dir).load_from_uri(str(record.uri)).metadata == fresh.metadata
    assert sorted(path.name for path in record.file_path.iterdir()) == ["params", "policy.json"]
    shutil.rmtree(record.file_path)
    with pytest.raises(ValueError, match="not a checkpoint"):
        store.update_metadata(record, {"score": 1.0})
