"""Render modes as gymnasium defines them; what the pictures show is the viewer's affair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from metta_jax.adapters import GymnasiumEnv, GymnasiumMultiAgentEnv, NumpyEnv, PettingZooEnv, SingleAgentWrapper
from tests.adapters import worlds
from tests.mettagrid.small_world import NOOP

pytest.importorskip("metta_jax.viewer")


@pytest.mark.filterwarnings("ignore:.*Not able to test alternative render modes.*:UserWarning")
@pytest.mark.parametrize("mode", ["human", "ansi", "rgb_array"])
def test_gymnasiums_check_of_a_mode(mode: str) -> None:
    env = GymnasiumEnv(worlds.alone(), render_mode=mode)
    check_env(env)
    env.close()
    env.close()


@pytest.mark.parametrize("make", [NumpyEnv, PettingZooEnv, GymnasiumMultiAgentEnv])
def test_text_and_picture(make: Any) -> None:
    env = make(worlds.pair(), render_mode="ansi")
    env.reset(seed=0)
    assert env.render().splitlines()[1] == "#0.1#"
    env = make(worlds.pair(), render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    assert (picture.dtype, picture.shape[0] * 5, picture.shape[2]) == (np.uint8, picture.shape[1] * 3, 3)
    silent = make(worlds.pair())
    silent.reset(seed=0)
    assert silent.render() is None


def test_human_draws_by_itself_when_something_changes(capsys: pytest.CaptureFixture[str]) -> None:
    env = NumpyEnv(worlds.pair(), render_mode="human")
    env.reset(seed=0)
    first = capsys.readouterr().out
    assert "#0.1#" in first
    env.step([[NOOP, 0], [NOOP, 0]])
    assert capsys.readouterr().out == ""
    env.close()


def test_wrappers_draw_what_is_inside() -> None:
    env = SingleAgentWrapper(GymnasiumMultiAgentEnv(worlds.alone(), render_mode="ansi"))
    env.reset(seed=0)
    assert env.render_mode == "ansi"
    assert "0" in env.render()
    env.close()
