from __future__ import annotations

import copy
import gc
import pickle
import weakref

import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.compiled import compiled


class Branching:
    """What is compiled by the function objects of its branches."""

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.traces = 0

    @compiled
    def scaled(self, x: jax.Array, offset: jax.Array | None = None) -> jax.Array:
        self.traces += 1
        scaled = jax.lax.cond(x[0] > 0, lambda y: y * self.factor, lambda y: y, x)
        return scaled if offset is None else scaled + offset

    def plain(self, x: jax.Array, offset: jax.Array | None = None) -> jax.Array:
        scaled = jax.lax.cond(x[0] > 0, lambda y: y * self.factor, lambda y: y, x)
        return scaled if offset is None else scaled + offset


def test_is_traced_once_for_each_shape() -> None:
    branching = Branching(2.0)
    for _ in range(3):
        np.testing.assert_array_equal(branching.scaled(jnp.ones((3,))), [2, 2, 2])
    assert branching.traces == 1
    branching.scaled(jnp.ones((4,)))
    branching.scaled(jnp.ones((4,)), offset=jnp.ones((4,)))
    assert branching.traces == 3


def test_inside_of_a_jit_nothing_is_different() -> None:
    branching, x = Branching(2.0), jnp.ones((3,))
    assert str(jax.make_jaxpr(branching.scaled)(x)) == str(jax.make_jaxpr(branching.plain)(x))
    rows = jnp.asarray([[1.0, 2.0], [-1.0, 2.0]])
    np.testing.assert_array_equal(jax.vmap(branching.scaled)(rows), [[2, 4], [-1, 2]])
    np.testing.assert_array_equal(jax.grad(lambda x: branching.scaled(x).sum())(x), [2, 2, 2])


def test_a_copy_has_programs_of_its_own() -> None:
    branching, x = Branching(2.0), jnp.ones((2,))
    branching.scaled(x)
    for other in (copy.copy(branching), copy.deepcopy(branching), pickle.loads(pickle.dumps(branching))):
        other.factor = 3.0
        np.testing.assert_array_equal(other.scaled(x), [3, 3])
    np.testing.assert_array_equal(branching.scaled(x), [2, 2])


def test_programs_do_not_keep_their_object() -> None:
    branching = Branching(2.0)
    branching.scaled(jnp.ones((2,)))
    gone = weakref.ref(branching)
    gc.disable()
    try:
        del branching
        assert gone() is None
    finally:
        gc.enable()
