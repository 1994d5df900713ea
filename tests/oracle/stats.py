"""Statistics: a running float32 value per key, and what is known about its updates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Clock:
    """The step that is being processed; 0 while the world is built."""

    step: int = 0


@dataclass
class Stats:
    """One scope of statistics. Without a clock, updates keep values and extremes, but no times and no count."""

    clock: Clock | None
    values: dict[str, np.float32] = field(default_factory=dict)
    lowest: dict[str, np.float32] = field(default_factory=dict)
    highest: dict[str, np.float32] = field(default_factory=dict)
    first_step: dict[str, int] = field(default_factory=dict)
    last_step: dict[str, int] = field(default_factory=dict)
    updates: dict[str, int] = field(default_factory=dict)

    def add(self, key: str, amount: float = 1.0) -> None:
        self.set(key, float(np.float32(self.values.get(key, np.float32(0.0)) + np.float32(amount))))

    def set(self, key: str, value: float) -> None:
        new = np.float32(value)
        self.values[key] = new
        self.lowest[key] = min(self.lowest.get(key, new), new)
        self.highest[key] = max(self.highest.get(key, new), new)
        if self.clock is not None:
            self.first_step.setdefault(key, self.clock.step)
            self.last_step[key] = self.clock.step
            self.updates[key] = self.updates.get(key, 0) + 1

    def read(self) -> dict[str, float]:
        """All keys with their derived ones."""
        result: dict[str, float] = {}
        for key, value in self.values.items():
            result[key] = float(value)
            result[f"{key}.min"] = float(self.lowest[key])
            result[f"{key}.max"] = float(self.highest[key])
            if self.clock is None or key not in self.updates:
                continue
            updates, first, last = self.updates[key], self.first_step[key], self.last_step[key]
            now = self.clock.step
            result[f"{key}.first_step"] = float(first)
            result[f"{key}.last_step"] = float(last)
            result[f"{key}.updates"] = float(updates)
            result[f"{key}.rate"] = float(np.float32(updates) / np.float32(now)) if now > 0 else 0.0
            result[f"{key}.avg"] = float(value / np.float32(updates))
            if last > first and updates > 1:
                result[f"{key}.activity_rate"] = float(np.float32(updates - 1) / np.float32(last - first))
        return result
