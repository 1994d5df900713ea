"""How fast is this machine right now? A fixed piece of interpreter work that other figures can be divided by.

`branchy`: millions of steps a second of a walk over a small grid with dictionary updates on one core, the kind of work
that a conventional grid engine does. Machines differ and are shared, so a rate of ours is quoted with the branchy rate
of the same minutes. The original engine's rates on this scale were taken with the same walk.

    python benchmarks/yardstick.py
"""

import statistics
import time

WIDTH = HEIGHT = 25


def walk(num_steps: int) -> int:
    """The walk. Its work is the unit of measurement: do not change it."""
    grid = {(r, c): (r * 7 + c * 3) % 11 for r in range(HEIGHT) for c in range(WIDTH)}
    counts: dict[str, int] = {}
    r, c, seed = 12, 12, 1
    for _ in range(num_steps):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        turn = (seed >> 16) & 3
        r2, c2 = (r - 1, c) if turn == 0 else (r + 1, c) if turn == 1 else (r, c - 1) if turn == 2 else (r, c + 1)
        cell = grid.get((r2, c2))
        if cell is None:
            counts["blocked"] = counts.get("blocked", 0) + 1
            continue
        key = "even" if cell & 1 == 0 else "odd"
        counts[key] = counts.get(key, 0) + cell
        grid[(r, c)] = cell
        r, c = r2, c2
    return counts.get("even", 0)


def branchy(rounds: int = 3, num_steps: int = 400_000) -> float:
    """Median rate over some rounds, in millions of steps a second."""
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        walk(num_steps)
        rates.append(num_steps / (time.perf_counter() - start) / 1e6)
    return statistics.median(rates)


if __name__ == "__main__":
    print(f"branchy {branchy(7):.2f}")
