"""What a program shows on a terminal of its own."""

from __future__ import annotations

import os
import select


def read_until(descriptor: int, text: bytes) -> bytes:
    """What a terminal shows up to some text and the rest of its line."""
    found = b""
    while text not in found or b"\n" not in found[found.index(text) :]:
        readable, _, _ = select.select([descriptor], [], [], 120)
        assert readable, found
        found += os.read(descriptor, 4096)
    return found
