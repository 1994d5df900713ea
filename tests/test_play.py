"""`metta-jax play`: who plays whom. What is served and drawn is tested in tests/viewer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from metta_jax.agent import Agent
from metta_jax.cli import main
from metta_jax.config import TrainerConfig
from metta_jax.monitor import save_run_config
from metta_jax.store import PolicyStore, save_checkpoint
from metta_jax.viewer.live_game import LiveGame
from metta_jax.worlds.environment import Environment
from tests.agent.facts import small_config
from tests.viewer.terminal import on_a_terminal, read_until

WORLD = {"curriculum_path": "default", "num_agents": 3, "width": 12, "height": 12}


@pytest.fixture(scope="module")
def agent() -> Agent:
    embeddings = {"_action_embeds_": {"type": "ActionEmbedding", "num_embeddings": 50, "embedding_dim": 4}}
    return Agent(Environment(**WORLD, num_maps=1), small_config(**embeddings))


@pytest.fixture(scope="module")
def run_dir(agent: Agent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run in a world of three agents leaves behind."""
    directory = tmp_path_factory.mktemp("run")
    save_run_config(directory, TrainerConfig(run_dir=str(directory)), WORLD, "fast")
    store = PolicyStore(directory / "checkpoints")
    for epoch in (1, 2):
        save_checkpoint((agent, agent.init(jax.random.key(epoch))), store, epoch)
    return directory


def _play(patch: pytest.MonkeyPatch, *arguments: str) -> LiveGame:
    """The game that a person would sit down at."""
    games: list[LiveGame] = []
    patch.setattr("metta_jax.cli.play.play_in_terminal", games.append)
    patch.setattr("sys.stdin.isatty", lambda: True)
    assert main(["play", *arguments, "--terminal"]) == 0
    return games[0]


def test_the_policy_plays_the_others(agent: Agent, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = _play(monkeypatch, "--policy", str(run_dir / "checkpoints"), "--greedy")
    assert game.env.num_agents == 3, "the world of the run"
    params, carry = agent.init(jax.random.key(2)), None  # the newest one
    noop = (game.env.action_names.index("noop"), 0)
    seen = []
    for hand in (0, 0, 2, 1):
        actions, carry = agent.act_numpy(params, game._observation, carry, greedy=True)
        expected = actions.copy()
        expected[hand] = noop
        game.play({hand: noop})
        played = sorted((thing["agent_id"], thing["action"]) for thing in game.objects() if "agent_id" in thing)
        assert [action for _, action in played] == expected.tolist()
        seen.append(expected)
    assert not np.all([action == noop for action in seen]), "it does something"


def test_a_policy_in_another_world(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = _play(monkeypatch, "default", "--policy", str(run_dir / "checkpoints" / "model_0001"))
    game.play({})
    assert game.step == 1


def test_without_a_policy_the_others_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    game = _play(monkeypatch)
    game.play({0: (game.env.action_names.index("rotate"), 2)})
    idle = [game.env.action_names.index("noop"), 0]
    assert [thing["action"] for thing in game.objects() if thing.get("agent_id", 0) > 0] == [idle] * 3


def test_a_policy_without_a_run(run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "model_0001"
    policy.symlink_to(run_dir / "checkpoints" / "model_0001", target_is_directory=True)
    with pytest.raises(SystemExit):
        main(["play", "--policy", str(policy), "--no-open"])
    assert "world: is missing; " in capsys.readouterr().err


@pytest.mark.slow
def test_a_real_terminal(run_dir: Path) -> None:
    program = [sys.executable, "-m", "metta_jax", "play", "--policy", str(run_dir / "checkpoints"), "--terminal"]
    with on_a_terminal(program) as (process, master):
        assert b"step 0" in read_until(master, b"q quit")
        os.write(master, b"   ")
        assert b"agent 0" in read_until(master, b"step 3")
        os.write(master, b"q")
        assert process.wait(30) == 0
