"""Serves a live game to browsers of this machine: the page over HTTP, the game over a WebSocket. Needs websockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from metta_jax.viewer.live_game import LiveGame, Message
from metta_jax.viewer.page import LIVE_TITLE, live_html

HOST = "127.0.0.1"
SOCKET_PATH = "/ws"
_LARGEST_MESSAGE = 1 << 14


async def serve_game(
    game: LiveGame,
    *,
    port: int = 0,
    ready_fn: Callable[[str], None] = print,
    origins: Sequence[str] = (),
    title: str = LIVE_TITLE,
) -> None:
    """Serves until it is cancelled. Everyone who connects sees the same world and may move any agent.

    Args:
      game: the world; used by this server alone.
      port: 0 for a free one.
      ready_fn: called once with the address of the page.
      origins: other pages that may connect, such as the original viewer's `https://metta-ai.github.io`; without it only
        our own page may, because any page in the user's browser can reach this machine.
      title: of the page.

    Raises:
      OSError: the port is taken.
    """
    viewers: set[ServerConnection] = set()
    address = ""

    async def talk(connection: ServerConnection) -> None:
        viewers.add(connection)
        try:
            await connection.send(_text(game.replay()))
            async for received in connection:
                try:
                    messages = game.answer(json.loads(received))
                except (ValueError, RecursionError) as error:
                    await connection.send(_text({"type": "message", "message": f"Not understood: {error}"}))
                else:
                    for message in messages:
                        broadcast(viewers, _text(message))
        except ConnectionClosed:
            pass
        finally:
            viewers.discard(connection)

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        if _origin_is_foreign(request, [address, address.replace(HOST, "localhost"), *origins]):
            return connection.respond(HTTPStatus.FORBIDDEN, "This page may not play here.\n")
        if request.path.split("?")[0] == SOCKET_PATH:
            return None
        if request.path != "/":
            return connection.respond(HTTPStatus.NOT_FOUND, "There is only one page: /\n")
        shown = address.replace(HOST, _host(request))  # a page opened as localhost also talks to localhost
        body = live_html(f"{shown.replace('http', 'ws', 1)}{SOCKET_PATH}", title).encode()
        headers = Headers(
            [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body))), ("Connection", "close")]
        )
        return Response(HTTPStatus.OK, "OK", headers, body)

    async with serve(talk, HOST, port, process_request=answer, max_size=_LARGEST_MESSAGE) as server:
        address = f"http://{HOST}:{next(iter(server.sockets)).getsockname()[1]}"
        ready_fn(f"{address}/")
        await asyncio.get_running_loop().create_future()


def _origin_is_foreign(request: Request, allowed: Sequence[str]) -> bool:
    # Programs send no origin; browsers always do for a WebSocket, and a foreign host name may point at this machine.
    origin = request.headers.get("Origin")
    return _host(request) not in (HOST, "localhost") or (origin is not None and origin not in allowed)


def _host(request: Request) -> str:
    return request.headers.get("Host", "").rsplit(":", 1)[0]


def _text(message: Message) -> str:
    return json.dumps(message)
