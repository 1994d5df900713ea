"""Playing by hand: the game, the protocol of its messages, the page, the terminal."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from metta_jax.mettagrid import MettaGrid
from metta_jax.mettagrid.actions import ACTIONS
from metta_jax.viewer.live_game import LiveGame
from metta_jax.viewer.live_server import serve_game
from metta_jax.viewer.live_terminal import action_of_key, help_of, picture, play_in_terminal, read_keys
from tests.mettagrid.small_world import GET, MAP, NOOP, ROTATE, game_config
from tests.viewer.conftest import Viewer
from tests.viewer.terminal import on_a_terminal, read_until

DOWN, LEFT = 1, 2
MAX_STEPS = 9


@pytest.fixture(scope="module")
def env() -> MettaGrid:
    return MettaGrid(game_config(max_steps=MAX_STEPS), [MAP], stats="none")


@pytest.fixture(scope="module")
def game(env: MettaGrid) -> LiveGame:
    return LiveGame(env, jax.random.key(0))


@pytest.fixture(autouse=True)
def fresh(game: LiveGame) -> None:
    """Compiled once; every test begins an episode of its own."""
    game._start()


@pytest.fixture
def address(game: LiveGame) -> Iterator[str]:
    """Of a server that runs in a thread until the test ends."""
    loop = asyncio.new_event_loop()
    found: list[str] = []
    started = threading.Event()

    def ready(address: str) -> None:
        found.append(address)
        started.set()

    task = loop.create_task(
        serve_game(game, ready_fn=ready, origins=["https://friend.example"], title="a <room> · live play")
    )
    thread = threading.Thread(target=lambda: _run(loop, task))
    thread.start()
    assert started.wait(20)
    yield found[0]
    loop.call_soon_threadsafe(task.cancel)
    thread.join(20)
    assert not thread.is_alive()


def test_the_page_bears_the_name_of_the_world(address: str) -> None:
    with urllib.request.urlopen(address) as page:
        html = page.read().decode()
    assert "<title>a &lt;room&gt; · live play</title>" in html
    assert '<h1 id="title">a &lt;room&gt; · live play</h1>' in html


def test_a_step_tells_all_objects(game: LiveGame) -> None:
    message = game.replay()
    replay = message["replay"]
    assert message["type"] == "replay"
    assert (replay["version"], replay["map_size"], replay["max_steps"], replay["num_agents"]) == (1, [5, 3], 1, 2)
    assert [thing["id"] for thing in replay["grid_objects"]] == list(range(1, len(replay["grid_objects"]) + 1))
    json.dumps(message)
    (step,) = game.play({0: (ROTATE, DOWN)})
    assert (step["type"], step["replay_step"]["step"]) == ("replay_step", 1)
    first, second = _agents(step["replay_step"]["grid_objects"])
    assert (first["orientation"], first["action"], first["action_success"]) == (DOWN, [ROTATE, DOWN], True)
    assert (second["orientation"], second["action"]) == (0, [NOOP, 0])
    game.play({0: (GET, 0)})
    (step,) = game.play({})
    first, _ = _agents(step["replay_step"]["grid_objects"])
    assert (first["inventory"], first["reward"], first["total_reward"]) == ({0: 1}, 0.0, 0.5)


def test_the_others_follow_a_policy(env: MettaGrid, game: LiveGame) -> None:
    seen = []

    def policy(observation: np.ndarray, is_first: np.ndarray) -> np.ndarray:
        seen.append((observation.shape, is_first.tolist()))
        return np.full((2, 2), (ROTATE, LEFT), np.int32)

    game._policy_fn = policy
    try:
        (step,) = game.play({0: (NOOP, 0)})
        for _ in range(MAX_STEPS):  # to the end, and to the beginning of the next one
            game.play({0: (NOOP, 0)})
        game.play({0: (NOOP, 0)})
    finally:
        game._policy_fn = None
    first, second = _agents(step["replay_step"]["grid_objects"])
    assert (first["orientation"], second["orientation"]) == (0, LEFT)
    assert {shape for shape, _ in seen} == {(2, env.num_observation_tokens, 3)}
    assert [is_first for _, is_first in seen] == [[True] * 2, *[[False] * 2] * (MAX_STEPS - 1), [True] * 2]


def test_an_episode_ends_and_another_begins(game: LiveGame) -> None:
    for _ in range(MAX_STEPS - 1):
        assert len(game.play({})) == 1
    step, over = game.play({0: (ROTATE, DOWN)})
    assert step["replay_step"]["step"] == MAX_STEPS
    assert over == {"type": "message", "message": f"The episode is over after {MAX_STEPS} steps."}
    replay, _ = game.play({0: (ROTATE, DOWN)})
    assert replay["type"] == "replay"
    assert (game.step, game.over) == (0, False)
    assert all(thing["orientation"] == 0 for thing in _agents(replay["replay"]["grid_objects"]))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ([], "a message must be an object of the type 'action'"),
        ({"type": "reset"}, "of the type 'action'"),
        ({"type": "action", "agent_id": 0}, r"action: it must be \[type, argument\]"),
        ({"type": "action", "agent_id": 2, "action": [0, 0]}, r"agent_id: 2 is not in 0\.\.1"),
        ({"type": "action", "agent_id": True, "action": [0, 0]}, "agent_id: True"),
        ({"type": "action", "agent_id": {}, "action": [0, 0]}, "agent_id"),
        ({"type": "action", "agent_id": 0, "action": [1 << 31, 0]}, "not two numbers of 32 bits"),
        ({"type": "action", "agent_id": 0, "action": [0.5, 0]}, "not two numbers of 32 bits"),
    ],
)
def test_messages_that_are_none(game: LiveGame, message: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        game.answer(message)
    assert game.step == 0


def test_actions_that_the_game_does_not_have_are_played(game: LiveGame) -> None:
    (step,) = game.answer({"type": "action", "agent_id": 0, "action": [-5, 1 << 20]})
    first, _ = _agents(step["replay_step"]["grid_objects"])
    assert first["action_success"] is False


def test_the_protocol_over_a_socket(address: str, game: LiveGame) -> None:
    socket = address.replace("http", "ws") + "ws"
    with connect(socket) as one, connect(socket, origin="https://friend.example") as two:  # type: ignore[arg-type]
        for client in (one, two):
            assert json.loads(client.recv(10))["type"] == "replay"
        one.send(json.dumps({"type": "action", "agent_id": 1, "action": [ROTATE, LEFT]}))
        for client in (one, two):  # everybody sees the step
            step = json.loads(client.recv(10))["replay_step"]
            assert _agents(step["grid_objects"])[1]["orientation"] == LEFT
        for wrong in ("{", "[" * 9999, '{"type": "action", "agent_id": 7, "action": [0, 0]}'):
            one.send(wrong)
            assert json.loads(one.recv(10))["message"].startswith("Not understood: ")
    assert game.step == 1


def test_foreign_pages_may_not_play(address: str) -> None:
    socket = address.replace("http", "ws") + "ws"
    for options in ({"origin": "https://evil.example"}, {"additional_headers": {"Host": "evil.example"}}):
        with pytest.raises(InvalidStatus):
            connect(socket, **options)  # type: ignore[arg-type]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address + "etc/passwd")


def test_playing_in_the_page(address: str, game: LiveGame, viewer: Viewer) -> None:
    page = viewer.page
    viewer.allowed = address
    page.goto(address)
    viewer.wait("viewer.state === 'ready'")
    assert page.evaluate("viewer.selected.agentId") == 0
    # Goal and keys are there at once; what is for recordings is not.
    assert page.inner_text("#goal").splitlines() == game.goal()
    keys = page.inner_text("#play-keys")
    assert "turn that way, or move if it already faces it" in keys
    assert "take" in keys
    assert "next glyph" not in keys, "this game has none"
    shown = [page.is_visible(name) for name in ("#howto", "#scrub", "#play", "#speed", "label.button")]
    assert shown == [True, *[False] * 4]
    for step, (key, expected) in enumerate(
        [
            ("ArrowDown", {"orientation": DOWN}),
            ("g", {"inventory": {0: 1}}),
            ("ArrowDown", {"orientation": DOWN, "r": 1}),  # walks against the mine
            ("ArrowRight", {"orientation": 3}),
            ("ArrowRight", {"r": 1, "c": 2}),
            ("Space", {"c": 2}),
        ],
        start=1,
    ):
        page.keyboard.press(key)
        viewer.wait(f"viewer.lastStep === {step}")
        agent = _agents(game.objects())[0]
        assert {name: agent[name] for name in expected} == expected
        shown = page.evaluate(
            "() => { const a = viewer.selected, s = viewer.step; return [a.rows.at(s), a.columns.at(s)]; }"
        )
        assert shown == [agent["r"], agent["c"]]
    viewer.drawn()
    assert "1 ore" in page.inner_text("#details")
    assert page.inner_text("#facts") == "5 × 3 cells · 2 agents · step 6"
    page.keyboard.press("n")
    page.keyboard.press("b")
    viewer.wait("viewer.lastStep === 7")
    assert _agents(game.objects())[1]["r"] == 2
    for step in (8, 9):
        page.keyboard.press("Space")
        viewer.wait(f"viewer.lastStep === {step}")
    # The sentence is a message of its own, after the step.
    viewer.wait("document.querySelector('#notice').innerText.includes('over after 9 steps')")
    page.keyboard.press("Space")
    viewer.wait("viewer.lastStep === 0")
    assert page.evaluate("viewer.selected.agentId") == 1


def test_playing_in_a_terminal(game: LiveGame) -> None:
    stream = io.StringIO()
    play_in_terminal(game, keys=["down", "g", "n", "b", "x", "q", "g"], stream=stream)
    text = stream.getvalue()
    assert "#####\n#0.1#\n#?..#" in text
    assert "#####\n#0..#\n#?.1#" in text
    assert "step 2 · agent 0 faces down · take items out ✓ · reward 0.5 · 1 ore" in text
    assert "step 3 · agent 1 faces up · step back ✓" in text
    assert game.step == 3


@pytest.mark.parametrize("place", [(1, 1), (58, 88), (30, 50), (2, 80)])
def test_a_small_terminal_keeps_the_agent_in_view(place: tuple[int, int]) -> None:
    """80 x 24: a world of 60 x 90 is cut, and the terminal wraps no line."""
    walls = [
        {"type_name": "wall", "r": r, "c": c} for r in range(60) for c in range(90) if r in (0, 59) or c in (0, 89)
    ]
    fields = {"type_name": "agent", "orientation": 0, "frozen": 0, "action": [0, 0], "action_success": True}
    agents = [
        fields | {"total_reward": 0.0, "agent_id": hand, "r": r, "c": c} for hand, (r, c) in enumerate([(7, 7), place])
    ]
    names = tuple(action.reported_name for action in ACTIONS.values())
    game: Any = SimpleNamespace(objects=lambda: [*walls, *agents], step=0, env=SimpleNamespace(action_names=names))
    note = "Reward: " + ", ".join(f"item_{i} 0.{i}" for i in range(1, 20)) + "\n" + help_of(names)
    shown = picture(game, 1, note, (80, 24)).splitlines()
    assert len(shown) < 24
    assert max(map(len, shown)) <= 80
    world = shown[: shown.index("")]
    assert len(world) > 12
    assert sum("1" in line for line in world) == 1
    assert len(picture(game, 1, note).splitlines()) > 60, "elsewhere everything is shown"


def test_help_names_what_the_game_has() -> None:
    assert help_of(("move", "rotate")) == "arrows turn, then walk · b step back · n p agent · q quit"
    assert "t put" in help_of(("put_recipe_items",))


def test_keys_mean_actions() -> None:
    names = (
        "attack",
        "change_color",
        "change_glyph",
        "get_output",
        "move",
        "noop",
        "put_recipe_items",
        "rotate",
        "swap",
    )
    agent = {"orientation": LEFT, "agent:glyph": 2}
    expected = {
        "left": (4, 0), "up": (7, 0), "b": (4, 1), " ": (5, 0), "g": (3, 0), "t": (6, 0), "a": (0, 0), "9": (0, 8),
        "s": (8, 0), "c": (1, 0), "y": (2, 3), "n": None, "ü": None, "": None,
    }  # fmt: skip
    assert {key: action_of_key(names, agent, key) for key in expected} == expected
    assert action_of_key(("noop",), agent, "g") is None


def test_keys_of_a_terminal() -> None:
    master, slave = pty.openpty()
    try:
        before = termios.tcgetattr(slave)
        keys = read_keys(slave)
        typist = threading.Thread(target=_type_when_listened_to, args=(master, slave, b"g\x1b[A\x1b[D\xff q"))
        typist.start()
        assert [next(keys) for _ in range(6)] == ["g", "up", "left", "\N{REPLACEMENT CHARACTER}", " ", "q"]
        typist.join()
        keys.close()  # type: ignore[attr-defined]
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.slow
def test_the_commands() -> None:
    """Real processes: one plays in a terminal of its own, one serves the page until it is interrupted."""
    program = [sys.executable, "-m", "metta_jax", "play", "default"]
    with on_a_terminal([*program, "--terminal"]) as (process, master):
        assert b"step 0" in read_until(master, b"q quit")
        os.write(master, b"b")
        assert b"agent 0 faces up" in read_until(master, b"step 1")
        os.write(master, b"q")
        assert process.wait(30) == 0
    with subprocess.Popen([*program, "--no-open"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        try:
            with urllib.request.urlopen(address) as page:
                assert b"Content-Security-Policy" in page.read()
            server.send_signal(signal.SIGINT)
            assert server.wait(30) == 0
        finally:
            server.kill()


def _agents(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((thing for thing in objects if "agent_id" in thing), key=lambda thing: thing["agent_id"])


def _type_when_listened_to(master: int, slave: int, text: bytes) -> None:
    """Types as soon as the terminal passes on single keys."""
    while termios.tcgetattr(slave)[3] & termios.ICANON:
        time.sleep(0.01)
    os.write(master, text)


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        pass
    finally:
        loop.close()
