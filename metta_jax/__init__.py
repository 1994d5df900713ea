"""MettaGrid and the Metta training API as pure functions in JAX.

Everything that a user needs is importable from `metta_jax.api`.
"""

__version__ = "0.1.0"
