"""The named curricula: what they are made of, and that their tasks fit together."""

from __future__ import annotations

import numpy as np
import pytest

from metta_jax.curriculum import Curriculum, LearningProgress, Random
from metta_jax.curriculum.learning_progress import LearningProgressRule
from metta_jax.curriculum.prioritize_regressed import PrioritizeRegressedRule
from metta_jax.curriculum.progressive import BlendRule
from metta_jax.curriculum.rule import FixedWeights
from metta_jax.mapgen import MapGen
from metta_jax.mapgen import Random as Scattered
from metta_jax.worlds import list_curricula, make_curriculum
from metta_jax.worlds.environment import Environment

# Name -> rule, number of children, agents.
FACTS = {
    "simple": (FixedWeights, 1, 24),
    "arena/random": (FixedWeights, 15, 24),
    "arena/learning_progress": (LearningProgressRule, 15, 24),
    "navigation/prioritize_regressed": (PrioritizeRegressedRule, 6, 4),
    "navigation/learning_progress": (LearningProgressRule, 7, 4),
    "navigation/subcurricula/sparse": (LearningProgressRule, 1, 4),
    "navigation/bucketed": (LearningProgressRule, 64, 4),
    "navigation/progressive": (BlendRule, 3, 4),
    "progressive": (BlendRule, 3, 4),
    "memory": (PrioritizeRegressedRule, 9, 16),
    "nav_memory_sequence": (PrioritizeRegressedRule, 22, 4),
    "navsequence/backchain_seq": (PrioritizeRegressedRule, 3, 4),
    "navsequence/mem_medium": (PrioritizeRegressedRule, 4, 4),
    "navsequence/mem_pretrained": (PrioritizeRegressedRule, 5, 4),
    "navsequence/navsequence_all": (PrioritizeRegressedRule, 13, 4),
    "navsequence/nav_backchain": (FixedWeights, 2, 4),
    "navsequence/nav_backchain_mem": (FixedWeights, 3, 4),
    "navsequence/nav_mem": (FixedWeights, 2, 4),
    "navsequence/nav_navsequence_backchain": (FixedWeights, 3, 4),
    "objects/all_objects": (LearningProgressRule, 16, 4),
    "objects/sequence": (PrioritizeRegressedRule, 3, 4),
    "object_use": (PrioritizeRegressedRule, 2, 4),
    "multiagent": (PrioritizeRegressedRule, 9, 32),
    "overcooked": (PrioritizeRegressedRule, 3, 8),
    "resources": (LearningProgressRule, 27, 24),
    "bbc/bbc": (LearningProgressRule, 4, 24),
    **{f"bbc/agents/{agents}": (LearningProgressRule, 6, 24) for agents in ("1", "2", "3", "24", "defaults")},
    "bbc/tasks/basic": (LearningProgressRule, 12, 24),
    "bbc/tasks/altar": (LearningProgressRule, 9, 24),
    "bbc/tasks/laser": (LearningProgressRule, 9, 24),
    "bbc/tasks/armor": (LearningProgressRule, 18, 24),
    "bbc/tasks/combat": (LearningProgressRule, 2, 24),
    "bbc/tasks/tag": (LearningProgressRule, 4, 24),
    "all": (FixedWeights, 3, 24),
}


def test_every_curriculum_is_known_here() -> None:
    assert set(list_curricula()) == {f"curriculum/{name}" for name in FACTS}


@pytest.mark.parametrize("name", FACTS)
def test_contents(name: str) -> None:
    rule, num_children, num_agents = FACTS[name]
    curriculum = make_curriculum(f"/env/mettagrid/curriculum/{name}")
    assert isinstance(curriculum.rule, rule)
    assert len(curriculum.children) == num_children
    assert {config.game.num_agents for config in curriculum.env_configs} == {num_agents}


def test_weights_and_parameters() -> None:
    whole = make_curriculum("curriculum/all")
    assert whole.rule == FixedWeights((5.0, 3.0, 2.0))
    assert all(isinstance(child, Curriculum) for child in whole.children)
    assert "curriculum/object_use:curriculum/objects/sequence:extended_sequence/backchain3" in whole.task_names
    sequence = make_curriculum("curriculum/nav_memory_sequence").rule
    assert isinstance(sequence, PrioritizeRegressedRule)
    assert sequence.initial == (1.0,) * 19 + (2.0,) * 3
    rule = make_curriculum("curriculum/navigation/progressive").rule
    assert isinstance(rule, BlendRule)
    assert (rule.performance_threshold, rule.progression_rate) == (0.95, 0.001)


def test_resources_are_every_combination_of_three_rewards() -> None:
    rewards = [c.game.agent.rewards.inventory for c in make_curriculum("curriculum/resources").env_configs]
    combinations = {(r["ore_red"], r["battery_red"], r["heart"]) for r in rewards}
    assert len(combinations) == 27
    assert {reward for combination in combinations for reward in combination} == {0.0, 0.5, 1.0}


def test_bbc_shares_its_tasks_out_among_rooms() -> None:
    for agents, num_rooms in {"1": 24, "3": 8, "24": 1, "defaults": 24}.items():
        world = make_curriculum(f"curriculum/bbc/agents/{agents}").env_configs[0]
        builder = world.map_builder
        assert isinstance(builder, MapGen)
        assert (builder.instances, builder.instance_border_width) == (num_rooms, 6)
        assert isinstance(builder.root, Scattered)
        assert (builder.root.agents, builder.root.objects["altar"]) == (24 // num_rooms, 3)
        assert "swap" not in world.game.enabled_actions()
    assert "swap" in make_curriculum("curriculum/bbc/tasks/basic").env_configs[0].game.enabled_actions()


def test_an_environment_of_a_curriculum_has_all_of_its_worlds() -> None:
    curriculum = make_curriculum(
        LearningProgress(tasks={"arena/basic": 1, "arena/combat": 1, "arena/advanced_easy_shaped": 1})
    )
    env = Environment(curriculum, num_envs=2, num_maps=1)
    assert env.num_agents == 24
    assert env.task_names == ("arena/basic", "arena/combat", "arena/advanced_easy_shaped")
    assert env.params.rules.max_steps.shape == (3,)
    assert "temple" in env.object_type_names


def test_an_environment_makes_its_curriculum_from_a_path() -> None:
    env = Environment("curriculum/navigation/progressive", num_envs=2, num_maps=1)
    assert env.curriculum is not None
    assert isinstance(env.curriculum.rule, BlendRule)
    assert env.task_names == make_curriculum("navigation/progressive").task_names
    assert env.params.rules.max_steps.shape == (len(env.task_names),)


def test_worlds_of_different_actions_share_a_program() -> None:
    kind = Random(
        tasks={"arena/basic": 1, "navigation/training/sparse": 1}, env_overrides={"num_agents": 4}, num_variants=1
    )
    env = Environment(make_curriculum(kind), num_envs=2, num_maps=1)
    assert "attack" in env.action_names
    enabled = np.asarray(env.params.rules.enabled)[:, env.action_names.index("attack")]
    np.testing.assert_array_equal(enabled, [True, False])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["all", "memory", "multiagent", "nav_memory_sequence", "bbc/bbc", "navigation/bucketed"]
)
def test_large_curricula_fit_in_one_program(name: str) -> None:
    env = Environment(f"curriculum/{name}", num_envs=1, num_maps=1)
    assert len(env.task_names) == env.params.rules.max_steps.shape[0] > 1
