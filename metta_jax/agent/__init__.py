"""Observation to action: components, architectures, action embeddings."""

from __future__ import annotations

from metta_jax.agent.agent import Agent
from metta_jax.agent.device import find_device
from metta_jax.agent.forward import PolicyOutput
from metta_jax.agent.network import Architecture, ArchitectureOutput
from metta_jax.agent.policy import Policy
from metta_jax.agent.saved import SavedPolicies, SavedPolicy
from metta_jax.agent.tables import AgentTables
from metta_jax.agent.weights import LayerInfo, matrix_metrics

__all__ = [
    "Agent",
    "AgentTables",
    "Architecture",
    "ArchitectureOutput",
    "LayerInfo",
    "Policy",
    "PolicyOutput",
    "SavedPolicies",
    "SavedPolicy",
    "find_device",
    "matrix_metrics",
]
