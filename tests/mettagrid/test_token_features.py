"""The table of token features, and what follows from it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from metta_jax.config import GameConfig, GlobalObsConfig, features
from metta_jax.config.game import MAX_TOKENS
from metta_jax.mettagrid import MettaGrid, tokens
from tests.mettagrid.small_world import MAP, game, game_config

UNSEEN = {features.HP}  # by anybody, as in the original


def test_every_feature_has_one_id_and_is_shown() -> None:
    shown = {
        *features.WALL,
        *features.AGENT,
        *features.CONVERTER,
        *(f for group in features.GLOBAL.values() for f in group),
    }
    assert list(features.NAMES) == list(range(features.FIRST_ITEM))
    assert shown | UNSEEN == set(features.NAMES)
    assert len({name for name, _ in features.NAMES.values()}) == features.FIRST_ITEM
    assert list(features.GLOBAL) == list(GlobalObsConfig.model_fields)


def test_items_have_the_other_ids() -> None:
    names = ("ore", *(f"item_{i}" for i in range(1, features.MAX_ITEMS)))
    ids = [feature["id"] for feature in features.observation_features(names).values()]
    assert ids == list(range(255))  # the ids of the original; 255 marks unused tokens
    assert features.FIRST_ITEM == 14
    assert GameConfig.model_validate(game(inventory_item_names=names)).inventory_item_names == names
    with pytest.raises(ValidationError, match="242 items are too many: at most 241 are allowed"):
        game_config(inventory_item_names=(*names, "one_more"))


def test_the_largest_window_fits() -> None:
    shown = tuple(features.GLOBAL)
    most = features.most_tokens(features.MAX_ITEMS, shows_recipes=True, global_tokens=shown)
    heads = sum(map(len, features.GLOBAL.values()))
    assert 15 * 15 * most + heads < MAX_TOKENS


@pytest.mark.parametrize(
    ("items", "shows_recipes", "widest"),
    [((), False, "agent"), (("ore",), False, "agent"), (("ore", "a", "b", "c"), True, "converter")],
)
def test_a_row_holds_the_longest_list_of_tokens(items: tuple[str, ...], shows_recipes: bool, widest: str) -> None:
    """An agent that shows all it can has as many tokens as a row; or a converter, where recipes are shown."""
    config = game(inventory_item_names=items, num_observation_tokens=100)
    if not items:
        config["objects"] = {"wall": {"type_id": 1}, "mine": {"type_id": 2}}
        config["agent"] = {}
    elif shows_recipes:
        all_items = dict.fromkeys(items, 1)
        config["objects"]["mine"] |= {"input_resources": all_items, "output_resources": all_items, "max_output": 9}
        config["objects"]["mine"] |= {"show_recipe_inputs": True, "initial_resource_count": 5}
    env = MettaGrid(GameConfig.model_validate(config), [MAP])
    state, _ = env.reset(env.params, jax.random.key(0))
    full = state.replace(
        glyph=jnp.ones_like(state.glyph),
        inventory=jnp.ones_like(state.inventory),
        converter_stock=jnp.ones_like(state.converter_stock),
    )
    batch = jax.tree.map(lambda x: x[None], full)
    rules = jax.tree.map(lambda x: x[None], env.params.rules)
    rows = {"agent": tokens._agents(env.layout, rules, batch)}
    if env.layout.num_converters:
        rows["converter"] = tokens._converters(env.layout, rules, batch)
    counts = {name: int(np.max(row.num_tokens)) for name, row in rows.items()}
    assert counts[widest] == max(counts.values()) == env.layout.row_size


def test_a_feature_without_a_value_is_named() -> None:
    with pytest.raises(ValueError, match=r"hp: .*features\.py shows it, but it has no value here"):
        tokens._tokens((features.TYPE_ID, features.HP), {features.TYPE_ID: jnp.zeros((1, 1), jnp.int32)})
