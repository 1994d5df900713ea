"""Scores of policies as a page: one HTML file that needs no server, no network and no other file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import Any

from metta_jax.viewer.page import base64_text, content_policy, page_text


def dashboard_html(policy_evals: Sequence[Mapping[str, Any]], *, title: str = "Evaluations") -> str:
    """A page with the scores of policies by world and category.

    Args:
      policy_evals: what `metta-jax dashboard --json` writes, an object for each policy and evaluation, each with a
        `policy_name` for people.
      title: of the page.
    """
    # A file's name may hold bytes that are no text.
    title = title.encode(errors="replace").decode()
    style = page_text("dashboard.css")
    script = f'(() => {{\n"use strict";\n{page_text("dashboard.js")}}})();\n'
    return Template(page_text("dashboard.html")).substitute(
        policy=content_policy(script, style),
        title=escape(title),
        style=style,
        script=script,
        data=base64_text(json.dumps(list(policy_evals)).encode()),
    )
