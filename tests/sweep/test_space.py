"""What may be searched is checked before anything runs, by the types of the configurations' own fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metta_jax.sweep import SweepSpace, read_space, trial_run
from metta_jax.sweep.fields import find_field

RATE = {"optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "fields: is empty"),
        ({"learning_rate": [1e-3]}, "did you mean 'optimizer.learning_rate'?"),
        ({"optimizer.learningrate": [1e-3]}, "did you mean 'optimizer.learning_rate'?"),
        ({"ppo": [1]}, "'ppo' is a group of fields; name one of them, such as 'ppo.clip_coef'"),
        ({"run_dir": ["a", "b"]}, "'run_dir' is the trial's own"),
        ({"environment.num_env": [1, 2]}, "is not an argument of Environment (did you mean 'num_envs'?)"),
        ({"agent.clip_rang": [0.1]}, "'agent.clip_rang' is not a field of AgentConfig (did you mean 'clip_range'?)"),
        (
            {"optimizer.learning_rate": {"low": 1e-4, "high": 2.0}},
            "high: 2 is not above 0 and at most 1",
        ),
        ({"optimizer.learning_rate": {"low": 1e-2, "high": 1e-3}}, "low 0.01 is not below high 0.001"),
        ({"ppo.ent_coef": {"low": 0.0, "high": 0.1, "log": True}}, "low 0.0 is not above 0, as `log` needs"),
        ({"ppo.ent_coef": {"low": 0.0, "high": 0.1, "step": 0.2}}, "step 0.2 is not in 0..0.1"),
        ({"ppo.ent_coef": {"lo": 0.0, "high": 0.1}}, "did you mean 'low'?"),
        ({"ppo.ent_coef": {"low": 0.0}}, "is neither a range {low: ..., high: ...} nor a list of choices"),
        ({"ppo.ent_coef": {"low": 0.0, "high": 0.1, "choices": [0.0]}}, "is both a range and choices"),
        ({"update_epochs": {"low": 1, "high": 2.5}}, "high: 2.5 is not a whole number, as this field needs"),
        ({"update_epochs": [1, 1]}, "has a choice twice: [1, 1]"),
        ({"update_epochs": []}, "has no choices"),
        ({"update_epochs": ["two"]}, "update_epochs: input should be a valid integer, not 'two'"),
        ({"optimizer.type": ["adam", "moun"]}, "optimizer.type: input should be 'adam' or 'muon', not 'moun'"),
        ({"optimizer.type": {"low": 1, "high": 2}}, "is not a number; give a list of choices of 'adam', 'muon'"),
        ({"ppo.norm_adv": {"low": 0, "high": 1}}, "is not a number; give a list of choices of true, false"),
    ],
)
def test_a_wrong_field_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        SweepSpace(fields=fields)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"(?s)2 problems.*fields\.foo.*environment\.num_env"):
        SweepSpace(fields={"foo": [1]}, environment={"num_env": 3})


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(
        "world: forage\ntrainer: {total_timesteps: 1_000}\nfields:\n"
        "  optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}\n  agent: [fast, default]\n"
    )
    space = read_space(file, world="forage4")
    assert space.world == "forage4"
    assert space.fields["optimizer.learning_rate"].ends == (1e-4, 1e-2)
    assert space.fields["agent"].choices == ("fast", "default")
    assert SweepSpace.model_validate_json(space.model_dump_json()) == space
    for text, message in (
        ("- 1", "is not a mapping of names"),
        ("fields: {update_epochs: [1, 2]}\nworld: forrage", "did you mean 'forage"),
        ("fields: {update_epochs: [1, 2]}\ntrainer: {total: 3}", "total: Extra inputs"),
        ("fields: {lr_scheduler.warmup_steps: {low: 1, high: 9}}", "with the first value of every field: "),
    ):
        file.write_text(text)
        with pytest.raises(ValueError) as error:
            read_space(file)
        assert str(file) in str(error.value)
        assert message in str(error.value)


def test_the_run_of_a_trial() -> None:
    space = SweepSpace(
        world="forage",
        trainer={"total_timesteps": 1000, "ppo": {"gamma": 0.9}},
        environment={"num_maps": 1},
        fields={**RATE, "environment.num_envs": [2, 4], "agent.clip_range": [0.0, 1.5], "seed": [0, 1]},
        seed=7,
    )
    values = {"optimizer.learning_rate": 2e-3, "environment.num_envs": 4, "agent.clip_range": 1.5, "seed": 1}
    run = trial_run(space, values, "somewhere")
    assert run.trainer.optimizer.learning_rate == 2e-3
    assert (run.trainer.ppo.gamma, run.trainer.total_timesteps, run.trainer.run_dir) == (0.9, 1000, "somewhere")
    assert (run.environment["num_envs"], run.environment["num_maps"], run.environment["seed"]) == (4, 1, 1)
    assert (run.agent.preset, run.agent.clip_range, run.seed) == ("fast", 1.5, 1)
    assert run.trainer.batch_size == 4 * 4 * 64  # as many as fit the environments of this trial
    assert run.trainer.simulation.replay_interval == 0
    with pytest.raises(ValueError, match="minibatch_size must be <= batch_size"):
        trial_run(space, {"minibatch_size": 2**20, **values}, "somewhere")


def test_numbers_are_whole_where_the_field_is() -> None:
    assert find_field("update_epochs").kinds == {int}
    assert find_field("ppo.target_kl").kinds >= {float}
    assert find_field("trainer.ppo.gamma").parts == find_field("ppo.gamma").parts
