"""What a resumed run needs in addition to its training state."""

from __future__ import annotations

import logging

from metta_jax.rl import TrainingComponents, TrainState
from metta_jax.store import PolicyRecord, PolicyStore
from metta_jax.store.train_state import read_trainer_info

_logger = logging.getLogger(__name__)


def resume_run(training: TrainingComponents, policy_store: PolicyStore, state: TrainState) -> PolicyRecord | None:
    """Set `training.timer` to what it was when `state` was saved, and find the policy that was saved with it.

    The timer is stopped, and its lap begins now, at the steps of `state`: time without training is in no metric.

    Args:
      policy_store: in whose directory training states are saved.
      state: the one to continue from, loaded or fresh.

    Returns:
      The policy that was saved last; None in a new run, if there is none, or if `state` is not of this directory.
    """
    step = int(state.agent_step)
    info = read_trainer_info(policy_store.checkpoint_dir)
    if info is not None and info.agent_step != step:
        info = None  # a state from elsewhere
    if info is not None:
        try:
            training.timer.load_state(info.stopwatch_state, resume_running=False)
        except ValueError as error:
            _logger.warning("Times begin at 0, those of the training state cannot be used: %s", error)
    training.timer.checkpoint_all(step)
    if info is None or info.policy_path is None:
        return None
    try:
        return policy_store.load_from_uri(info.policy_path)
    except ValueError as error:
        _logger.warning("The policy that the training state names cannot be used: %s", error)
        return None
