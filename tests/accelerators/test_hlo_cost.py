"""Reading compiled programs: bytes and kernels of one whose costs are known, loops and slices included."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from benchmarks.hlo_cost import cost_of, seconds
from benchmarks.hlo_text import parse

TEXT = """
HloModule example

%fused (p.0: f32[1000], p.1: s32[]) -> f32[10] {
  %p.0 = f32[1000]{0} parameter(0)
  %p.1 = s32[] parameter(1)
  %twice = f32[1000]{0} add(%p.0, %p.0)
  ROOT %part = f32[10]{0} dynamic-slice(%twice, %p.1), dynamic_slice_sizes={10}
}

%body (loop: (s32[], f32[1000])) -> (s32[], f32[1000]) {
  %loop = (s32[], f32[1000]{0}) parameter(0)
  %i = s32[] get-tuple-element(%loop), index=0
  %x = f32[1000]{0} get-tuple-element(%loop), index=1
  %some = f32[10]{0} fusion(%x, %i), kind=kLoop, calls=%fused, metadata={op_name="jit(f)/inside/slice"}
  %written = f32[1000]{0} dynamic-update-slice(%x, %some, %i), metadata={op_name="jit(f)/inside/write"}
  ROOT %next = (s32[], f32[1000]{0}) tuple(%i, %written)
}

%condition (loop: (s32[], f32[1000])) -> pred[] {
  %loop = (s32[], f32[1000]{0}) parameter(0)
  ROOT %yes = pred[] constant(true)
}

ENTRY %main (a: f32[1000], n: s32[]) -> f32[1000] {
  %a = f32[1000]{0} parameter(0)
  %n = s32[] parameter(1)
  %start = (s32[], f32[1000]{0}) tuple(%n, %a)
  %loop.1 = (s32[], f32[1000]{0}) while(%start), condition=%condition, body=%body, KNOWN metadata={op_name="jit(f)/inside/while"}
  ROOT %out = f32[1000]{0} get-tuple-element(%loop.1), index=1
}
"""  # noqa: E501


def stage(scope: str) -> str:
    return "inside" if "/inside/" in scope else ""


def test_a_slice_costs_what_it_touches_and_a_loop_its_turns() -> None:
    known = TEXT.replace("KNOWN", 'backend_config={"known_trip_count":{"n":"7"}},')
    cost = cost_of(parse(known), stage)
    # In each turn: 10 numbers and an index are read and 10 written, then 10 are read and written.
    assert cost.kernels == 7 * 2
    assert cost.num_bytes == 7 * (40 + 4 + 40 + 2 * 40)
    assert cost.stages["inside"].waits == 0


def test_turns_that_the_data_decide_are_given_and_make_the_host_wait() -> None:
    cost = cost_of(parse(TEXT.replace("KNOWN", "")), stage, {"inside": 2.5}.__getitem__)
    assert cost.kernels == 2.5 * 2
    part = cost.stages["inside"]
    assert part.waits == 3.5
    assert seconds(part, launch=1e-6, bandwidth=1e12, wait=1e-5) == pytest.approx(2.5 * 2 * 1e-6 + 3.5e-5)
    # Slow memory: now the bytes decide.
    assert seconds(part, launch=1e-6, bandwidth=1e6, wait=0.0) == pytest.approx(2.5 * (84 + 80) / 1e6)


def test_a_program_of_this_compiler_is_read() -> None:
    def play(x: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, 9, lambda i, x: jnp.sin(x) * jnp.float32(2), x)

    text = jax.jit(play).lower(jnp.zeros(64)).compile().as_text()
    program = parse(text)
    loops = [i for part in program.computations.values() for i in part.instructions if i.opcode == "while"]
    assert [loop.num_turns for loop in loops] == [9]
    assert cost_of(program, stage).kernels >= 9


def test_other_text_is_refused() -> None:
    with pytest.raises(ValueError, match="no entry computation"):
        parse("HloModule nothing")
