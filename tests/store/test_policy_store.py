"""Policies on disk: what is saved is what is loaded, by whatever call; records that no store made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.agent import Agent, ArchitectureOutput
from metta_jax.config import TrainerConfig
from metta_jax.config.store import PolicyStoreConfig
from metta_jax.store import (
    PolicyMetadata,
    PolicyRecord,
    PolicyStore,
    load_checkpoint,
    make_model_name,
    save_checkpoint,
)
from tests.agent.facts import facts_env, random_observations, small_env
from tests.store.policies import same, save_epochs, small_agent, small_params

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> PolicyStore:
    return PolicyStore(tmp_path / "checkpoints")


# -- the guide --------------------------------------------------------------------------------------------------------


def test_the_calls_of_the_guide(tmp_path: Path) -> None:
    configuration = MappingProxyType(  # a mapping that is no dict, like OmegaConf's
        {
            "device": "cpu",
            "policy_cache_size": 10,
            "trainer": {"checkpoint": {"checkpoint_dir": str(tmp_path / "checkpoints")}},
        }
    )
    policy_store = PolicyStore(cfg=configuration, wandb_run=None)
    record = save_checkpoint(
        policy=(small_agent(), small_params()), policy_store=policy_store, epoch=100, metadata={"score": 0.95}
    )
    assert record.uri == f"file://{tmp_path}/checkpoints/model_0100"
    assert record.metadata == {"agent_step": 0, "epoch": 100, "generation": 0, "train_time": 0.0, "score": 0.95}
    loaded = load_checkpoint(PolicyStore(tmp_path / "checkpoints"), record.file_path)
    assert loaded.metadata == record.metadata
    assert same(loaded.params, small_params())


def test_every_kind_of_policy_can_be_saved(store: PolicyStore) -> None:
    class State:  # what a TrainState has
        opt_state = ()
        params = small_params()
        agent_step = np.uint32(77)

    agent, params = small_agent(), small_params()
    records = [
        save_checkpoint(agent, store, 1, None, params),
        save_checkpoint((agent, params), store, 2),
        save_checkpoint(State(), store, 3, {"epoch": 9, "run": "a"}, agent=agent),
        save_checkpoint(PolicyRecord(None, "x", None, {}, agent=agent, params=params), store, epoch=4),
        store.save(agent, params, 5, {"score": 1}),
        store.save(agent, params=params, epoch=6),
    ]
    assert [record.metadata.epoch for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record.run_name for record in records] == [f"model_000{epoch}" for epoch in range(1, 7)]
    assert records[2].metadata.agent_step == 77
    assert all(same(record.params, params) for record in records)


def test_a_policy_knows_its_parent(store: PolicyStore) -> None:
    parent = save_checkpoint((small_agent(), small_params()), store, 1, {"generation": 4})
    child = save_checkpoint((small_agent(), small_params()), store, 2, parent=parent)
    assert (child.metadata.generation, child.metadata.initial_pr) == (5, parent.uri)
    other = save_checkpoint((small_agent(), small_params()), store, 3, {"generation": 0}, parent=parent)
    assert other.metadata.generation == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": small_agent}, r"^params: an agent holds no parameters; give params="),
        ({"policy": lambda: (small_agent(), {})}, "^Checkpoint is missing required key: "),
        ({"policy": lambda: (object(), {})}, "^policy: object is not an Agent$"),
        ({"policy": lambda: (small_agent(), [1])}, "^policy: list is not a mapping of parameters"),
        ({"policy": lambda: (small_agent(), small_params()), "epoch": -1}, "^epoch: -1 is less than 0$"),
        (
            {"policy": lambda: (small_agent(), small_params()), "metadata": {"a": object()}},
            r"^metadata\.a: a value of type object cannot be stored",
        ),
    ],
)
def test_what_cannot_be_saved(store: PolicyStore, arguments: dict[str, Any], message: str) -> None:
    arguments = {"epoch": 1, **arguments, "policy": arguments["policy"]()}
    with pytest.raises(ValueError, match=message):
        save_checkpoint(policy_store=store, **arguments)
    assert not store.checkpoint_dir.exists() or not list(store.checkpoint_dir.iterdir())


def test_configurations(tmp_path: Path) -> None:
    trainer = TrainerConfig.model_validate({"checkpoint": {"checkpoint_dir": "./c"}})
    for cfg in ("./c", Path("c"), PolicyStoreConfig(checkpoint_dir="c"), {"trainer": trainer}, "file://c"):
        assert PolicyStore(cfg).checkpoint_dir.absolute() == Path("c").absolute()
    assert PolicyStore(cfg=None).checkpoint_dir == Path("train_dir/checkpoints")
    assert PolicyStore(tmp_path, cache_size=3).config.policy_cache_size == 3
    with pytest.raises(ValueError, match="Cache size must be positive"):
        PolicyStore(tmp_path, cache_size=0)
    with pytest.raises(ValueError, match="^wandb_run: must be None"):
        PolicyStore(tmp_path, wandb_run=object())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_model_names() -> None:
    assert [make_model_name(epoch) for epoch in (0, 100, 12345)] == ["model_0000", "model_0100", "model_12345"]
    assert PolicyStore("c").make_model_name(7) == "model_0007"


# -- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "dtype"),
    [
        ("default", "float32"),
        ("fast", "bfloat16"),
        ("latent_attn_tiny", "float32"),
        ("latent_attn_small", "bfloat16"),
        ("latent_attn_med", "float32"),
    ],
)
def test_presets_come_back_as_they_were(store: PolicyStore, preset: str, dtype: str) -> None:
    agent = Agent(facts_env(), {"agent": preset, "clip_range": 0.5}, dtype=dtype)
    shapes = jax.eval_shape(agent.init, jax.random.key(0))
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    loaded = store.load_from_uri(save_checkpoint((agent, params), store, 1).uri or "").agent
    assert (loaded.network, loaded.names, loaded.dtype) == (agent.network, agent.names, agent.dtype)
    assert loaded.parameter_layers == agent.parameter_layers
    assert loaded.config.clip_range == 0.5
    assert same(loaded.tables, agent.tables)


def test_it_acts_as_it_did_also_in_another_environment(store: PolicyStore) -> None:
    """The saved policy was bound twice; the second environment has other ids, names and actions."""
    first = small_agent()
    known = small_env().get_observation_features()
    features = {name: {"id": 20 - entry["id"], "normalization": 3.0} for name, entry in known.items()}
    features["new"] = {"id": 30, "normalization": 2.0}
    second = small_env(features=features, actions={"noop": 0, "glyph": 1, "move": 1})
    bound = first.bind(second)
    params = small_params()
    loaded = store.load_from_uri(save_checkpoint((bound, params), store, 1).uri or "")
    assert (loaded.agent.names, loaded.agent.action_space) == (bound.names, bound.action_space)
    assert same(loaded.agent.tables, bound.tables)
    assert loaded.agent.names.action_rows["glyph_1"] == 7  # after the five of the first environment

    observation = random_observations(0, (3,), 12, 30, 5)
    expected, _ = bound.act_numpy(params, observation, seed=3)
    actual, _ = loaded.agent.act_numpy(loaded.params, observation, seed=3)
    np.testing.assert_array_equal(actual, expected)
    again = loaded.agent.bind(small_env())
    assert same(again.tables, bound.bind(small_env()).tables)


def test_a_fresh_process_loads_it_without_the_program_that_made_it(store: PolicyStore) -> None:
    save_epochs(store, 3)
    program = (
        "import sys, jax\n"
        "from metta_jax.store import PolicyStore, load_checkpoint\n"
        "record = load_checkpoint(PolicyStore('x'), sys.argv[1])\n"
        "assert record.agent.num_flat_actions == 5\n"
        "print(record.num_params(), float(sum(leaf.sum() for leaf in jax.tree.leaves(record.params))))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(store.checkpoint_dir)],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    number, total = result.stdout.split()
    assert int(number) == small_agent().num_params()
    assert float(total) == pytest.approx(float(sum(leaf.sum() for leaf in jax.tree.leaves(small_params(3)))), rel=1e-5)


class TinyModule(nn.Module):
    """A user's own network."""

    hidden_size: int = 4
    num_layers: int = 1
    width: int = 8

    @nn.compact
    def __call__(self, observation: Any, recurrent: Any, reset: Any) -> Any:
        features = nn.Dense(self.width)(observation.reshape(*reset.shape, -1).astype(jnp.float32))
        return ArchitectureOutput(value=nn.Dense(1)(features)[..., 0], features=features), recurrent


