"""The optimizers as optax transformations, and gradient clipping.

Both take the learning rate as an argument of `update` (`learning_rate=`), so that a schedule is data.
"""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
import optax

from metta_jax.core.pytree import PyTree

# Name parts of matrices whose rows are vectors, not a linear map: lookup tables, learned queries and tokens.
_TABLES = ("embed", "queries", "class_token")

# Root mean square of what adam, before its rate, changes a matrix by (Liu et al. 2025, section 2.2).
_ADAM_RMS = 0.2


def create_optimizer(
    *,
    type: str,
    beta1: float | jax.Array,
    beta2: float | jax.Array,
    eps: float | jax.Array,
    weight_decay: float | jax.Array,
) -> optax.GradientTransformationExtraArgs:
    """The optimizer of an OptimizerConfig. `update(grads, state, params, learning_rate=...)`.

    "adam": Kingma and Ba 2015 with eps outside the root; weight_decay is L2, added to the gradient. "muon":
    orthogonalized momentum for weight matrices (Jordan et al. 2024), times 0.2 sqrt(max(rows, columns)), so that its
    entries are as large as those of adam (Liu et al. 2025, eq. 4); adam for all other leaves with the same rate;
    weight_decay is decoupled for both.

    Raises:
      ValueError: another type.
    """
    if type == "adam":
        inner = optax.chain(
            optax.add_decayed_weights(weight_decay),
            optax.scale_by_adam(b1=beta1, b2=beta2, eps=eps),
            optax.scale(-1.0),
        )
    elif type == "muon":
        # optax.contrib.muon itself would give the other leaves Nesterov's variant of adam.
        decay = optax.add_decayed_weights(weight_decay)
        inner = optax.partition(
            {
                "muon": optax.chain(
                    optax.contrib.scale_by_muon(beta=beta1, eps=eps, weight_dimension_numbers=_all_matrices),
                    _match_adam(),
                    decay,
                    optax.scale(-1.0),
                ),
                "adam": optax.chain(optax.scale_by_adam(b1=beta1, b2=beta2, eps=eps), decay, optax.scale(-1.0)),
            },
            muon_labels,
        )
    else:
        raise ValueError(f"optimizer.type: {type!r} is not one of 'adam', 'muon'")
    return _with_learning_rate(inner)


def adapt_optimizer(optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same optimizer, whose `update` takes any keywords, and works under JAX's strict promotion of dtypes."""
    inner = optax.with_extra_args_support(optimizer)

    def update(updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        # optax mixes Python floats with integer counters, which strict promotion refuses.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return inner.update(updates, state, params, **extra)

    return optax.GradientTransformationExtraArgs(inner.init, cast(Any, update))


def muon_labels(params: PyTree) -> PyTree:
    """ "muon" for each leaf that muon orthogonalizes, "adam" for the others.

    Muon takes 2-D weights that map between hidden layers: no lookup tables or learned queries, and no matrix with one
    row or column, whose orthogonalization would only normalize it.
    """

    def choose(path: Any, leaf: jax.Array) -> str:
        name = jax.tree_util.keystr(path).lower()
        table = any(part in name for part in _TABLES)
        return "muon" if leaf.ndim == 2 and min(leaf.shape) > 1 and not table else "adam"

    return jax.tree_util.tree_map_with_path(choose, params)


def clip_factor(norm: jax.Array, max_norm: float | jax.Array) -> jax.Array:
    """What a gradient of this global norm is multiplied by: min(1, max_norm / (norm + 1e-6)), float32 []."""
    return jnp.minimum(1.0, max_norm / (norm + 1e-6))


def _all_matrices(params: PyTree) -> PyTree:
    """Every leaf that is not masked maps its first axis to its second."""
    return jax.tree.map(lambda _: optax.contrib.MuonDimensionNumbers(), params)


def _match_adam() -> optax.GradientTransformation:
    """Scale by 0.2 sqrt(max(rows, columns)): an orthogonal matrix has entries of size 1 / sqrt(max(rows, columns))."""

    def scale(update: Any, _: Any) -> Any:
        return update * (_ADAM_RMS * max(update.shape) ** 0.5)

    return optax.stateless_with_tree_map(scale)


def _with_learning_rate(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    inner = adapt_optimizer(inner)

    def update(updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        updates, state = inner.update(updates, state, params)
        rate = jnp.asarray(extra["learning_rate"], jnp.float32)
        return jax.tree.map(lambda u: u * rate.astype(u.dtype), updates), state

    return optax.GradientTransformationExtraArgs(inner.init, cast(Any, update))
