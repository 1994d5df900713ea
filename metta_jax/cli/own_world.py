"""The world that a policy was trained in."""

from __future__ import annotations

from metta_jax.config import EnvConfig
from metta_jax.monitor import load_run_config
from metta_jax.monitor.run_config import FILE_NAME
from metta_jax.store import PolicyRecord
from metta_jax.worlds.environment import Environment


def own_world(option: str, record: PolicyRecord) -> EnvConfig:
    """The world of the run that a policy is from: its directory holds <run>/checkpoints/<policy>.

    Raises ValueError that asks for `option` if the run's directory does not say, or its world is not known here.
    """
    run_dir = record.file_path.parent.parent
    if not (run_dir / FILE_NAME).exists():
        raise ValueError(f"{option}: is missing; {run_dir} has no {FILE_NAME} that says where the policy was trained")
    arguments = {**load_run_config(run_dir).environment, "num_envs": 1, "num_maps": 1}
    try:
        return Environment(**arguments).env_config
    except ValueError as error:
        problem = f"{option}: is missing, and the world of {run_dir} cannot be made: {error}"
        raise ValueError(f"{problem}; --import takes the module that registers a world") from None
