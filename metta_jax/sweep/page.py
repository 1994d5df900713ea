"""A sweep as one HTML file that needs no server, no network and no other file: tables and drawings, no scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from metta_jax.monitor.line_file import replacing
from metta_jax.sweep.slots import Attempt, last_attempts
from metta_jax.sweep.space import Domain, SweepSpace
from metta_jax.sweep.study import Sweep

_WIDTH, _HEIGHT, _EDGE = 320, 170, 34
_COLORS = {"complete": "#2a6f97", "pruned": "#c9a227"}

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1080px; padding: 0 1em; color: #222; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25em .7em .25em 0; border-bottom: 1px solid #ddd; }
pre { background: #f3f3f0; padding: .8em; overflow-x: auto; white-space: pre-wrap; }
figure { display: inline-block; margin: 0 1em 1em 0; }
figcaption { font-size: 13px; }
svg text { font: 11px system-ui, sans-serif; fill: #555; }
.bar { background: #2a6f97; height: .8em; }
.wide { overflow-x: auto; }
</style>
<h1>$title</h1>
<p>$summary</p>
<h2>Best</h2>
$best
<h2>Importance of each field</h2>
$importance
<h2>Scores</h2>
$figures
<h2>Trials</h2>
<div class="wide">$trials</div>
</html>
""")


def write_page(sweep: Sweep, path: Path) -> Path:
    """Write the page of a sweep, finished or not, and return `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(sweep_html(sweep), encoding="utf-8")
    return path


def sweep_html(sweep: Sweep) -> str:
    """The best trial with its settings, how much each field matters, scores by field, and all trials."""
    attempts = last_attempts(sweep.attempts(), sweep.num_trials)
    order = ranked(sweep.space, attempts)
    counts = {state: sum(attempt.state == state for attempt in attempts) for state in ("complete", "pruned", "failed")}
    ended = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    world = sweep.space.world or "the default world"
    summary = f"{sweep.num_trials} trials in {world}: {ended or 'none has ended yet'}. {sweep.space.metric}: "
    summary += "more is better." if sweep.space.direction == "maximize" else "less is better."
    return _PAGE.substitute(
        title=escape(f"Sweep {sweep.name}"),
        summary=escape(summary),
        best=_best(sweep, order),
        importance=_importance(sweep),
        figures="".join(_figure(path, domain, attempts) for path, domain in sweep.space.fields.items()),
        trials=_trials(sweep.space, order, attempts),
    )


def ranked(space: SweepSpace, attempts: Sequence[Attempt]) -> list[Attempt]:
    """The completed trials, best first."""
    sign = -1.0 if space.direction == "maximize" else 1.0
    complete = [attempt for attempt in attempts if attempt.score is not None]
    return sorted(complete, key=lambda attempt: sign * (attempt.score or 0.0))


def _best(sweep: Sweep, order: Sequence[Attempt]) -> str:
    if not order:
        return "<p>No trial is complete yet.</p>"
    best = order[0]
    config = sweep.run_dir(best.slot) / "run_config.json"
    again = f"metta-jax train --config {config} --run-dir out/best"
    rows = "".join(f"<tr><td>{escape(path)}<td>{_value(value)}" for path, value in best.values.items())
    return (
        f"<p>Trial {best.slot}, {best.score:.5g}. To train with the same settings again:</p>"
        f"<pre>{escape(again)}</pre><table>{rows}</table>"
    )


def _importance(sweep: Sweep) -> str:
    found = sweep.importances()
    if not found:
        return "<p>This needs two complete trials with different scores.</p>"
    rows = "".join(
        f'<tr><td>{escape(path)}<td>{share:.2f}<td style="width: 50%">'
        f'<div class="bar" style="width: {100 * share:.0f}%"></div>'
        for path, share in found.items()
    )
    return f"<p>The share of the variation in scores that each field explains (PED-ANOVA).</p><table>{rows}</table>"


def _figure(path: str, domain: Domain, attempts: Sequence[Attempt]) -> str:
    """Scores plotted against one field; a pruned trial is shown with its last value."""
    scored = [(attempt, score) for attempt in attempts if (score := _last_value(attempt)) is not None]
    if not scored:
        return ""
    low, high = min(score for _, score in scored), max(score for _, score in scored)
    dots = ""
    for attempt, score in scored:
        x = _EDGE + _share(domain, attempt.values.get(path)) * (_WIDTH - 2 * _EDGE)
        y = _HEIGHT - _EDGE - (0.5 if high == low else (score - low) / (high - low)) * (_HEIGHT - 2 * _EDGE)
        color = _COLORS.get(attempt.state, "#999")
        title = f"<title>trial {attempt.slot}: {score:.5g}, {_value(attempt.values.get(path))}</title>"
        dots += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}" fill-opacity=".75">{title}</circle>'
    ends = domain.ends
    return (
        f'<figure><svg width="{_WIDTH}" height="{_HEIGHT}" role="img"><rect x="{_EDGE}" y="{_EDGE / 2}" '
        f'width="{_WIDTH - 2 * _EDGE}" height="{_HEIGHT - 1.5 * _EDGE}" fill="none" stroke="#ccc"/>{dots}'
        f'<text x="0" y="{_EDGE}">{high:.3g}</text><text x="0" y="{_HEIGHT - _EDGE}">{low:.3g}</text>'
        f'<text x="{_EDGE}" y="{_HEIGHT - 10}">{_value(ends[0])}</text>'
        f'<text x="{_WIDTH - _EDGE}" y="{_HEIGHT - 10}" text-anchor="end">{_value(ends[1])}</text></svg>'
        f"<figcaption>{escape(path)}{', log' if domain.log else ''}; blue: complete, yellow: pruned</figcaption>"
        "</figure>"
    )


def _share(domain: Domain, value: Any) -> float:
    """Where a value is between the ends of its field, 0..1."""
    if domain.choices is not None:
        place = domain.choices.index(value) if value in domain.choices else 0
        return (place + 0.5) / len(domain.choices)
    low, high = float(domain.low or 0), float(domain.high or 0)
    if value is None:
        return 0.0
    if domain.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _trials(space: SweepSpace, order: Sequence[Attempt], attempts: Sequence[Attempt]) -> str:
    paths = list(space.fields)
    head = "".join(f"<th>{escape(name)}" for name in ("trial", "score", "state", "s", *paths))
    shown = {attempt.slot for attempt in order}
    rows = ""
    for attempt in [*order, *(other for other in attempts if other.slot not in shown)]:
        score = "" if attempt.score is None else f"{attempt.score:.5g}"
        state = attempt.state if not attempt.error else f"{attempt.state}: {attempt.error}"
        seconds = "" if attempt.seconds is None else f"{attempt.seconds:.0f}"
        cells = [str(attempt.slot), score, escape(state), seconds]
        cells += [_value(attempt.values[path]) if path in attempt.values else "" for path in paths]
        rows += f"<tr>{''.join(f'<td>{cell}' for cell in cells)}\n"
    return f"<table><tr>{head}\n{rows}</table>"


def _last_value(attempt: Attempt) -> float | None:
    if attempt.score is not None:
        return attempt.score
    return attempt.reports[max(attempt.reports)] if attempt.reports else None


def _value(value: Any) -> str:
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))
