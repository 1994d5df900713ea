from __future__ import annotations

from types import SimpleNamespace

import pytest

from metta_jax.agent import Agent
from metta_jax.rl import calculate_batch_sizes, get_lstm_config, validate_policy_environment_match
from tests.agent.facts import small_config, small_env
from tests.rl.probes import ProbeAgent, ProbeEnv


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((4096, 4, 1, 2), (1024, 1024, 2048)), ((4096, 4, 3, 1), (1024, 1023, 1023)), ((16, 16, 4, 2), (4, 4, 8))],
)
def test_batch_sizes(arguments: tuple[int, int, int, int], expected: tuple[int, int, int]) -> None:
    assert calculate_batch_sizes(*arguments) == expected


def test_lstm_config() -> None:
    assert get_lstm_config(ProbeAgent(hidden=24, layers=3)) == (24, 3)
    assert get_lstm_config(object()) == (256, 2)


def test_policy_for_another_environment_is_rejected() -> None:
    env = ProbeEnv()
    validate_policy_environment_match(ProbeAgent(), env)
    other = SimpleNamespace(obs_height=11, obs_width=9)
    policy = SimpleNamespace(names=other, apply=None, flat_actions=[])
    with pytest.raises(ValueError, match=r"Observation space mismatch error: .*\(11, 9\).*\(3, 3\)"):
        validate_policy_environment_match(policy, env)
    with pytest.raises(ValueError, match=r"No component with observation shape found .*shape: \(4, 3\)"):
        validate_policy_environment_match(object(), env)
    with pytest.raises(ValueError, match="Action space mismatch error: the policy has 5 flat actions, .* has 3"):
        validate_policy_environment_match(ProbeAgent(num_flat_actions=5), env)


def test_an_agent_of_another_world_is_rejected_until_it_is_bound() -> None:
    """Window and numbers of actions are the same; what the numbers mean is not."""
    actions = {"move": 1, "noop": 0, "rotate": 1}
    agent = Agent(small_env(), small_config())
    validate_policy_environment_match(agent, small_env())

    other = small_env(actions={"attack": 1, "noop": 0, "rotate": 1})
    with pytest.raises(ValueError, match=r"Action space mismatch error: .*\('move', .*'rotate'\).*\('attack', "):
        validate_policy_environment_match(agent, other)
    validate_policy_environment_match(agent.bind(other), other)

    features = dict(small_env().get_observation_features())
    swapped = features | {"hp": features["agent:group"], "agent:group": features["hp"]}
    other = small_env(actions=actions, features=swapped)
    message = r"Observation space mismatch error: .*feature 'hp' \(id 1\) is read as 'agent:group'; bind the policy"
    with pytest.raises(ValueError, match=message):
        validate_policy_environment_match(agent, other)
    validate_policy_environment_match(agent.bind(other), other)

    renamed = {"inv:gold" if name == "inv:item_1" else name: entry for name, entry in features.items()}
    other = small_env(actions=actions, features=renamed)
    with pytest.raises(ValueError, match=r"feature 'inv:gold' \(id 15\) is read as 'inv:item_1'"):
        validate_policy_environment_match(agent, other)
    validate_policy_environment_match(agent.bind(other), other)
    # A feature that the policy does not know is one that it does not see, in a bound agent too.
    more = small_env(actions=actions, features=features | {"inv:gold": {"id": 40, "normalization": 1.0}})
    validate_policy_environment_match(agent, more)
    with pytest.raises(ValueError, match=r"feature 'inv:item_1' \(id 15\) is not read"):
        validate_policy_environment_match(agent.bind(other), small_env())


def test_an_agent_that_relies_on_unique_tokens_is_rejected_where_they_are_not_promised() -> None:
    """Of two tokens an accelerator would take either. The form for a CPU takes the later one, and needs no promise."""
    promising, other = small_env(), small_env()
    promising.unique_tokens = True
    agent = Agent(promising, small_config(), engine_path="wide")
    validate_policy_environment_match(agent, promising)
    with pytest.raises(ValueError, match="mismatch error: .* two tokens for one location and feature, this one may"):
        validate_policy_environment_match(agent, other)
    validate_policy_environment_match(agent.bind(other), other)
    validate_policy_environment_match(Agent(promising, small_config(), engine_path="narrow"), other)
