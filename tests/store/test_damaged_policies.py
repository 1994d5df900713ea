"""Policy directories that are truncated, changed, or written by somebody hostile: a clear error, nothing executed."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metta_jax.store import DamagedError, PolicyStore, cleanup_old_policies, load_checkpoint
from metta_jax.store.files import MAX_JSON_BYTES
from tests.store.policies import rewrite, same, small_agent, small_params


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = PolicyStore(tmp_path_factory.mktemp("original"))
    return store.save(small_agent(), small_params(), 7, {"score": 0.5, "run": "a"}).file_path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model_0007"))


def _load(path: Path) -> Any:
    """All that can be asked of a policy's directory."""
    record = PolicyStore("x").load_from_uri(path)
    assert record.metadata.epoch == 7
    assert record.metadata.score == 0.5
    repr(record)
    return record.agent, record.params


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_found(original: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Truncation, a flipped bit or a removed or added file: an error that names the place, or all is as it was."""
    copy = tmp_path / "model_0007"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    names = [file.relative_to(copy) for file in _files(copy)]
    file = copy / data.draw(st.sampled_from(names), label="file")
    how = data.draw(st.sampled_from(["flip", "truncate", "remove", "add", "append"]), label="how")
    content = bytearray(file.read_bytes())
    if how == "flip" and content:
        position = data.draw(st.integers(0, len(content) - 1), label="position")
        content[position] ^= 1 << data.draw(st.integers(0, 7), label="bit")
        file.write_bytes(content)
    elif how == "truncate" and content:
        file.write_bytes(content[: data.draw(st.integers(0, len(content) - 1), label="length")])
    elif how == "append":
        file.write_bytes(bytes(content) + b"}")
    elif how == "add":
        (copy / "params" / "extra").write_bytes(b"x")
    else:
        file.unlink()
    try:
        _, params = _load(copy)
    except ValueError as error:
        assert str(copy) in str(error)  # noqa: PT017
        # Damage can only hide from the checks where it does not matter: in white space.
    else:
        assert same(params, small_params())
        assert file.name == "policy.json"
        assert json.loads(file.read_text()) == json.loads((original / "policy.json").read_text())


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        node: Any = document
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value

    return change


def _component(name: str, **options: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["agent"]["config"]["components"][name].update(options)


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "version 2": (_set("format", value=2), "checkpoint format 2 is not 1$"),
    "no version": (lambda document: document.pop("format"), "checkpoint format None is not 1$"),
    "no names": (lambda document: document.pop("action_embedding_rows"), "action_embedding_rows: Field required"),
    "no metadata": (lambda document: document.pop("metadata"), "metadata: Field required"),
    "no epoch": (lambda document: document["metadata"].pop("epoch"), r"Missing required fields: \{'epoch'\}"),
    "text for an epoch": (_set("metadata", "epoch", value="7"), r"metadata\.epoch: '7' is not a whole number"),
    "nested metadata": (_set("metadata", "a", value=_nested(200)), "nested deeper than 32 levels"),
    "unknown key": (_set("loader", value="os.system"), "loader: Extra inputs are not permitted"),
    "code for a component": (_component("cnn1", type="os.system"), "unknown component 'os.system'"),
    "code for a target": (_component("cnn1", type=None, _target_="subprocess.Popen"), "unknown component 'subprocess"),
    "code for a nonlinearity": (_component("critic_1", nonlinearity="os.abort"), "os.abort"),
    "a path for a file": (
        lambda document: document["files"].update({"../../x": {"size": 1, "sha256": "0" * 64}}),
        r"the file '\.\./\.\./x' is missing",
    ),
    "an absolute path": (
        lambda document: document["files"].update({"/etc/passwd": {"size": 1, "sha256": "0" * 64}}),
        "the file '/etc/passwd' is missing",
    ),
    "a path among the arrays": (
        lambda document: document["parameter_paths"].update({"../x": ["..", "x"]}),
        "parameter_paths: are not those of the arrays",
    ),
    "another path for an array": (
        lambda document: document["parameter_paths"].update({"cnn1/kernel": ["cnn1", "bias"]}),
        "is not the path of an array",
    ),
    "escape sequences": (
        lambda document: document["files"].update({"\x1b[2J" + "x" * 500: {"size": 1, "sha256": "0" * 64}}),
        r"the file '\\x1b\[2Jx{1,80}\.\.\.' is missing$",
    ),
    "a huge array": (
        _set("leaves", "cnn1/kernel", "shape", value=[2**20, 2**20]),
        "leaves: .* parameters are more than",
    ),
    "a negative shape": (_set("leaves", "cnn1/kernel", "shape", value=[-1]), r"leaves\.cnn1/kernel\.shape"),
    "too many axes": (_set("leaves", "cnn1/kernel", "shape", value=[1] * 40), r"leaves\.cnn1/kernel\.shape"),
    "another shape": (_set("leaves", "cnn1/kernel", "shape", value=[3, 3]), r"cnn1/kernel: the checkpoint has"),
    "another dtype": (
        _set("leaves", "cnn1/kernel", "dtype", value="object"),
        r"the checkpoint has object",
    ),
    "a huge layer": (
        _component("encoded_obs", nn_params={"out_features": 2**40}),
        "expected is float32 .1099511627776",
    ),
    "a huge kernel": (_component("cnn1", nn_params={"kernel_size": 10**9, "out_channels": 6, "stride": 1}), "cnn1"),
    "many layers": (
        _component("_core_", num_layers=10**9),
        r"components\._core_\.num_layers: 1000000000 are more than there are arrays",
    ),
    "layers inside": (
        _component("_core_", num_layers=None, nn_params={"num_layers": 10**9}),
        r"components\._core_\.num_layers: 1000000000 are more than there are arrays",
    ),
    "a deep network": (
        _component("critic_1", type="ResNetMLP", depth=4 * 10**9),
        r"components\.critic_1\.depth: 4000000000 are more than there are arrays",
    ),
    "another recurrent state": (_set("recurrent_shape", value=[1, 8]), r"recurrent_shape: \[1, 8\] is not \[2, 8\]"),
    "a name that rings": (
        lambda document: document["leaves"].update({"\x07": {"shape": [], "dtype": "float32"}}),
        "parameter_paths: are not those",
    ),
    "a feature that rings": (_set("original_feature_mapping", "\x1b[2J\x07", value=-1), r"\\x1b\[2J\\x07: -1 is not"),
    "a layer of text": (_component("encoded_obs", nn_params={"out_features": "9"}), r"out_features"),
    "a huge table": (_component("_action_embeds_", num_embeddings=2**50), r"_action_embeds_/embedding"),
    "a huge image": (_set("obs_height", value=10**9), "obs_height: 1000000000 is not in 1..255"),
    "too many tokens": (
        _set("environment", "num_observation_tokens", value=10**9),
        r"environment\.num_observation_tokens: 1000000000 is not in",
    ),
    "many actions": (
        _set("environment", "max_action_args", value=[10**9, 1, 1]),
        r"environment\.max_action_args: has a value that is not in 0\.\.255",
    ),
    "too few action arguments": (_set("environment", "max_action_args", value=[1]), "needs one value for each action"),
    "a feature out of range": (
        _set("original_feature_mapping", "hp", value=256),
        r"original_feature_mapping\.hp: 256 is not in 0\.\.254",
    ),
    "a row out of range": (_set("action_embedding_rows", "move_0", value=500), "num_embeddings: 20 rows are too few"),
    "no network": (_set("agent", value={"dtype": "float32"}), "agent: needs either config or architecture"),
    "a module's name": (
        _set("agent", value={"architecture": "os.system", "dtype": "float32"}),
        "the Flax module 'os.system'; files hold no code",
    ),
    "a list for everything": (lambda document: document.update({key: [] for key in document}), "format"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_documents_with_checksums_that_fit(copy: Path, name: str) -> None:
    change, message = HOSTILE[name]
    rewrite(copy, change)
    with pytest.raises(ValueError, match=message) as caught:
        _load(copy)
    assert str(copy) in str(caught.value)
    assert len(str(caught.value)) < 5000
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 200_000 + b"]" * 200_000, "cannot be read"),
        (b'{"format": 1, "metadata": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "cannot be read"),
        (b'{"format": NaN}', "cannot be read"),
        (b'{"format": 1' + b"0" * 10_000 + b"}", "cannot be read|checksum"),
        (b"[1, 2]", "is no JSON object"),
        (b'{"format": 1}', "checksum"),
        (pickle.dumps({"format": 1}), "cannot be read"),
    ],
)
def test_documents_that_are_none(copy: Path, content: bytes, message: str) -> None:
    (copy / "policy.json").write_bytes(content)
    with pytest.raises(DamagedError, match=message):
        _load(copy)


def test_a_huge_document_is_not_read(copy: Path) -> None:
    with (copy / "policy.json").open("wb") as file:
        file.truncate(MAX_JSON_BYTES + 1)
    with pytest.raises(DamagedError, match="is larger than"):
        _load(copy)


def test_links_and_pipes_are_not_followed(copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}")
    manifest = copy / "params" / "state" / "manifest.ocdbt"
    content = manifest.read_bytes()
    for replace in (lambda: manifest.symlink_to(secret), lambda: os.mkfifo(manifest)):
        manifest.unlink()
        replace()
        with pytest.raises(DamagedError, match="'manifest.ocdbt' is no plain file"):
            _load(copy)
    manifest.unlink()
    manifest.write_bytes(content)
    _load(copy)
    (copy / "policy.json").unlink()
    (copy / "policy.json").symlink_to(secret)
    with pytest.raises(DamagedError, match="no plain file"):
        _load(copy)


def test_arrays_that_orbax_cannot_read_are_an_error(copy: Path) -> None:
    """The checksums fit, as a hostile writer can make them, but the arrays' own description makes no sense."""
    from metta_jax.store.files import checksums

    for name, content in {
        "params/state/_METADATA": b"{}",
        "params/_CHECKPOINT_METADATA": b'{"item_handlers": {"state": "os.system"}}',
        "params/state/manifest.ocdbt": b"\x00" * 100,
    }.items():
        old = (copy / name).read_bytes()
        (copy / name).write_bytes(content)
        rewrite(copy, lambda document: document.update(files=checksums(copy / "params")))
        try:
            _, params = _load(copy)
        except DamagedError as error:
            assert "cannot be read" in str(error)  # noqa: PT017
        else:
            assert same(params, small_params())  # Orbax did without
        (copy / name).write_bytes(old)


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_pickles_are_not_opened(copy: Path, tmp_path: Path) -> None:
    bomb = pickle.dumps(_Bomb(tmp_path / "exploded"))
    for file in _files(copy):
        content = file.read_bytes()
        file.write_bytes(bomb)
        with pytest.raises(DamagedError):
            _load(copy)
        file.write_bytes(content)
    (tmp_path / "model_0100.pt").write_bytes(bomb)  # what the original saved
    with pytest.raises(ValueError, match="is a file of PyTorch"):
        load_checkpoint(PolicyStore("x"), tmp_path / "model_0100.pt")
    assert not (tmp_path / "exploded").exists()


def test_a_damaged_policy_does_not_hide_the_others(
    copy: Path, original: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = copy.parent
    shutil.copytree(original, directory / "model_0009")
    (directory / "model_0009" / "policy.json").write_text("{")
    record = load_checkpoint(PolicyStore("x"), directory)
    assert record.file_path == copy
    assert str(directory / "model_0009") in caplog.text
    with pytest.raises(DamagedError, match="model_0009"):
        load_checkpoint(PolicyStore("x"), directory / "model_0009")
    assert cleanup_old_policies(directory, keep_last_n=0) == [copy]
    assert (directory / "model_0009").exists()


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything inside a JSON value."""
    found = [path] if path else []
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return found + [inner for key, value in items for inner in _paths(value, (*path, key))]


_odd_values = st.one_of(
    st.sampled_from(
        [None, True, -1, 0, 1, 3, 10**6, 2**31, 2**63, -(2**70), 1e308, 0.5, "", "x", "../..", "\x00", [], {}]
    ),
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3), max_leaves=4),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_anywhere_is_refused_or_harmless(original: Path, tmp_path: Path, data: st.DataObject) -> None:
    """With checksums that fit. The only errors are ValueErrors that name the directory, and none takes long."""
    copy = tmp_path / "model_0007"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    document = json.loads((copy / "policy.json").read_text())
    inside = {name: value for name, value in document.items() if name not in ("files", "sha256")}
    path = data.draw(st.sampled_from(_paths(inside)), label="path")
    value = data.draw(_odd_values, label="value")
    rewrite(copy, _set(*path, value=value))
    start = time.monotonic()
    try:
        record = PolicyStore("x").load_from_uri(copy)
        repr(record)
        params = record.params
    except ValueError as error:
        assert str(copy) in str(error)  # noqa: PT017
    else:
        assert same(params, small_params())
    assert time.monotonic() - start < 30


def _chain(num_parts: int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        components = document["agent"]["config"]["components"]
        for index in range(num_parts):
            components[f"part{index}"] = {"type": "Identity", "sources": [{"name": f"part{index + 1}"}]}
        components[f"part{num_parts}"] = {"type": "Identity", "sources": [{"name": "encoded_obs"}]}
        components["_core_"]["sources"] = [{"name": "part0"}]

    return change


def test_the_number_of_components_is_bounded(copy: Path) -> None:
    rewrite(copy, _chain(3000))
    with pytest.raises(DamagedError, match=r"agent\.config\.components: 3011 are more than 1000$"):
        _load(copy)
