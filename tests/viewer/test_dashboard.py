"""The page of evaluations in a browser: it shows the means that the data say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metta_jax.viewer.dashboard import dashboard_html
from tests.viewer.conftest import Viewer


def _entry(policy: str, name: str, reward: float, *, suite: str = "s", hearts: float | None = None) -> dict[str, Any]:
    metrics = {"reward": reward} | ({} if hearts is None else {"heart.get": hearts})
    return {
        "policy_key": f"file:///{policy}", "policy_version": 1, "policy_name": policy, "eval_name": name,
        "suite": suite,
        "replay_url": None, "group_num_agents": {"0": 1, "1": 3},
        "policy_eval_metrics": [
            {"metric": metric, "group_id": group, "sum_value": 4 * value * share}
            for metric, value in metrics.items()
            for group, share in ((0, 0.25), (1, 0.75))
        ],
    }  # fmt: skip


ENTRIES = [
    _entry("weak", "nav/a", 1.0),
    _entry("weak", "nav/b", 3.0),
    _entry("weak", "forage", 0.5),
    _entry("<b>strong</b>", "nav/a", 4.0, hearts=2.0),
    _entry("<b>strong</b>", "nav/b", 6.0),
    _entry("weak", "other", 9.0, suite="t"),
]


@pytest.mark.parametrize("width", [360, 1400])
def test_scores_by_policy_category_and_world(viewer: Viewer, tmp_path: Path, width: int) -> None:
    path = tmp_path / "evals.html"
    path.write_text(dashboard_html(ENTRIES, title="a & b"), encoding="utf-8")
    page = viewer.page
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(path.as_uri())
    assert page.title() == "a & b"
    rows = [row.split("\t") for row in page.locator("#scores tr").all_inner_texts()]
    # The best policy comes first; its mean is that of its categories.
    assert rows == [
        ["world", "<b>strong</b>", "weak"], ["forage", "–", "0.500"], ["nav", "5.00", "2.00"], ["a", "4.00", "1.00"],
        ["b", "6.00", "3.00"],
    ]  # fmt: skip
    assert page.locator(".policy .value").all_inner_texts() == ["5.00", "1.25"]
    assert page.inner_text("#about") == "2 policies in 3 worlds"
    page.select_option("#metric", "heart.get")
    assert page.locator("#scores tr").all_inner_texts()[3].split("\t") == ["a", "2.00", "0.00"]
    page.select_option("#suite", "t")
    assert page.locator("#scores tr").count() == 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_to_show(viewer: Viewer, tmp_path: Path) -> None:
    path = tmp_path / "evals.html"
    path.write_text(dashboard_html([]), encoding="utf-8")
    viewer.page.goto(path.as_uri())
    assert viewer.page.inner_text("#about") == "0 policies in 0 worlds"
