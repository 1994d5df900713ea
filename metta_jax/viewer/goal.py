"""A game's rewards and recipes in a few readable lines."""

from __future__ import annotations

from collections.abc import Mapping

from metta_jax.config import ConverterConfig, GameConfig


def goal_of(game: GameConfig) -> list[str]:
    """Lines such as `Reward: heart 1, ore_red 0.01 each` and `altar: 3 battery_red -> 1 heart`."""
    rewards = game.agent.rewards
    paid = {name: value for name, value in rewards.inventory.items() if value and not name.endswith("_max")}
    paid |= {name: value for name, value in rewards.stats.items() if value and not name.endswith("_max")}
    best_first = sorted(paid.items(), key=lambda item: -item[1])
    lines = [f"Reward: {', '.join(f'{name} {value:g}' for name, value in best_first)} each" if paid else "No reward."]
    for name, thing in game.objects.items():
        if isinstance(thing, ConverterConfig):
            lines.append(f"{name}: {_amounts(thing.input_resources)} -> {_amounts(thing.output_resources)}")
    return lines


def _amounts(resources: Mapping[str, int]) -> str:
    return ", ".join(f"{amount} {item}" for item, amount in resources.items()) or "nothing"
