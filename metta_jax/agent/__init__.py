"""Observation to action: components, architectures, action embeddings."""

from __future__ import annotations

from metta_jax.agent.agent import Agent

__all__ = ["Agent"]
