"""What a named world is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from metta_jax.config import EnvConfig
from metta_jax.worlds.options import OVERRIDES, WorldOptions


@dataclass(frozen=True)
class World:
    """A named world.

    Attributes:
      build: options -> rules and map builder. Draws its sampled numbers from `options`, always in the same order.
      description: one line: what is to be done there.
      takes: the overrides that mean something in it, fields of `WorldOptions`.
      sampling: how far its sampled numbers move from their centers when they are drawn; 0: it has none that do.

    Raises:
      ValueError: a description of several lines, or an override that does not exist.
      TypeError: `build` is not a function.
    """

    build: Callable[[WorldOptions], EnvConfig]
    description: str
    takes: tuple[str, ...] = ("num_agents", "width", "height", "items", "objects")
    sampling: float = 0.0

    def __post_init__(self) -> None:
        if not callable(self.build):
            raise TypeError(f"build: {self.build!r} is not a function of WorldOptions")
        if "\n" in self.description:
            raise ValueError(f"description: {self.description!r} is more than one line")
        for name in self.takes:
            if name not in OVERRIDES:
                raise ValueError(f"takes: {name!r} is not one of {', '.join(OVERRIDES)}")

    def make(self, options: WorldOptions) -> EnvConfig:
        """The world with these options; its `sampling` is noted in the configuration.

        Raises:
          ValueError: an override that means nothing in this world, or a value that it cannot have.
          TypeError: `build` does not return an EnvConfig.
        """
        for name, value in options.given().items():
            if name not in self.takes:
                allowed = f"only {', '.join(self.takes)}" if self.takes else "nothing"
                raise ValueError(f"{name}: {value!r} cannot be chosen: {allowed} can, in this world")
        sampling = self.sampling if options.sampling is None else options.sampling
        config = self.build(replace(options, sampling=sampling))
        if not isinstance(config, EnvConfig):
            raise TypeError(f"build: {self.build!r} returned a {type(config).__name__} instead of an EnvConfig")
        return config.replace(sampling=sampling) if sampling else config
