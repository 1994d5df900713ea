"""Checkpoints at odd places are written completely, or refused without touching what was there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp

from metta_jax.store import PolicyStore, arrays, cleanup_old_policies, load_pytree, save_pytree
from metta_jax.store.files import SaveError, delete_directory
from tests.store.policies import small_agent, small_params

ODD = [
    "x[1]/ck",
    "lr=[0.1, 0.2]/ck",
    "ck[1]",
    "[",
    "a]",
    "[!x]",
    "[]]",
    "back\\slash/ck",
    "star*",
    "what?",
    "**",
    "**/ck",
    "{a,b}",
    "~",
    "$HOME",
    "spaces in it / and around ",
    "Grüße/漢字",
    "e\u0301 and \u00e9",
    "100%/%20",
    "quo'te\"s",
    "`id`;#&|<>",
    "a:b",
    "gs:/bucket",
    "s3:/bucket",
    "file:/x",
    "-x",
    "line\nbreak",
    "tab\tbell\a",
    "..x",
    ".hidden/ck",
    ".ck",
    "ck.old",
    "ck.new",
    "ck.orbax-checkpoint-tmp",
    "ocdbt.process_0/ck",
    "n" * 200,
    "n" * 250,
    "漢" * 80,
    "/".join(["deep" * 40] * 12),
    os.fsdecode(b"latin-1 \xe9/\xff"),
]


def _tree(start: float) -> dict[str, jax.Array]:
    return {"a": jnp.arange(start, start + 3.0), "key": jax.random.key(int(start))}


def _assert_is(path: Path | str, start: float) -> None:
    loaded = load_pytree(path, _tree(0.0))
    assert loaded is not None
    np.testing.assert_array_equal(np.asarray(loaded["a"]), np.asarray(_tree(start)["a"]))
    assert bool(jnp.all(jax.random.key_data(loaded["key"]) == jax.random.key_data(_tree(start)["key"])))


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_odd_names(tmp_path: Path, name: str) -> None:
    for start in (1.0, 2.0, 3.0):
        assert save_pytree(tmp_path / name, _tree(start)) == tmp_path / name
        _assert_is(tmp_path / name, start)
    assert [entry.name for entry in (tmp_path / name).parent.iterdir()] == [Path(name).name]


@pytest.mark.parametrize("name", ["x[1]", "gs:/x", os.fsdecode(b"\xe9"), "quo'te"], ids=ascii)
def test_odd_names_of_a_store(tmp_path: Path, name: str) -> None:
    store = PolicyStore(tmp_path / name)
    for epoch in (1, 1, 2):
        store.save(small_agent(), small_params(), epoch)
    record = PolicyStore(tmp_path / name).policy_record(tmp_path / name, "latest")
    assert record.metadata.epoch == 2
    assert record.num_params() > 0
    assert PolicyStore().load_from_uri(str(record.uri)).metadata.epoch == 2
    assert [path.name for path in cleanup_old_policies(tmp_path / name, 1)] == ["model_0001"]


def test_relative_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    for name in ("ck", "./ck", "../c[k]", "../b/./ck"):
        for start in (1.0, 2.0):
            assert save_pytree(name, _tree(start)).is_absolute()
            _assert_is(name, start)
    for name in ("", ".", "..", "/"):
        with pytest.raises(ValueError, match=r"cannot be the directory of a checkpoint|is not a checkpoint"):
            save_pytree(name, _tree(1.0))
    assert (tmp_path / "b" / "ck").is_dir()


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="251 bytes, more than 250"):
        save_pytree(tmp_path / ("n" * 251), _tree(1.0))
    with pytest.raises(ValueError, match="252 bytes, more than 250"):
        save_pytree(tmp_path / ("é" * 126), _tree(1.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".a.old", ".a.0123abcd.deleted", ".a.host-12-0123abcd.new"])
def test_names_that_are_ours_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="names of this form are reserved"):
        save_pytree(tmp_path / name, _tree(1.0))
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_directory_with_an_odd_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t[1]").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t[1]"))
    save_pytree(tmp_path / "x[1]", _tree(1.0))
    _assert_is(tmp_path / "x[1]", 1.0)
    assert list((tmp_path / "t[1]").iterdir()) == []


def test_a_directory_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "re[a]l").mkdir()
    (tmp_path / "link").symlink_to("re[a]l")
    for start in (1.0, 2.0):
        save_pytree(tmp_path / "link" / "ck", _tree(start))
        _assert_is(tmp_path / "re[a]l" / "ck", start)
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("is_dangling", [False, True])
def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path, is_dangling: bool) -> None:
    if not is_dangling:
        save_pytree(tmp_path / "real" / "ck", _tree(9.0))
    (tmp_path / "link").symlink_to(tmp_path / "real" / "ck")
    for start in (1.0, 2.0, 3.0):
        save_pytree(tmp_path / "link", _tree(start))
        _assert_is(tmp_path / "link", start)
    if not is_dangling:
        _assert_is(tmp_path / "real" / "ck", 9.0)
    delete_directory(tmp_path / "link")
    assert load_pytree(tmp_path / "link", _tree(0.0)) is None
    assert {entry.name for entry in tmp_path.iterdir()} <= {"real"}


def test_a_link_is_deleted_and_what_it_points_to_stays(tmp_path: Path) -> None:
    save_pytree(tmp_path / "ck", _tree(9.0))
    (tmp_path / "link").symlink_to("ck")
    delete_directory(tmp_path / "link")
    assert [entry.name for entry in tmp_path.iterdir()] == ["ck"]


def test_leftovers_that_are_links_are_replaced(tmp_path: Path) -> None:
    """An older version could move a link aside and fail to remove it."""
    (tmp_path / ".a.old").symlink_to("nowhere")
    for start in (1.0, 2.0):
        save_pytree(tmp_path / "a", _tree(start))
        _assert_is(tmp_path / "a", start)
    delete_directory(tmp_path / "a")
    assert load_pytree(tmp_path / "a", _tree(0.0)) is None
    (tmp_path / ".b.old").write_text("mine")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"\.b\.old: exists and is not a checkpoint"):
            save_pytree(tmp_path / "b", _tree(1.0))
    assert (tmp_path / ".b.old").read_text() == "mine"


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"notes: exists and is not a checkpoint; it will not be replaced"):
            save_pytree(tmp_path / "notes", _tree(1.0))
    assert (tmp_path / "notes").read_text() == "mine"
    with pytest.raises(SaveError, match="could not be saved: (File exists|Not a directory)"):
        save_pytree(tmp_path / "notes" / "ck", _tree(1.0))
    assert [entry.name for entry in tmp_path.iterdir()] == ["notes"]


def test_a_directory_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"home: exists and is not a checkpoint; it will not be replaced"):
        save_pytree(tmp_path / "home", _tree(1.0))
    assert (tmp_path / "home" / "thesis.tex").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    save_pytree(tmp_path / "empty", _tree(1.0))
    _assert_is(tmp_path / "empty", 1.0)
    (tmp_path / "empty" / "leaves.json").unlink()  # damaged, but nothing in it is anybody else's
    save_pytree(tmp_path / "empty", _tree(2.0))
    _assert_is(tmp_path / "empty", 2.0)


def test_hidden_directories_of_others_stay(tmp_path: Path) -> None:
    for name in (".vim.old", ".cache.0123abcd.deleted"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("mine")
    (tmp_path / "vim").mkdir()
    save_pytree(tmp_path / "ck", _tree(1.0))
    assert (tmp_path / ".vim.old" / "file").read_text() == "mine"
    assert (tmp_path / ".cache.0123abcd.deleted" / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_parent_that_cannot_be_written(tmp_path: Path) -> None:
    save_pytree(tmp_path / "parent" / "ck", _tree(1.0))
    (tmp_path / "parent").chmod(0o500)
    try:
        for name in ("ck", "other"):
            with pytest.raises(SaveError, match="could not be saved: Permission denied"):
                save_pytree(tmp_path / "parent" / name, _tree(2.0))
        _assert_is(tmp_path / "parent" / "ck", 1.0)
    finally:
        (tmp_path / "parent").chmod(0o700)


def test_another_file_system(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    folder = other / f"metta_jax-test-{os.getpid()}"
    folder.mkdir()
    try:
        (tmp_path / "link").symlink_to(folder)
        for name in ("ck", "c[k]"):
            for start in (1.0, 2.0):
                save_pytree(tmp_path / "link" / name, _tree(start))
                _assert_is(tmp_path / "link" / name, start)
        (tmp_path / "ck").symlink_to(folder / "ck")
        save_pytree(tmp_path / "ck", _tree(3.0))
        _assert_is(folder / "ck", 2.0)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("fault", ["nothing", "no manifest", "no data", "another value", "another key"])
def test_what_was_not_written_does_not_replace_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Whatever goes wrong in Orbax without an error, as globs did."""
    save = ocp.save

    def broken_save(path: str, leaves: dict[str, jax.Array]) -> None:
        if fault == "nothing":
            Path(path).mkdir()
            return
        changed = {"another value": {"a": leaves["a"] + 1}, "another key": {"key": jax.random.key(77)}}.get(fault, {})
        save(path, leaves | changed)
        if fault == "no manifest":
            (Path(path) / "state" / "manifest.ocdbt").unlink()
        if fault == "no data":
            shutil.rmtree(Path(path) / "state" / "d")
            shutil.rmtree(Path(path) / "state" / "ocdbt.process_0" / "d")

    save_pytree(tmp_path / "ck", _tree(1.0))
    with monkeypatch.context() as patch, pytest.raises(SaveError, match="could not be saved"):
        patch.setattr(ocp, "save", broken_save)
        save_pytree(tmp_path / "ck", _tree(2.0))
    _assert_is(tmp_path / "ck", 1.0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["ck"]


def test_large_arrays_are_read_back_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_PART_BYTES", 100)
    tree = {f"a{index}": jnp.arange(size, dtype=jnp.float32) for index, size in enumerate((1, 10, 20, 100, 3))}
    tree |= {"nan": jnp.asarray([jnp.nan, -0.0]), "half": jnp.ones(3, jnp.bfloat16), "flag": jnp.asarray(True)}
    loaded = load_pytree(save_pytree(tmp_path / "ck", tree), tree)
    assert loaded is not None
    for name, leaf in tree.items():
        assert np.asarray(leaf).tobytes() == np.asarray(loaded[name]).tobytes()
    save = ocp.save
    monkeypatch.setattr(ocp, "save", lambda path, leaves: save(path, leaves | {"a3": leaves["a3"] + 1}))
    with pytest.raises(SaveError, match="could not be saved: a3 does not read back"):
        save_pytree(tmp_path / "ck", tree)


def test_a_failed_save_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ck"
    save_pytree(path, _tree(1.0))
    gone = jnp.arange(3.0)
    gone.delete()
    with pytest.raises(SaveError, match="could not be saved") as caught:
        save_pytree(path, _tree(1.0) | {"a": gone})
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.__suppress_context__
    out, err = capfd.readouterr()
    assert (out, err, caplog.text) == ("", "", "")
    _assert_is(path, 1.0)
