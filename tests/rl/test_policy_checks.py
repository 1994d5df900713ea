from __future__ import annotations

from types import SimpleNamespace

import pytest

from metta_jax.rl import calculate_batch_sizes, get_lstm_config, validate_policy_environment_match
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
