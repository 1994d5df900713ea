"""How episodes end: the step limit, and a truncation rule that is added in one place."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from pydantic import Field

from metta_jax.config import GameConfig
from metta_jax.mettagrid import MettaGrid, VectorEnv, endings
from metta_jax.mettagrid.types import EnvState, Rules
from tests.mettagrid.small_world import MAP, NOOP, game

LIMIT, RULE = 4, 3


class Timed(GameConfig):
    """A game with a rule of its own."""

    truncate_at_three: bool = Field(default=False, description="Cut episodes off at step 3.")


def at_three(rules: Rules, state: EnvState) -> jax.Array:
    """Return which episodes are at step 3."""
    del rules
    return state.step == RULE


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "TRUNCATIONS", endings.TRUNCATIONS | {"truncate_at_three": at_three})


def ends(config: GameConfig, steps: range = range(1, LIMIT + 2)) -> tuple[list[bool], list[bool]]:
    """Whether an episode of this game terminates, and whether it is truncated, at each step."""
    env = MettaGrid(config, maps=MAP)
    rules = jax.tree.map(lambda x: jnp.asarray(x)[None], env.params.rules)
    state = jax.tree.map(lambda x: x[None], env.reset(env.params, jax.random.key(0))[0])
    both = [endings.endings(rules, state.replace(step=jnp.full((1,), step, jnp.int32))) for step in steps]
    return [bool(terminated[0]) for terminated, _ in both], [bool(truncated[0]) for _, truncated in both]


@pytest.mark.parametrize("truncates", [False, True])
def test_the_step_limit_ends_an_episode_in_one_way(truncates: bool) -> None:
    over, not_over = [False, False, False, True, True], [False] * 5
    config = GameConfig.model_validate(game(max_steps=LIMIT, episode_truncates=truncates))
    assert ends(config) == ((not_over, over) if truncates else (over, not_over))


def test_without_a_step_limit_nothing_ends() -> None:
    for truncates in (False, True):
        config = GameConfig.model_validate(game(max_steps=0, episode_truncates=truncates))
        assert ends(config) == ([False] * 5, [False] * 5)


@pytest.mark.usefixtures("added")
def test_a_rule_is_added_in_one_place() -> None:
    rule = [False, False, True, False, False]
    off = Timed.model_validate(game(max_steps=LIMIT))
    on = off.model_copy(update={"truncate_at_three": True})
    assert ends(off) == ([False, False, False, True, True], [False] * 5)
    assert ends(on) == ([False, False, False, True, True], rule)
    both = on.model_copy(update={"episode_truncates": True})
    assert ends(both) == ([False] * 5, [False, False, True, True, True])


@pytest.mark.usefixtures("added")
def test_where_both_meet_the_episode_terminates() -> None:
    config = Timed.model_validate(game(max_steps=RULE, truncate_at_three=True))
    assert ends(config) == ([False, False, True, True, True], [False] * 5)


@pytest.mark.usefixtures("added")
def test_a_rule_ends_episodes_that_are_played() -> None:
    env = MettaGrid(Timed.model_validate(game(truncate_at_three=True)), maps=MAP)
    env_of_many = VectorEnv(env, 3)
    state, _ = env_of_many.reset(env.params, jax.random.key(0))
    actions = jnp.full((3, 2, 2), NOOP, jnp.int32).at[..., 1].set(0)
    timesteps = []
    for _ in range(4):
        state, timestep = env_of_many.step(env.params, state, actions)
        timesteps.append(timestep)
    assert [t.truncated.all().item() for t in timesteps] == [False, False, True, False]
    assert not any(t.terminated.any() for t in timesteps)
    assert state.env.step.tolist() == [1, 1, 1]  # of the next episodes


@pytest.mark.usefixtures("added")
def test_a_rule_that_the_configuration_lacks_is_refused() -> None:
    with pytest.raises(AttributeError, match="truncate_at_three"):
        MettaGrid(GameConfig.model_validate(game()), maps=MAP)
