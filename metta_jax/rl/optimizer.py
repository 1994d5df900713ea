"""The optimizers as optax transformations, and gradient clipping.

Both take the learning rate as an argument of `update` (`learning_rate=`), so that a schedule is data.
"""

from __future__ import annotations

from typing import Any, cast

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
        # optax.contrib.muon itself would give the other leaves Nesterov's variant of adam.
        decay = optax.add_decayed_weights(weight_decay)
        inner = optax.partition(
            {
                "muon": optax.chain(
                    optax.contrib.scale_by_muon(beta=beta1, eps=eps, weight_dimension_numbers=_all_matrices),
                    _scale_by_width(),
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


def muon_labels(params: Any) -> Any:
    """ "muon" for each leaf that muon orthogonalizes, "adam" for the others.

    Muon takes 2-D weights that map between hidden layers: no lookup tables, and no matrix with one row or column,
    whose orthogonalization would only normalize it.
    """

    def choose(path: Any, leaf: jax.Array) -> str:
        name = jax.tree_util.keystr(path).lower()
        table = any(part in name for part in _TABLES)
        return "muon" if leaf.ndim == 2 and min(leaf.shape) > 1 and not table else "adam"

    return jax.tree_util.tree_map_with_path(choose, params)


def clip_factor(norm: jax.Array, max_norm: float) -> jax.Array:
    """What a gradient of this global norm is multiplied by: min(1, max_norm / (norm + 1e-6)), float32 []."""
    return jnp.minimum(1.0, max_norm / (norm + 1e-6))


def _all_matrices(params: Any) -> Any:
    """Every leaf that is not masked maps its first axis to its second."""
    return jax.tree.map(lambda _: optax.contrib.MuonDimensionNumbers(), params)


def _scale_by_width() -> optax.GradientTransformation:
    """Times sqrt(max(1, out / in)), so that a layer's output changes as much whatever its shape."""

    def scale(update: Any, _: Any) -> Any:
        return update * max(1.0, update.shape[1] / update.shape[0]) ** 0.5

    return optax.stateless_with_tree_map(scale)


def _with_learning_rate(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    def init(params: Any) -> Any:
        return inner.init(params)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        learning_rate = extra["learning_rate"]
        # optax mixes Python floats with integer counters, which strict promotion refuses.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            updates, state = inner.update(updates, state, params)
        rate = jnp.asarray(learning_rate, jnp.float32)
        return jax.tree.map(lambda u: u * rate.astype(u.dtype), updates), state

    return optax.GradientTransformationExtraArgs(init, cast(Any, update))
