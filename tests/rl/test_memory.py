"""What a run takes is what its compiled programs say; running out of it is one line with sizes that fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.core import Tracer

from metta_jax.parallel import shard_training
from metta_jax.rl import MemoryNeeds, TrainingComponents, explain_out_of_memory, memory, memory_needs
from metta_jax.rl.memory import format_bytes, is_out_of_memory, memory_limit, num_bytes
from metta_jax.trainer import loop, run_training
from tests.rl.probes import ProbeAgent, ProbeEnv
from tests.rl.training import variant

EXHAUSTED = "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 17179869184 bytes."

NEEDS = MemoryNeeds(
    fixed=1_000, environment=100, rollout=50, minibatch_step=10, num_envs=64, batch_size=4096, minibatch_size=1024,
    horizon=8,
)  # fmt: skip


def test_the_sum() -> None:
    assert NEEDS.total == 1_000 + 64 * 100 + 1024 * 10
    assert dataclasses.replace(NEEDS, minibatch_size=8).total == 1_000 + 64 * 150
    assert NEEDS.scaled(32).total == 1_000 + 32 * 100 + 1024 * 10
    assert NEEDS.scaled(32).batch_size == 2048


def test_what_fits() -> None:
    assert NEEDS.fitted(NEEDS.total) is NEEDS
    smaller = NEEDS.fitted(NEEDS.total - 1)
    assert smaller == dataclasses.replace(NEEDS, minibatch_size=512)
    # Minibatches first, until the rollout takes more; then environments with their rows.
    fitted = NEEDS.fitted(6_000)
    assert fitted is not None
    assert (fitted.num_envs, fitted.batch_size, fitted.minibatch_size) == (32, 2048, 128)
    assert fitted.total <= 6_000
    assert NEEDS.fitted(1_000) is None
    odd = dataclasses.replace(NEEDS, num_envs=63, minibatch_size=24)
    assert odd.fitted(odd.total - 1) is None


def test_of_a_run() -> None:
    training = variant("default")
    needs = memory_needs(training)
    state = training.init(jax.random.key(0))
    assert (needs.num_envs, needs.batch_size, needs.minibatch_size, needs.horizon) == (4, 128, 32, 8)
    assert needs.fixed > 2 * num_bytes((state.params, state.opt_state))
    assert needs.num_envs * needs.environment >= num_bytes((state.experience, state.env_state, state.recurrent))
    assert needs.num_envs * needs.rollout >= num_bytes(state.experience)
    assert needs.minibatch_step > 0
    assert memory_needs(training, state) == needs
    # Twice as many environments, with their rows, take what the first bundle says.
    wider = TrainingComponents.create(
        ProbeEnv(game="memory", episode_length=4, staggered=True, num_envs=8),
        ProbeAgent(),
        training.config.replace(batch_size=256),
    )
    assert memory_needs(wider).environment == pytest.approx(needs.environment, rel=0.01)
    assert memory_needs(wider).total == pytest.approx(needs.scaled(8).total, rel=0.2)


def test_of_one_of_several_devices() -> None:
    """What is divided counted as if one device held all of it."""
    one = variant("default")
    two = shard_training(one, 2)
    state = two.init(jax.random.key(0))
    needs = memory_needs(two)
    assert memory_needs(two, state) == needs
    divided = state.experience, state.env_state, state.recurrent
    shards = [shard for leaf in jax.tree.leaves(divided) for shard in leaf.addressable_shards if shard.device.id == 0]
    held = num_bytes([shard.data for shard in shards])
    assert held < 0.6 * num_bytes(divided)
    assert held <= needs.num_envs * needs.environment < 1.2 * held
    whole = memory_needs(one)
    assert needs.environment == pytest.approx(whole.environment / 2, rel=0.05)
    assert needs.fixed == pytest.approx(whole.fixed, rel=0.2)


def test_nothing_is_compiled_for_what_has_run(caplog: pytest.LogCaptureFixture) -> None:
    training = variant("default")
    state, batch = training.rollout(training.init(jax.random.key(0)))
    state, _ = training.update(state, batch)
    with jax.log_compiles():
        memory_needs(training, state)
    assert "Finished XLA compilation" not in caplog.text


def test_bytes() -> None:
    assert num_bytes({"a": jnp.zeros((2, 3), jnp.int8), "key": jax.random.key(0)}) == 6 + 8
    assert num_bytes(jax.eval_shape(lambda: jax.random.key(0, impl="rbg"))) == 16
    assert [format_bytes(count) for count in (0, 999, 51_234, 3_400_000, 140_000_000_000_000)] == [
        "0 bytes", "999 bytes", "51.2 kB", "3.4 MB", "140,000.0 GB",
    ]  # fmt: skip
    assert memory_limit() > 10**8


class EndingEnv(ProbeEnv):
    """Says how long its episodes are, as the loop wants to know."""

    def step_limits(self, params: Any, state: Any) -> jax.Array:
        return jnp.full((self.num_envs,), 4, jnp.int32)


def _exhausted(training: TrainingComponents, name: str) -> TrainingComponents:
    """The same functions, of which one finds no memory."""
    program = getattr(training.programs, name)

    class Fails:
        lower = program.lower  # type: ignore[attr-defined]

        def __call__(self, *args: Any) -> Any:
            if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(args)):
                return program(*args)  # only shapes are needed
            raise jax.errors.JaxRuntimeError(EXHAUSTED)

    return dataclasses.replace(training, programs=dataclasses.replace(training.programs, **{name: Fails()}))


@pytest.mark.parametrize("name", ["init", "rollout", "update"])
def test_a_run_without_memory_ends_in_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = variant("default")
    needs = memory_needs(training)
    limit = needs.total * 3 // 4
    monkeypatch.setattr(memory, "memory_limit", lambda device: limit)
    env = EndingEnv(**{field.name: getattr(training.plan.env, field.name) for field in dataclasses.fields(ProbeEnv)})
    failing = dataclasses.replace(
        _exhausted(training, name),
        plan=dataclasses.replace(training.plan, env=env),
        config=training.config.replace(run_dir=str(tmp_path)),
    )
    monkeypatch.setattr(loop, "Agent", ProbeAgent)  # as if it could be saved
    with pytest.raises(MemoryError) as error:
        run_training(failing)
    text = str(error.value)
    assert "\n" not in text
    fitted = needs.fitted(limit * 9 // 10)
    assert fitted is not None
    assert f"cpu:0 has {format_bytes(limit)} for JAX, and 17179869184 bytes more were requested" in text
    assert f"{format_bytes(needs.minibatch_step)} for each agent-step of minibatch_size 32" in text
    assert f"{format_bytes(needs.environment + needs.rollout)} for each of 4 environments" in text
    assert text.endswith(f" would fit with {format_bytes(fitted.total)}")
    assert is_out_of_memory(error.value)
    assert isinstance(error.value.__cause__, jax.errors.JaxRuntimeError)


@pytest.mark.parametrize(
    ("limit", "words"), [(10**12, "something else holds memory"), (1, "nothing of that kind fits")]
)
def test_other_reasons(limit: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    training = variant("default")
    monkeypatch.setattr(memory, "memory_limit", lambda device: limit)
    with pytest.raises(MemoryError, match=words), explain_out_of_memory(training):
        raise jax.errors.JaxRuntimeError("INTERNAL: Out of memory allocating 8 bytes.")


def test_programs_that_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm")

    monkeypatch.setattr(memory, "memory_needs", fail)
    with (
        pytest.raises(MemoryError, match="make minibatch_size or num_envs smaller$"),
        explain_out_of_memory(variant("default")),
    ):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm")


def test_other_errors_stay_what_they_are() -> None:
    for error in (jax.errors.JaxRuntimeError("INTERNAL: something broke"), ValueError("a"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as found, explain_out_of_memory(variant("default")):
            raise error
        assert found.value is error
        assert not is_out_of_memory(error)
