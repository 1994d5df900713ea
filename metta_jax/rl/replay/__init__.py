"""The rollout buffer's sizes, and how minibatches are drawn from it."""

from metta_jax.rl.replay.layout import BatchLayout, create_layout
from metta_jax.rl.replay.sampling import (
    calculate_anneal_beta,
    calculate_prioritized_sampling_params,
    draw_prioritized,
    draw_segments,
    segment_probabilities,
)

__all__ = [
    "BatchLayout",
    "calculate_anneal_beta",
    "calculate_prioritized_sampling_params",
    "create_layout",
    "draw_prioritized",
    "draw_segments",
    "segment_probabilities",
]
