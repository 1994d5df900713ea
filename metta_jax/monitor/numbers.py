"""Numbers and durations for people."""

from __future__ import annotations


def format_count(value: float) -> str:
    """A short number: 950, 12.3k, 4.56M, 1.20B."""
    for limit, divisor, suffix in ((1e3, 1.0, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M")):
        if abs(value) < limit:
            scaled = value / divisor
            return (
                f"{scaled:.0f}" if not suffix else f"{scaled:.1f}{suffix}" if suffix == "k" else f"{scaled:.2f}{suffix}"
            )
    return f"{value / 1e9:.2f}B"


def format_time(seconds: float) -> str:
    """A short duration: 5 sec, 1.5 min, 2.0 hours, 1.5 days."""
    if seconds < 60:
        return f"{seconds:.0f} sec"
    for limit, divisor, unit in ((3600, 60, "min"), (86400, 3600, "hours")):
        if seconds < limit:
            return f"{seconds / divisor:.1f} {unit}"
    return f"{seconds / 86400:.1f} days"
