"""What is written to disk and read again: policies, training states, pytrees of arrays."""

from metta_jax.store.background import BackgroundSaver
from metta_jax.store.calls import load_checkpoint, save_checkpoint
from metta_jax.store.checkpoint import load_pytree, save_pytree
from metta_jax.store.cleanup import cleanup_old_policies
from metta_jax.store.files import DamagedError, SaveError
from metta_jax.store.layout import make_model_name
from metta_jax.store.metadata import PolicyMetadata
from metta_jax.store.original_weights import convert_original_weights, load_original_weights
from metta_jax.store.policy_store import PolicyStore
from metta_jax.store.record import PolicyRecord
from metta_jax.store.start import find_initial_policy
from metta_jax.store.train_state import TrainerInfo, load_train_state, read_trainer_info, save_train_state

__all__ = [
    "BackgroundSaver",
    "DamagedError",
    "PolicyMetadata",
    "PolicyRecord",
    "PolicyStore",
    "SaveError",
    "TrainerInfo",
    "cleanup_old_policies",
    "convert_original_weights",
    "find_initial_policy",
    "load_checkpoint",
    "load_original_weights",
    "load_pytree",
    "load_train_state",
    "make_model_name",
    "read_trainer_info",
    "save_checkpoint",
    "save_pytree",
    "save_train_state",
]
