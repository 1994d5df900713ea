"""How agent steps are laid out in the buffer: sizes, and the errors for sizes that do not fit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BatchLayout:
    """Static sizes of one rollout.

    A round is `horizon` steps of all agents. Agent i of round k writes row (k * num_agents + i) mod num_rows.
    """

    num_agents: int  # over all environments
    horizon: int  # slots per row
    num_rows: int  # of the buffer
    rows_per_minibatch: int
    accumulate_minibatches: int = 1  # minibatches per optimizer step
    rows_per_chunk: int | None = None  # rows of a minibatch whose gradient is computed at a time; None: all
    acting_chunk: int | None = None  # agents that act at a time; None: all
    row_groups: int = 1  # of consecutive rows, of which every minibatch takes equally many

    @property
    def batch_size(self) -> int:
        """Agent steps that the buffer holds; the configuration's may be for several devices."""
        return self.num_rows * self.horizon

    @property
    def num_rounds(self) -> int:
        return -(-self.num_rows // self.num_agents)

    @property
    def num_minibatches(self) -> int:
        return self.num_rows // self.rows_per_minibatch

    @property
    def rows_per_group(self) -> int:
        return self.num_rows // self.row_groups

    @property
    def num_slots(self) -> int:
        """Steps of every environment in one rollout."""
        return self.num_rounds * self.horizon

    @property
    def steps_per_rollout(self) -> int:
        """Agent steps in one rollout; more than the buffer holds if the last round overwrites rows."""
        return self.num_slots * self.num_agents

    @property
    def rounds_fill_rows(self) -> bool:
        """Whether every round writes rows of its own, one block without a wrap."""
        return self.num_rows % self.num_agents == 0


def num_equal_chunks(num_rows: int, largest: int | None) -> int:
    """The smallest number of chunks of equal size, none of them larger than `largest`; 1 if that is None."""
    least = 1 if largest is None else -(-num_rows // largest)
    return next(count for count in range(least, num_rows + 1) if num_rows % count == 0)


def create_layout(
    *,
    num_agents: int,
    batch_size: int,
    minibatch_size: int,
    bptt_horizon: int,
    accumulate_minibatches: int = 1,
    gradient_chunk_size: int | None = None,
    acting_chunk_size: int | None = None,
    row_groups: int = 1,
) -> BatchLayout:
    """Sizes of a rollout of `batch_size` agent steps.

    Raises:
      ValueError: a size does not divide another, there are more agents than rows, or a minibatch is larger than
        the batch.
    """
    sizes = {
        "num_agents": num_agents,
        "batch_size": batch_size,
        "minibatch_size": minibatch_size,
        "bptt_horizon": bptt_horizon,
        "accumulate_minibatches": accumulate_minibatches,
        "row_groups": row_groups,
    }
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {size} is not at least 1")
    if minibatch_size > batch_size:
        raise ValueError(
            f"trainer.minibatch_size: {minibatch_size} is larger than trainer.batch_size {batch_size}; "
            "minibatch_size must be <= batch_size"
        )
    if minibatch_size % bptt_horizon:
        raise ValueError(
            f"trainer.minibatch_size: minibatch_size {minibatch_size} must be divisible by bptt_horizon {bptt_horizon}"
        )
    if batch_size % bptt_horizon:
        raise ValueError(
            f"trainer.batch_size: batch_size {batch_size} must be divisible by bptt_horizon {bptt_horizon}"
        )
    num_rows, rows_per_minibatch = batch_size // bptt_horizon, minibatch_size // bptt_horizon
    if num_agents > num_rows:
        raise ValueError(
            f"batch_size ({batch_size}) is too small for {num_agents} agents. "
            f"With bptt_horizon {bptt_horizon} it has {num_rows} rows, and every agent needs one of its own. "
            f"Please set trainer.batch_size >= {num_agents * bptt_horizon} (agents x bptt_horizon), "
            "or use fewer environments."
        )
    if num_rows % rows_per_minibatch:
        raise ValueError(
            f"Configuration error: segments ({num_rows}) must be divisible by minibatch_segments "
            f"({rows_per_minibatch}). segments = batch_size // bptt_horizon = {batch_size} // {bptt_horizon}, "
            f"minibatch_segments = minibatch_size // bptt_horizon = {minibatch_size} // {bptt_horizon}."
        )
    if rows_per_minibatch % row_groups:
        raise ValueError(
            f"trainer.row_groups: {row_groups} does not divide the {rows_per_minibatch} rows of a minibatch "
            f"(minibatch_size {minibatch_size} // bptt_horizon {bptt_horizon}), and each group gives as many"
        )
    if gradient_chunk_size is not None and gradient_chunk_size % bptt_horizon:
        raise ValueError(
            f"trainer.gradient_chunk_size: {gradient_chunk_size} must be divisible by bptt_horizon {bptt_horizon}"
        )
    layout = BatchLayout(
        num_agents,
        bptt_horizon,
        num_rows,
        rows_per_minibatch,
        accumulate_minibatches,
        rows_per_chunk=gradient_chunk_size and gradient_chunk_size // bptt_horizon,
        acting_chunk=acting_chunk_size,
        row_groups=row_groups,
    )
    if layout.num_minibatches % accumulate_minibatches:
        raise ValueError(
            f"accumulate_minibatches: {accumulate_minibatches} does not divide the number of minibatches "
            f"({layout.num_minibatches}); the last gradients of an epoch would be left over"
        )
    return layout
