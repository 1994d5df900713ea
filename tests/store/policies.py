"""What the tests of policies share: a small agent, and policies on disk made by other means than the store's."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from metta_jax.agent import Agent
from metta_jax.store import PolicyStore
from metta_jax.store.files import write_json
from tests.agent.facts import small_config, small_env


@functools.cache
def small_agent() -> Agent:
    return Agent(small_env(), small_config())


@functools.cache
def small_params(seed: int = 0) -> Any:
    return small_agent().init(jax.random.key(seed))


def save_epochs(store: PolicyStore, *epochs: int, **metadata: Any) -> None:
    """Saves the small policy of each epoch; `metadata` are functions of the epoch."""
    for epoch in epochs:
        store.save(small_agent(), small_params(epoch), epoch, {name: value(epoch) for name, value in metadata.items()})


def same(first: Any, second: Any) -> bool:
    """Whether two trees of arrays are equal bit for bit."""
    if jax.tree.structure(first) != jax.tree.structure(second):
        return False
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return all(a.dtype == b.dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes policy.json with a checksum that fits: what a hostile writer would do."""
    document = json.loads((path / "policy.json").read_text())
    document.pop("sha256")
    change(document)
    write_json(path / "policy.json", document)
