"""What is written to disk and read again: policies, training states, pytrees of arrays."""

from metta_jax.store.background import BackgroundSaver
from metta_jax.store.calls import load_checkpoint, save_checkpoint
from metta_jax.store.checkpoint import load_pytree, save_pytree
from metta_jax.store.checkpoint import load_pytree as load_train_state
from metta_jax.store.checkpoint import save_pytree as save_train_state
from metta_jax.store.files import DamagedError
from metta_jax.store.metadata import PolicyMetadata
from metta_jax.store.policy_store import PolicyStore, make_model_name
from metta_jax.store.record import PolicyRecord

__all__ = [
    "BackgroundSaver",
    "DamagedError",
    "PolicyMetadata",
    "PolicyRecord",
    "PolicyStore",
    "load_checkpoint",
    "load_pytree",
    "load_train_state",
    "make_model_name",
    "save_checkpoint",
    "save_pytree",
    "save_train_state",
]
