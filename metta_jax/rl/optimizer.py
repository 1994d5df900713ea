"""The optimizers as optax transformations, and gradient clipping.

Both take the learning rate as an argument of `update` (`learning_rate=`), so that a schedule is data.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

# Name parts of weight matrices that are lookup tables: their rows are vectors, not a linear map.
_TABLES = ("embed",)


def create_optimizer(
    *, type: str, beta1: float, beta2: float, eps: float, weight_decay: float
) -> optax.GradientTransformationExtraArgs:
    """The optimizer of a OptimizerConfig. `update(grads, state, params, learning_rate=...)`.

    "adam": Kingma and Ba 2015 with eps outside the root; weight_decay is L2, added to the gradient. "muon":
    orthogonalized momentum for weight matrices (Jordan et al. 2024), adam for all other leaves with the same rate;
    weight_decay is decoupled for both.

    Raises:
        ValueError: another type.
    """
    if type == "adam":
        inner = optax.chain(
            optax.add_decayed_weights(weight_decay) if weight_decay else optax.identity(),
            optax.scale_by_adam(b1=beta1, b2=beta2, eps=eps),
            optax.scale(-1.0),
        )
    elif type == "muon":
        inner = optax.contrib.muon(
            learning_rate=1.0,
            beta=beta1,
            eps=eps,
            weight_decay=weight_decay,
            adam_b1=beta1,
            adam_b2=beta2,
            adam_weight_decay=weight_decay,
            muon_weight_dimension_numbers=muon_matrices,
        )
    else:
        raise ValueError(f"optimizer.type: {type!r} is not one of 'adam', 'muon'")
    return _with_learning_rate(inner)


def muon_matrices(params: Any) -> Any:
    """`MuonDimensionNumbers` for each leaf that muon orthogonalizes, None for the leaves of adam.

    Muon takes 2-D weights that map between hidden layers: no lookup tables, and no matrix with one row or column,
    whose orthogonalization would only normalize it.
    """

    def choose(path: Any, leaf: jax.Array) -> Any:
        name = jax.tree_util.keystr(path).lower()
        if leaf.ndim != 2 or min(leaf.shape) < 2 or any(part in name for part in _TABLES):
            return None
        return optax.contrib.MuonDimensionNumbers()

    return jax.tree_util.tree_map_with_path(choose, params)


def clip_factor(norm: jax.Array, max_norm: float) -> jax.Array:
    """What a gradient of this global norm is multiplied by: min(1, max_norm / (norm + 1e-6)), float32 []."""
    return jnp.minimum(1.0, max_norm / (norm + 1e-6))


def _with_learning_rate(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    def init(params: Any) -> Any:
        return inner.init(params)

    def update(
        updates: Any, state: Any, params: Any = None, *, learning_rate: jax.Array | float, **_: Any
    ) -> tuple[Any, Any]:
        # optax mixes Python floats with integer counters, which strict promotion refuses.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            updates, state = inner.update(updates, state, params)
        rate = jnp.asarray(learning_rate, jnp.float32)
        return jax.tree.map(lambda u: u * rate.astype(u.dtype), updates), state

    return optax.GradientTransformationExtraArgs(init, update)
