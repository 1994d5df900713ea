"""What a policy knows by name, and the tables that translate an environment to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from metta_jax.agent.actions import assign_action_rows
from metta_jax.agent.features import bind_features
from metta_jax.agent.tables import AgentTables
from metta_jax.mettagrid import EnvSpec
from metta_jax.mettagrid.spaces import ActionSpace

METADATA_KEYS = (
    "original_feature_mapping",
    "feature_normalizations",
    "num_feature_channels",
    "action_embedding_rows",
    "obs_height",
    "obs_width",
)


@dataclasses.dataclass(frozen=True)
class PolicyNames:
    """A policy's own names; plain data that is saved with it.

    feature_ids: feature name -> id (the original's original_feature_mapping). feature_normalizations: by name.
    num_channels: feature ids that the network was built for. action_rows: full action name -> row of the table.
    obs_height, obs_width: the window that the network was built for.
    """

    feature_ids: Mapping[str, int]
    feature_normalizations: Mapping[str, float]
    num_channels: int
    action_rows: Mapping[str, int]
    obs_height: int
    obs_width: int

    def to_metadata(self) -> dict[str, Any]:
        """The names as JSON-able values under METADATA_KEYS."""
        return {
            "original_feature_mapping": dict(self.feature_ids),
            "feature_normalizations": dict(self.feature_normalizations),
            "num_feature_channels": self.num_channels,
            "action_embedding_rows": dict(self.action_rows),
            "obs_height": self.obs_height,
            "obs_width": self.obs_width,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> PolicyNames:
        """The inverse of `to_metadata`; other keys are ignored. ValueError names a missing key."""
        for key in METADATA_KEYS:
            if key not in metadata:
                raise ValueError(f"policy metadata: the key '{key}' is missing")
        return cls(
            feature_ids={name: int(value) for name, value in metadata["original_feature_mapping"].items()},
            feature_normalizations={name: float(x) for name, x in metadata["feature_normalizations"].items()},
            num_channels=int(metadata["num_feature_channels"]),
            action_rows={name: int(row) for name, row in metadata["action_embedding_rows"].items()},
            obs_height=int(metadata["obs_height"]),
            obs_width=int(metadata["obs_width"]),
        )


def bind(
    env: EnvSpec,
    action_space: ActionSpace,
    num_embeddings: int,
    known: PolicyNames | None = None,
    learn_new: bool = False,
) -> tuple[PolicyNames, AgentTables]:
    """Bind a policy to an environment; without `known` for the first time.

    See `features.bind_features` and `actions.assign_action_rows` for the rules. New action names always get rows; new
    feature names only with `learn_new`.
    """
    features = bind_features(
        env.get_observation_features(),
        None if known is None else known.feature_ids,
        None if known is None else known.feature_normalizations,
        learn_new=learn_new,
    )
    rows, action_rows = assign_action_rows(
        action_space.full_names(), {} if known is None else known.action_rows, num_embeddings
    )
    names = PolicyNames(
        feature_ids=features.name_to_id,
        feature_normalizations=features.normalizations,
        num_channels=features.num_channels if known is None else known.num_channels,
        action_rows=rows,
        obs_height=int(env.obs_height) if known is None else known.obs_height,
        obs_width=int(env.obs_width) if known is None else known.obs_width,
    )
    return names, AgentTables.make(features, action_space, action_rows)


def check_window(env: EnvSpec, names: PolicyNames, box_name: str | None) -> None:
    """Raise ValueError if a network that reads the window as a box meets another window size."""
    theirs, ours = (int(env.obs_height), int(env.obs_width)), (names.obs_height, names.obs_width)
    if box_name is not None and theirs != ours:
        raise ValueError(
            f"Observation space mismatch error: component {box_name} was built for a window of {ours[0]}x{ours[1]}, "
            f"the environment has {theirs[0]}x{theirs[1]}"
        )
