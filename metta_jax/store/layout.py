"""Names of the directories and files of a run.

<checkpoint_dir>/model_0100/policy.json, params/
<checkpoint_dir>/trainer_state/<rollout count>/trainer.json, state/
"""

from __future__ import annotations

from pathlib import Path

from metta_jax.store.files import finished_names

POLICY_JSON = "policy.json"
PARAMS = "params"
TRAINER_STATE = "trainer_state"
TRAINER_JSON = "trainer.json"
STATE = "state"

_MAX_DIGITS = 18


def make_model_name(epoch: int) -> str:
    """The name of an epoch's policy: "model_0100"."""
    if epoch < 0:
        raise ValueError(f"epoch: {epoch} is less than 0")
    return f"model_{epoch:04d}"


def state_directory(checkpoint_dir: Path, rollout_count: int) -> Path:
    """Where the training state after this many rollouts is."""
    return checkpoint_dir / TRAINER_STATE / str(rollout_count)


def saved_rollout_counts(checkpoint_dir: Path) -> list[int]:
    """Rollout counts of the training states that are there, ascending. Other names are ignored."""
    names = [name for name in finished_names(checkpoint_dir / TRAINER_STATE) if len(name) <= _MAX_DIGITS]
    return sorted(int(name) for name in names if name.isascii() and name.isdigit() and str(int(name)) == name)
