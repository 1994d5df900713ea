"""States and replays that show themselves in a notebook."""

from __future__ import annotations

import base64
import os
from html import escape
from typing import Any

import numpy as np

from metta_jax.mettagrid import BatchEnv, EnvParams, MettaGrid, VectorEnv
from metta_jax.viewer.page import replay_html
from metta_jax.viewer.render import draw
from metta_jax.viewer.state_objects import is_agent, state_objects
from metta_jax.viewer.text import human


class StateView:
    """A state as a picture: the value of a notebook's cell shows it, `print` draws it with letters.

        StateView(env, state)

    Args:
      env: a `MettaGrid`, `VectorEnv` or `Environment`.
      state: a state of it.
      params: what it was made with; None: the environment's own.
      index: which environment, if the state is one of a batch.
      cell_pixels: side of a cell; None: as large as fits well.

    Attributes:
      objects: what is on the grid, a dictionary each, as `grid_objects` gives them.
      size: width and height of the map in cells.
    """

    def __init__(
        self,
        env: MettaGrid | VectorEnv | BatchEnv,
        state: Any,
        params: EnvParams | None = None,
        *,
        index: int = 0,
        cell_pixels: int | None = None,
    ) -> None:
        self.objects, self.size = state_objects(env, state, params, index=index)
        self.cell_pixels = max(8, min(40, 640 // max(self.size))) if cell_pixels is None else cell_pixels

    def to_array(self) -> np.ndarray:
        """uint8 [height, width, 3]."""
        return draw(self.objects, self.size, cell_pixels=self.cell_pixels)

    def _repr_png_(self) -> bytes:
        from metta_jax.viewer.images import png_bytes

        return png_bytes(self.to_array())

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self._repr_png_()).decode("ascii")
        agents = [thing for thing in self.objects if is_agent(thing)]
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _row(agent))}</tr>" for agent in agents)
        return (
            f'<img src="data:image/png;base64,{picture}" alt="{len(agents)} agents on the grid">'
            f"<details><summary>{len(agents)} agents</summary><table>"
            f"<tr><th>agent</th><th>group</th><th>row, column</th><th>frozen</th><th>inventory</th></tr>{rows}"
            "</table></details>"
        )

    def __str__(self) -> str:
        return human(self.objects)


class ReplayView:
    """A replay that plays in a notebook cell as in a browser; return it as the value of the cell.

        ReplayView(results.stats_db.get_replay_urls()[0])

    The page becomes part of the notebook and needs no server. The notebook grows by the size of the file plus 100 kB.

    Args:
      replay: a replay file, or the bytes of one, as for `replay_html`.
      title: shown above the map; None: the name of the file.
      height: of the frame in pixels.

    Raises:
      OSError: the file cannot be read.
    """

    def __init__(self, replay: str | os.PathLike[str] | bytes, *, title: str | None = None, height: int = 620) -> None:
        self.html = replay_html(replay, title=title)
        self.height = height

    def _repr_html_(self) -> str:
        # In a frame, the page's styles and keys stay inside. The sandbox keeps it from reaching the notebook.
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" title="replay" width="100%" '
            f'height="{self.height}" style="border: 0"></iframe>'
        )


def _row(agent: dict[str, Any]) -> list[str]:
    held = ", ".join(f"{amount} {name[4:]}" for name, amount in agent.items() if name.startswith("inv:") and amount > 0)
    return [
        str(agent.get("agent_id", "?")),
        str(agent.get("group_name", "")),
        f"{agent['r']}, {agent['c']}",
        str(agent.get("frozen", 0)),
        held,
    ]
