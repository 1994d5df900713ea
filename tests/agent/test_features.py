"""Feature ids of an environment become those of the policy, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metta_jax.agent.features import UNKNOWN_FEATURE, bind_features, warn_invisible


def features(**ids: int) -> dict[str, Any]:
    return {name: {"id": index, "normalization": 10.0 + index} for name, index in ids.items()}


def test_first_binding_takes_the_ids_over() -> None:
    binding = bind_features(features(a=0, b=2))
    assert dict(binding.name_to_id) == {"a": 0, "b": 2}
    assert binding.num_channels == 3
    assert binding.remap[[0, 1, 2, 254, 255]].tolist() == [0, 255, 2, 255, 255]
    assert binding.normalization[[0, 1, 2]].tolist() == [10.0, 1.0, 12.0]


def test_later_binding_translates_and_drops_unknown_names() -> None:
    first = bind_features(features(a=0, b=1))
    later = bind_features(features(b=0, c=1, a=2), first.name_to_id, first.normalizations)
    assert later.remap[:4].tolist() == [1, UNKNOWN_FEATURE, 0, UNKNOWN_FEATURE]
    assert dict(later.name_to_id) == {"a": 0, "b": 1}
    assert later.normalization[:2].tolist() == [10.0, 11.0], "normalizations follow the policy"


def test_new_names_can_be_learned() -> None:
    first = bind_features(features(a=0, b=1))
    later = bind_features(features(c=1, d=7, a=2), first.name_to_id, first.normalizations, learn_new=True)
    assert dict(later.name_to_id) == {"a": 0, "b": 1, "c": 2, "d": 7}, "1 is b's, 7 is free"
    assert later.remap[[1, 2, 7]].tolist() == [2, 0, 7]
    assert later.normalization[[2, 7]].tolist() == [11.0, 17.0]


def test_bad_ids() -> None:
    with pytest.raises(ValueError, match=r"features.a.id: 255 is not in 0..254"):
        bind_features(features(a=255))
    with pytest.raises(ValueError, match=r"features.b.id: 3 is used by two features"):
        bind_features(features(a=3, b=3))


def test_names_beyond_the_network_are_reported() -> None:
    with pytest.warns(UserWarning, match="the network has 2 feature channels; it cannot see d"):
        warn_invisible({"a": 0, "d": 2}, 2)


@given(st.permutations(range(20)), st.permutations(range(20)))
def test_a_name_means_the_same_in_every_order(policy_ids: list[int], env_ids: list[int]) -> None:
    names = [f"feature_{index}" for index in range(20)]
    first = bind_features(features(**dict(zip(names, policy_ids, strict=True))))
    later = bind_features(features(**dict(zip(names, env_ids, strict=True))), first.name_to_id, first.normalizations)
    for name, policy_id, env_id in zip(names, policy_ids, env_ids, strict=True):
        assert later.remap[env_id] == policy_id
        assert later.normalization[policy_id] == np.float32(first.normalizations[name])
