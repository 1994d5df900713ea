"""Present tokens move to the front and keep their order."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grid_kernels.tokens import pack_tokens


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=3, max_size=3))
def test_pack_tokens(present):
    mask = np.asarray(present).T
    tokens = np.arange(1, 16, dtype=np.uint16).reshape(5, 3)
    packed, count = pack_tokens(jnp.asarray(tokens), jnp.asarray(mask), 6)
    for n in range(3):
        expected = tokens[mask[:, n], n].tolist()
        assert packed[:, n].tolist() == expected + [0] * (6 - len(expected))
        assert int(count[n]) == len(expected)
