"""What agents can do: one table, which the build, the passes, the statistics and the viewer read.

To add an action, give `config.ActionsConfig` a field and `ACTIONS` an entry of the same name. That is all for an action
that concerns only its agent; one that meets other agents or objects also needs a `Resolution` of its own, and a
rule for it in a pass.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import jax
import jax.numpy as jnp

from grid_kernels.combat import REACH
from metta_jax.config import ActionConfig, ActionsConfig
from metta_jax.core.hints import suggestion

Interaction: TypeAlias = Literal["move", "swap", "get", "put", "attack"]
"""How actions are resolved that may meet, and fail: "move" and "swap" on cells, "get" and "put" at converters, "attack"
in a pass before all others. Each is one action's."""

Resolution: TypeAlias = Literal["alone", Interaction]
"""How an action is resolved: as one of the interactions, or "alone", without regard to others, so that it always
succeeds."""

_COLOR_SHIFTS = (1, 255, 63, 193)  # by argument, modulo 256


class Appearance(NamedTuple):
    """What an action that resolves alone may change about its agent, `[N, A]`."""

    orientation: jax.Array  # int32
    color: jax.Array  # uint8
    glyph: jax.Array  # uint8


EffectFn: TypeAlias = Callable[[Appearance, jax.Array], Appearance]
"""The appearance of agents, and the arguments of their actions, int32 [N, A] -> their appearance afterwards. The
result counts for the agents that do the action, whose arguments are valid."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action.

    Attributes:
      name: the field of `ActionsConfig`.
      resolution: see `Resolution`.
      effect_fn: what an action that resolves alone does, see `EffectFn`; None: nothing. A function of a module, so that
        layouts can be pickled.
      max_arg: the largest argument, or a function of the action's configuration that gives it.
      negative_args: whether arguments below 0 are valid too, as the original has it for all but one.
      reported_as: the name in `action_names`, replays and statistics; None: `name`.

    Raises:
      ValueError: the resolution is not one, or has an effect of its own although it does not resolve alone.
    """

    name: str
    resolution: Resolution
    effect_fn: EffectFn | None = None
    max_arg: int | Callable[[Any], int] = 0
    negative_args: bool = True
    reported_as: str | None = None

    def __post_init__(self) -> None:
        known = get_args(Resolution)
        if self.resolution not in known:
            raise ValueError(
                f"actions.{self.name}.resolution: {self.resolution!r} is not one of {list(known)}"
                f"{suggestion(self.resolution, known)}"
            )
        if self.effect_fn is not None and self.resolution != "alone":
            raise ValueError(
                f"actions.{self.name}.effect_fn: only actions that resolve 'alone' have one; this one resolves "
                f"{self.resolution!r}"
            )

    @property
    def reported_name(self) -> str:
        """Its name in `action_names`, replays and statistics."""
        return self.name if self.reported_as is None else self.reported_as

    def largest_argument(self, config: ActionConfig) -> int:
        """The largest argument in a game that configures the action like this."""
        return self.max_arg if isinstance(self.max_arg, int) else self.max_arg(config)


def action_table(actions: Iterable[Action], config: type[ActionsConfig]) -> Mapping[str, Action]:
    """The actions by name, read-only.

    Raises:
      ValueError: an action lacks its field in `config`, a field its action, or two actions share a name, a reported
        name, or a resolution other than "alone".
    """
    actions = tuple(actions)
    fields, names = tuple(config.model_fields), [action.name for action in actions]
    for name in fields:
        if name not in names:
            raise ValueError(
                f"actions.{name}: {config.__name__} has this field, but the table of actions in "
                f"metta_jax/mettagrid/actions.py has no entry for it{suggestion(name, names)}"
            )
    for name in names:
        if name not in fields:
            raise ValueError(
                f"actions.{name}: the table of actions has this entry, but {config.__name__} in "
                f"metta_jax/config/actions.py has no field for it{suggestion(name, fields)}"
            )
    _refuse_shared("name", actions, lambda action: action.name)
    _refuse_shared("reported_as", actions, lambda action: action.reported_name)
    _refuse_shared("resolution", [a for a in actions if a.resolution != "alone"], lambda action: action.resolution)
    return MappingProxyType({action.name: action for action in actions})


def _refuse_shared(field: str, actions: Iterable[Action], value_fn: Callable[[Action], str]) -> None:
    owners: dict[str, Action] = {}
    for action in actions:
        owner = owners.setdefault(value_fn(action), action)
        if owner is not action:
            raise ValueError(f"actions.{action.name}.{field}: {value_fn(action)!r} is that of {owner.name!r} already")


def _rotate(agent: Appearance, argument: jax.Array) -> Appearance:
    return agent._replace(orientation=argument)


def _change_color(agent: Appearance, argument: jax.Array) -> Appearance:
    last = len(_COLOR_SHIFTS) - 1
    shift = jnp.asarray(_COLOR_SHIFTS, jnp.uint8).at[jnp.clip(argument, 0, last)].get(mode="promise_in_bounds")
    return agent._replace(color=jnp.where(argument >= 0, agent.color + shift, agent.color))


def _change_glyph(agent: Appearance, argument: jax.Array) -> Appearance:
    return agent._replace(glyph=(argument & 0xFF).astype(jnp.uint8))


def _last_glyph(config: Any) -> int:
    return max(config.number_of_glyphs - 1, 0)


ACTIONS = action_table(
    (
        Action(name="noop", resolution="alone"),
        Action(name="move", resolution="move", max_arg=1),
        Action(name="rotate", resolution="alone", effect_fn=_rotate, max_arg=3, negative_args=False),
        Action(name="put_items", resolution="put", reported_as="put_recipe_items"),
        Action(name="get_items", resolution="get", reported_as="get_output"),
        Action(name="attack", resolution="attack", max_arg=len(REACH) - 1),
        Action(name="swap", resolution="swap"),
        Action(name="change_color", resolution="alone", effect_fn=_change_color, max_arg=len(_COLOR_SHIFTS) - 1),
        Action(name="change_glyph", resolution="alone", effect_fn=_change_glyph, max_arg=_last_glyph),
    ),
    ActionsConfig,
)


def enabled_actions(config: ActionsConfig) -> tuple[Action, ...]:
    """The enabled actions in the order of action indices."""
    return tuple(ACTIONS[name] for name in config.enabled())
