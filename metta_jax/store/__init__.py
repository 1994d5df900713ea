"""What is written to disk and read again."""

from metta_jax.store.checkpoint import load_train_state, save_train_state

__all__ = ["load_train_state", "save_train_state"]
