"""The original's `initial_grid_hash`: names a map by its contents."""

from __future__ import annotations

from collections.abc import Sequence

_P0, _P1, _P2, _P3 = 0x2D358DCCAA6C78A5, 0x8BB84B93962EACC9, 0x4B33A62ED433D4A3, 0x4D5A2DA51DE1AA47
_MASK = (1 << 64) - 1


def map_hash(rows: Sequence[Sequence[str]]) -> int:
    """The 64-bit hash of a map, given as rows of object names exactly as they stand in the map."""
    cells = (f"{r},{c}:{name};" for r, row in enumerate(rows) for c, name in enumerate(row))
    return wyhash("".join(cells).encode())


def wyhash(data: bytes) -> int:
    """wyhash, version 4.2, seed 0: https://github.com/wangyi-fudan/wyhash (public domain). 0..2^64-1."""
    n = len(data)
    seed = _mix(_P0, _P1)
    if n <= 16:
        a, b = _short_words(data)
    else:
        offset, left = 0, n
        if left >= 48:
            seed1 = seed2 = seed
            while left >= 48:
                seed = _mix(_read8(data, offset) ^ _P1, _read8(data, offset + 8) ^ seed)
                seed1 = _mix(_read8(data, offset + 16) ^ _P2, _read8(data, offset + 24) ^ seed1)
                seed2 = _mix(_read8(data, offset + 32) ^ _P3, _read8(data, offset + 40) ^ seed2)
                offset, left = offset + 48, left - 48
            seed ^= seed1 ^ seed2
        while left > 16:
            seed = _mix(_read8(data, offset) ^ _P1, _read8(data, offset + 8) ^ seed)
            offset, left = offset + 16, left - 16
        a, b = _read8(data, offset + left - 16), _read8(data, offset + left - 8)
    product = (a ^ _P1) * (b ^ seed)
    return _mix((product & _MASK) ^ _P0 ^ n, (product >> 64) ^ _P1)


def _short_words(data: bytes) -> tuple[int, int]:
    n = len(data)
    if n == 0:
        return 0, 0
    if n < 4:
        return data[0] << 16 | data[n >> 1] << 8 | data[n - 1], 0
    quarter = (n >> 3) * 4
    return _read4(data, 0) << 32 | _read4(data, quarter), _read4(data, n - 4) << 32 | _read4(data, n - 4 - quarter)


def _mix(a: int, b: int) -> int:
    product = a * b
    return (product & _MASK) ^ (product >> 64)


def _read8(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 8], "little")


def _read4(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")