def test_a_flax_module_has_to_be_given_again(store: PolicyStore) -> None:
    agent = Agent(small_env(), TinyModule())
    params = agent.init(jax.random.key(0))
    record = save_checkpoint((agent, params), store, 1)
    assert same(record.params, params)  # the store that saved it knows it
    fresh = PolicyStore(store.checkpoint_dir)
    assert record.uri is not None
    with pytest.raises(ValueError, match="the Flax module 'TinyModule'; files hold no code, so give it"):
        _ = fresh.load_from_uri(record.uri).params
    loaded = fresh.load_from_uri(record.uri, architecture=TinyModule())
    assert same(loaded.params, params)
    with pytest.raises(ValueError, match="Dense: needs the whole numbers hidden_size and num_layers"):
        _ = fresh.load_from_uri(record.uri, architecture=nn.Dense(3)).params
    with pytest.raises(ValueError, match=r"_action_/kernel: the checkpoint has float32 \[8, 16\], expected"):
        _ = fresh.load_from_uri(record.uri, architecture=TinyModule(width=7)).params


# -- records ----------------------------------------------------------------------------------------------------------


def test_records_without_a_store() -> None:
    record = PolicyRecord(None, "a", None, {"epoch": 2})
    assert isinstance(record.metadata, PolicyMetadata)
    assert record.metadata == PolicyMetadata(epoch=2)
    with pytest.raises(ValueError, match=r"^Cannot load policy without a PolicyStore\. "):
        _ = record.params
    with pytest.raises(ValueError, match=r"^file_path\(\) only applies to file:// URIs, but got: None$"):
        _ = record.file_path
    for wrong in (None, [("epoch", 1)], "epoch"):
        with pytest.raises(TypeError, match=f"^metadata must be PolicyMetadata or dict, got {type(wrong).__name__}$"):
            record.metadata = wrong  # type: ignore[assignment]
    record.policy = (small_agent(), small_params())
    assert record.num_params() == small_agent().num_params()
    assert record.agent is small_agent()
    assert "(not loaded)" in repr(PolicyRecord(None, "a", None, {}))


