"""When something that happens at intervals of epochs is due."""

from __future__ import annotations


def is_due(epoch: int, interval: int, *, previous: int | None = None) -> bool:
    """Whether a multiple of `interval` is in `previous` + 1 .. `epoch`; never for an interval of 0.

    An update may run several epochs, so the multiple itself need not be seen.

    Args:
      previous: the epoch at the last look; None: the one before.
    """
    if interval <= 0:
        return False
    previous = epoch - 1 if previous is None else previous
    return epoch // interval > previous // interval
