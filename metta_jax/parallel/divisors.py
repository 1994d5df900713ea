"""What can be divided evenly among devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from metta_jax.config import TrainerConfig
from metta_jax.rl.batch_layout import BatchLayout


@dataclass(frozen=True)
class DividedSizes:
    """What a run divides: environments, and rows of `horizon` steps of the buffer and of a minibatch."""

    num_envs: int
    num_rows: int
    rows_per_minibatch: int
    horizon: int

    @classmethod
    def of_layout(cls, layout: BatchLayout, num_envs: int) -> Self:
        return cls(num_envs, layout.num_rows, layout.rows_per_minibatch, layout.horizon)

    @classmethod
    def of_config(cls, config: TrainerConfig, num_envs: int) -> Self:
        """Read the sizes of a config. Ignores `scale_batches_by_world_size`, which depends on the number of devices."""
        horizon = config.bptt_horizon
        return cls(num_envs, config.batch_size // horizon, config.minibatch_size // horizon, horizon)

    def fit(self, num_devices: int) -> bool:
        """Whether all can be divided evenly."""
        return not any(count % num_devices for _, count in self._counts)

    def most_devices(self, num_available: int) -> int:
        """The largest number of devices, up to those available, that divides all sizes evenly; at least 1."""
        return next(count for count in range(num_available, 0, -1) if count == 1 or self.fit(count))

    def check(self, num_devices: int) -> None:
        """Raise a ValueError that suggests other numbers unless all sizes can be divided evenly."""
        problems = [self._problem(name, count, num_devices) for name, count in self._counts if count % num_devices]
        if problems:
            fitting = [str(count) for count in range(1, num_devices) if self.fit(count)]
            raise ValueError(f"{'; '.join(problems)}; or use {' or '.join(fitting)} of the devices")

    @property
    def _counts(self) -> tuple[tuple[str, int], ...]:
        rows = (("batch_size", self.num_rows), ("minibatch_size", self.rows_per_minibatch))
        return (("num_envs", self.num_envs), *rows)

    def _problem(self, name: str, count: int, num_devices: int) -> str:
        size = 1 if name == "num_envs" else self.horizon
        what = str(count) if size == 1 else f"{count * size}, {count} rows of {size} steps,"
        below = count - count % num_devices
        good = " or ".join(str(number * size) for number in (below, below + num_devices) if number)
        return f"{name}: {what} cannot be divided among {num_devices} devices ({good} can)"
