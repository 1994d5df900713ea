"""Deleting old policies."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from metta_jax.store.files import delete_directory, existing, finished_names
from metta_jax.store.layout import POLICY_JSON, TRAINER_STATE, make_model_name, saved_rollout_counts
from metta_jax.store.policy_file import read_policy_file
from metta_jax.store.train_state import policies_in_use

_logger = logging.getLogger(__name__)


def cleanup_old_policies(checkpoint_dir: str | os.PathLike[str], keep_last_n: int = 5) -> list[Path]:
    """Delete all policies of a directory but the `keep_last_n` of the highest epochs.

    Kept in addition: the policies that a training state names, model_0000 while there are training states (a run
    that resumes goes back to it), the policies that a kept one was started from (initial_pr), damaged directories,
    which are named in a warning, links, and everything that is not a policy.

    Returns:
      The deleted directories, by epoch; [] if there is no such directory.

    Raises:
      ValueError: keep_last_n is negative.
    """
    if keep_last_n < 0:
        raise ValueError(f"keep_last_n: {keep_last_n} is less than 0")
    directory = Path(checkpoint_dir)
    found: list[tuple[int, str, Path, str | None]] = []
    for name in finished_names(directory):
        path = directory / name
        if name == TRAINER_STATE or path.is_symlink() or not (existing(path) / POLICY_JSON).exists():
            continue
        try:
            metadata = read_policy_file(existing(path))[1]["metadata"]
        except ValueError as error:
            _logger.warning("Not deleted: %s", error)
            continue
        parent = metadata.get("initial_pr")
        found.append((metadata.epoch, name, path, parent if isinstance(parent, str) else None))
    found.sort()
    old, kept = found[: max(0, len(found) - keep_last_n)], found[max(0, len(found) - keep_last_n) :]
    needed = {path.resolve() for path in policies_in_use(directory)}
    needed |= {Path(parent.removeprefix("file://")).resolve() for *_, parent in kept if parent and "\0" not in parent}
    if saved_rollout_counts(directory):
        needed.add((directory / make_model_name(0)).resolve())
    deleted = []
    for _, _, path, _ in old:
        if path.resolve() not in needed:
            delete_directory(path)
            deleted.append(path)
    return deleted
