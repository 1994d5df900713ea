"""The nine actions, and what is common to all of them: arguments, frozen agents, resources."""

from __future__ import annotations

from collections.abc import Callable

from tests.oracle.grid import Grid
from tests.oracle.settings import ActionSettings
from tests.oracle.things import AGENT_LAYER, OBJECT_LAYER, Agent, Converter, Wall


def dispatch(
    grid: Grid, agent: Agent, actions: tuple[ActionSettings, ...], priority: int, kind: int, argument: int
) -> bool | None:
    """One agent's turn in one pass. True or False: the success flag to set; None: nothing happened."""
    if kind < 0 or kind >= len(actions):
        return _invalid(agent, "type", kind, argument)
    action = actions[kind]
    if action.priority != priority:
        return None
    # A negative orientation means nothing; the original does not check and may crash.
    if argument > action.max_argument or (action.name == "rotate" and argument < 0):
        return _invalid(agent, "arg", kind, argument)
    if agent.frozen != 0:
        agent.stats.add("status.frozen.ticks")
        agent.stats.add(f"status.frozen.ticks.{agent.group.name}")
        agent.frozen -= 1
        return False
    if _has_resources(agent, action) and HANDLERS[action.name](grid, agent, action, argument):
        _consume(agent, action)
        agent.stats.add(f"action.{action.reported_name}.success")
        return True
    agent.stats.add(f"action.{action.reported_name}.failed")
    agent.stats.add("action.failure_penalty")
    agent.penalize()
    return False


def _invalid(agent: Agent, what: str, kind: int, argument: int) -> bool:
    agent.stats.add(f"action.invalid_{what}")
    agent.stats.add(f"action.invalid_{what}.{kind}.{argument}")
    agent.penalize()
    return False


def _has_resources(agent: Agent, action: ActionSettings) -> bool:
    return all(agent.look_up(item) >= amount for item, amount in action.required.items())


def _consume(agent: Agent, action: ActionSettings) -> None:
    for item in sorted(action.consumed.keys() | action.required.keys()):
        agent.update(item, -action.consumed.get(item, 0))
    agent.settle()


def _noop(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    return True


def _move(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    row, column = grid.relative(agent, agent.orientation, forward=-1 if argument == 1 else 1)
    if not grid.is_empty(row, column):
        return False
    grid.move(agent, row, column)
    return True


def _rotate(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    agent.orientation = argument
    return True


def _change_color(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    change = {0: 1, 1: -1, 2: 63, 3: -63}.get(argument, 0)
    agent.color = (agent.color + change) % 256
    return True


def _change_glyph(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    agent.glyph = argument % 256
    return True


def _get_items(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    converter = _ahead(grid, agent, OBJECT_LAYER)
    if not isinstance(converter, Converter):
        return False
    success = False
    for item in converter.recipe.outputs:
        held = converter.inventory.get(item, 0)
        if held == 0:
            continue
        taken = agent.update(item, held)
        if taken > 0:
            agent.stats.add(f"{agent.items[item]}.get", taken)
            converter.update(item, -taken)
            success = True
    agent.settle()
    return success


def _put_items(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    converter = _ahead(grid, agent, OBJECT_LAYER)
    if not isinstance(converter, Converter):
        return False
    success = False
    for item, amount in converter.recipe.inputs.items():
        offered = min(amount, agent.inventory.get(item, 0))
        if offered == 0:
            continue
        given = converter.update(item, offered)
        if given > 0:
            agent.update(item, -given)
            agent.stats.add(f"{agent.items[item]}.put", given)
            success = True
    agent.settle()
    return success


def _swap(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    for layer in (OBJECT_LAYER, AGENT_LAYER):
        other = _ahead(grid, agent, layer)
        if other is not None and other.swappable:
            agent.stats.add(f"action.swap.{other.type_name}")
            grid.exchange(agent, other)
            return True
    return False


def _attack(grid: Grid, agent: Agent, action: ActionSettings, argument: int) -> bool:
    target = _find_target(grid, agent, argument)
    if target is None:
        return False
    own, theirs = agent.group.name, target.group.name
    prefix = f"action.attack.{own}"

    # An entry must be there even for amount 0, and looking does not make one.
    defended = action.defense and all(
        item in target.inventory and target.inventory[item] >= amount for item, amount in action.defense.items()
    )
    if defended:
        for item, amount in action.defense.items():
            target.update(item, -amount)
        target.settle()
        agent.stats.add(f"{prefix}.blocked_by.{theirs}")
        return True

    was_frozen = target.frozen > 0
    target.frozen = target.group.agent.freeze_duration
    if was_frozen:
        agent.stats.add(f"{prefix}.wasted_on_frozen")
        return True
    _steal(agent, target)
    if own == theirs:
        agent.stats.add(f"{prefix}.friendly_fire")
    else:
        agent.stats.add(f"{prefix}.hit.{theirs}")
        target.stats.add(f"action.attack.{theirs}.hit_by.{own}")
    return True


def _find_target(grid: Grid, agent: Agent, argument: int) -> Agent | None:
    """The argument-th agent met, or the last one if fewer are met."""
    met: Agent | None = None
    count = 0
    for distance in (1, 2, 3):
        for lateral in (0, -1, 1):
            row, column = grid.relative(agent, agent.orientation, distance, lateral)
            thing = grid.at(row, column, AGENT_LAYER)
            if isinstance(thing, Agent):
                met = thing
                if count == argument:
                    return met
                count += 1
    return met


def _steal(agent: Agent, target: Agent) -> None:
    snapshot = sorted(target.inventory.items())
    for item, amount in snapshot:
        gained = agent.update(item, amount)
        target.update(item, -gained)
        if gained > 0:
            key = f"action.attack.{agent.group.name}.steals.{agent.items[item]}.from.{target.group.name}"
            agent.stats.add(key, gained)
    agent.settle()
    target.settle()


def _ahead(grid: Grid, agent: Agent, layer: int) -> Agent | Converter | Wall | None:
    row, column = grid.relative(agent, agent.orientation, forward=1)
    return grid.at(row, column, layer)


HANDLERS: dict[str, Callable[[Grid, Agent, ActionSettings, int], bool]] = {
    "attack": _attack,
    "change_color": _change_color,
    "change_glyph": _change_glyph,
    "get_items": _get_items,
    "move": _move,
    "noop": _noop,
    "put_items": _put_items,
    "rotate": _rotate,
    "swap": _swap,
}
