"""Training in one call: the explicit loop of `examples/run.py`, with everything around it.

Only public functions of the other packages are called here; to change the order, copy the loop.
"""

from metta_jax.monitor.metrics_log import forget_records_after
from metta_jax.trainer.episode_rewards import EpisodeRewards
from metta_jax.trainer.interrupts import StopSignals
from metta_jax.trainer.loop import REWARDS, TrainResult, run_training
from metta_jax.trainer.resume import resume_run
from metta_jax.trainer.run_files import METRICS, check_same_run, forget_run
from metta_jax.trainer.run_lock import RunLock
from metta_jax.trainer.train import make_run, train

__all__ = [
    "METRICS",
    "REWARDS",
    "EpisodeRewards",
    "RunLock",
    "StopSignals",
    "TrainResult",
    "check_same_run",
    "forget_records_after",
    "forget_run",
    "make_run",
    "resume_run",
    "run_training",
    "train",
]
