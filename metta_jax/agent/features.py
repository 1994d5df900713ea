"""Feature binding: a policy keeps its own feature ids; every environment's ids are translated to them by name."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping

import numpy as np

from metta_jax.config.features import NO_FEATURE

UNKNOWN_FEATURE = NO_FEATURE  # the id of padding tokens, and of features that the policy does not know
NUM_FEATURES = UNKNOWN_FEATURE + 1


@dataclasses.dataclass(frozen=True)
class FeatureBinding:
    """The result of binding a policy to an environment.

    name_to_id: the policy's own name -> id map (`original_feature_mapping` in saved policies).
    normalizations: name -> normalization, as it was when the policy learned the name.
    remap: int32 [256], environment id -> policy id, 255 = dropped.
    normalization: float32 [256] by policy id, 1 where unused.
    """

    name_to_id: Mapping[str, int]
    normalizations: Mapping[str, float]
    remap: np.ndarray
    normalization: np.ndarray

    @property
    def num_channels(self) -> int:
        """Largest policy id + 1."""
        return max(self.name_to_id.values(), default=-1) + 1


def bind_features(
    features: Mapping[str, Mapping[str, float]],
    known_ids: Mapping[str, int] | None = None,
    known_normalizations: Mapping[str, float] | None = None,
    learn_new: bool = False,
) -> FeatureBinding:
    """Bind `features` {name: {"id", "normalization"}} to a policy.

    Without `known_ids` this is the first binding: the policy takes over the environment's ids. Otherwise ids are
    translated by name; unknown names become 255, or with `learn_new` get an id of their own: the environment's if it
    is free, else the lowest free one. Ids that the environment does not use become 255.
    """
    first = known_ids is None
    name_to_id = dict(known_ids or {})
    normalizations = dict(known_normalizations or {})
    remap = np.full(NUM_FEATURES, UNKNOWN_FEATURE, np.int32)
    for name, entry in features.items():
        env_id = int(entry["id"])
        if not 0 <= env_id < UNKNOWN_FEATURE:
            raise ValueError(f"features.{name}.id: {env_id} is not in 0..{UNKNOWN_FEATURE - 1}")
        if name not in name_to_id:
            if not first and not learn_new:
                continue
            taken = set(name_to_id.values())
            if first and env_id in taken:
                raise ValueError(f"features.{name}.id: {env_id} is used by two features")
            name_to_id[name] = env_id if env_id not in taken else _lowest_free(taken)
        normalizations.setdefault(name, float(entry["normalization"]))
        remap[env_id] = name_to_id[name]
    normalization = np.ones(NUM_FEATURES, np.float32)
    for name, feature_id in name_to_id.items():
        if name in normalizations:
            normalization[feature_id] = normalizations[name]
    return FeatureBinding(name_to_id, normalizations, remap, normalization)


def warn_invisible(name_to_id: Mapping[str, int], num_channels: int) -> None:
    """Warn about names whose id does not fit a box that was built with `num_channels` channels."""
    beyond = sorted(name for name, feature_id in name_to_id.items() if feature_id >= num_channels)
    if beyond:
        warnings.warn(
            f"the network has {num_channels} feature channels; it cannot see {', '.join(beyond)}", stacklevel=2
        )


def _lowest_free(taken: set[int]) -> int:
    for feature_id in range(UNKNOWN_FEATURE):
        if feature_id not in taken:
            return feature_id
    raise ValueError(f"features: all {UNKNOWN_FEATURE} ids of the policy are taken")
