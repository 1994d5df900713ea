"""Metrics as JSON lines."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

from metta_jax.monitor import JsonLinesLog, read_json_lines


def test_records_come_back(tmp_path) -> None:
    path = tmp_path / "new" / "metrics.jsonl"
    with JsonLinesLog(path) as log:
        log.log({"a": np.float32(0.5), "b": jnp.int32(3), "c": float("nan"), "d": "x"}, step=10)
    with JsonLinesLog(path) as log:
        log.log({"a": jnp.float32(jnp.inf)}, step=20)
    assert read_json_lines(path) == [{"step": 10, "a": 0.5, "b": 3, "c": None, "d": "x"}, {"step": 20, "a": None}]


def test_lines_are_on_disk_at_once(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    with JsonLinesLog(path) as log:
        log.log({"a": 1}, step=1)
        assert json.loads(path.read_text()) == {"step": 1, "a": 1}


def test_a_cut_off_last_line_is_left_out(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2, "a"')
    assert read_json_lines(path) == [{"step": 1}]


def test_another_bad_line_is_an_error(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1\n{"step": 2}\n')
    with pytest.raises(ValueError, match="line 1 is not JSON"):
        read_json_lines(path)