def test_repr_tells_what_it_is_without_loading(store: PolicyStore) -> None:
    save_epochs(store, 3, score=lambda epoch: 0.5)
    record = store.policy_record(store.checkpoint_dir)
    text = repr(record)
    assert not record.is_loaded
    assert text.startswith("PolicyRecord('model_0003', 'file://")
    assert "epoch=3, agent_step=0, generation=0, score=0.5)" in text
    assert "\n  _action_embeds_\n    embedding [20, 4]\n" in text
    _ = record.params
    assert repr(record) == text


def test_saving_a_record(store: PolicyStore, tmp_path: Path) -> None:
    record = store.create_empty_policy_record("best")
    assert (record.uri, record.metadata) == (f"file://{tmp_path}/checkpoints/best", PolicyMetadata())
    record.policy = (small_agent(), small_params(1))
    record.metadata.score = 0.5
    assert store.save(record) is record
    assert store.save(record, tmp_path / "elsewhere") is record
    assert record.uri == f"file://{tmp_path}/elsewhere"
    for path in (tmp_path / "checkpoints" / "best", tmp_path / "elsewhere"):
        loaded = PolicyStore("x").load_from_uri(path)
        assert loaded.metadata.score == 0.5
        assert same(loaded.params, small_params(1))

    # A score that comes later: the record that was loaded is written again.
    loaded = store.load_from_uri(tmp_path / "elsewhere")
    loaded.metadata.score = 0.75
    store.save(loaded)
    assert PolicyStore("x").load_from_uri(tmp_path / "elsewhere").metadata.score == 0.75
    assert store.create_empty_policy_record("a", override_path=tmp_path / "b").file_path == tmp_path / "b"
    for name in ("", ".hidden", "a/b", "trainer_state"):
        with pytest.raises(ValueError, match="^name: "):
            store.create_empty_policy_record(name)
