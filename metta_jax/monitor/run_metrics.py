"""All that is known after an update, as one flat dict of metrics by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from metta_jax.monitor.logger import as_number, plain_values
from metta_jax.monitor.memory_monitor import MemoryMonitor
from metta_jax.monitor.stopwatch import Stopwatch
from metta_jax.monitor.system_monitor import SystemMonitor

ROLLOUT, TRAIN = "_rollout", "_train"  # the timers of a training loop

_TASK_REWARD = "env_task_reward/"
_OF_TASKS = ("task_reward/", "task_completions/", "curriculum_task_probs/")
_MAY_BE_EMPTY = ("grad/", "task_reward/")


def collect_metrics(
    update: Mapping[str, Any],
    *,
    agent_step: int,
    epoch: int,
    stats: Mapping[str, Iterable[Any]] | None = None,
    timer: Stopwatch | None = None,
    evaluation: Mapping[str, float] | None = None,
    system: SystemMonitor | None = None,
    memory: MemoryMonitor | None = None,
    weights: Mapping[str, float | str] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The metrics of one update, values as Python numbers and texts. Waits for the arrays, and copies them at once.

    | names | from |
    |---|---|
    | losses/*, experience/*, episode/*, grad/*, parameters/* | `update`; gradient statistics only when due |
    | parameters/* | also `parameters`, such as generation and latest_saved_policy_epoch |
    | env_<a>/<b...> | `stats`: the mean of each statistic <a>/<b...>; and what a curriculum says of its tasks |
    | eval_<category>/score, eval_<category>/<simulation> | `evaluation` |
    | overview/reward | mean of all env_task_reward/*; without any, of the episodes that `update` counted |
    | overview/sps, overview/reward_vs_total_time, overview/<category>_score | from the above |
    | timing_per_epoch/*, timing_cumulative/*, metric/total_time, metric/train_time | `timer`, see `timing_metrics` |
    | metric/agent_step, metric/epoch | the arguments |
    | monitor/*, trainer_memory/* | `system`, `memory` (MB) |
    | weights/* | `weights` |

    Args:
      update: what `training.update` or `train_step` returns along with the state.
      agent_step, epoch: agent steps and update epochs so far.
      stats: lists of rollout statistics by name, as `accumulate_rollout_stats` makes them. The caller starts over with
        an empty dict afterwards.
      timer: the loop's stopwatch.
      evaluation: scores by `<category>/score` and `<category>/<simulation>`, `EvalRewardSummary.to_metrics()`.
      weights: what `due_weight_metrics` returned.
    """
    metrics = plain_values(jax.device_get({**update, **_prefixed("parameters/", parameters)}))
    metrics = {_logged_name(name): value for name, value in metrics.items() if not _is_empty(name, value)}
    metrics |= _rollout_metrics(stats or {})
    metrics |= {f"eval_{name}": float(score) for name, score in (evaluation or {}).items()}
    metrics |= {"metric/agent_step": int(agent_step), "metric/epoch": int(epoch)}
    if timer is not None:
        metrics |= timing_metrics(timer, int(agent_step))
    metrics |= _overview(metrics, evaluation or {})
    metrics |= system.stats() if system is not None else {}
    metrics |= _prefixed("trainer_memory/", memory.stats() if memory is not None else {})
    return metrics | dict(weights or {})


def timing_metrics(timer: Stopwatch, agent_step: int) -> dict[str, float]:
    """Where the time went, from the timers of a loop; the timer "global" is the whole, so let it run all the time.

    Of the last lap (`timer.lap_all(agent_step)` ends one): timing_per_epoch/sps, timing_per_epoch/frac/<timer>, the
    share of the lap, and timing_per_epoch/msec/<timer>. Since the start: timing_cumulative/sps and
    timing_cumulative/frac/<timer>. metric/total_time and metric/train_time (rollout and training) are seconds.
    What would be a division by no time is left out.
    """
    elapsed = timer.get_all_elapsed()
    total = timer.get_elapsed()
    lap, lap_steps = timer.get_lap_time() or 0.0, timer.get_lap_steps() or 0
    metrics: dict[str, float] = {
        "metric/total_time": total,
        "metric/train_time": elapsed.get(ROLLOUT, 0.0) + elapsed.get(TRAIN, 0.0),
    }
    if lap > 0:
        metrics["timing_per_epoch/sps"] = lap_steps / lap
    if total > 0:
        metrics["timing_cumulative/sps"] = agent_step / total
    for name in elapsed:
        seconds = timer.get_lap_time(name=name)
        if seconds is not None:
            metrics[f"timing_per_epoch/msec/{name}"] = 1000.0 * seconds
            if lap > 0:
                metrics[f"timing_per_epoch/frac/{name}"] = seconds / lap
        if total > 0:
            metrics[f"timing_cumulative/frac/{name}"] = elapsed[name] / total
    return metrics


def epoch_line(epoch: int, metrics: Mapping[str, Any]) -> str:
    """`Epoch 7 - 52,100 steps/sec (60% train / 40% rollout)`, from the metrics of `timing_metrics`.

    The shares are of the time that the two timers ran in the last lap; without any they are 0.
    """
    rollout, train = (metrics.get(f"timing_per_epoch/msec/{name}", 0.0) for name in (ROLLOUT, TRAIN))
    whole = rollout + train or 1.0
    speed = metrics.get("timing_per_epoch/sps", 0.0)
    return f"Epoch {epoch} - {speed:,.0f} steps/sec ({train / whole:.0%} train / {rollout / whole:.0%} rollout)"


def _rollout_metrics(stats: Mapping[str, Iterable[Any]]) -> dict[str, float]:
    """env_<a>/<b...>: means of the statistics that have a group; texts among their values are skipped."""
    metrics = {}
    for name, values in stats.items():
        numbers = [number for number in map(as_number, values) if number is not None]
        if "/" in name and numbers:
            metrics[f"env_{name}"] = sum(numbers) / len(numbers)
    return metrics


def _overview(metrics: Mapping[str, Any], evaluation: Mapping[str, float]) -> dict[str, float]:
    overview = {}
    if "timing_per_epoch/sps" in metrics:
        overview["overview/sps"] = metrics["timing_per_epoch/sps"]
    rewards = [value for name, value in metrics.items() if name.startswith(_TASK_REWARD)]
    count = metrics.get("episode/count", 0)
    if rewards:
        overview["overview/reward"] = sum(rewards) / len(rewards)
    elif count > 0:
        overview["overview/reward"] = metrics["episode/return_sum"] / count
    if "overview/reward" in overview:
        # The same number, for a plot over metric/total_time.
        overview["overview/reward_vs_total_time"] = overview["overview/reward"]
    for name, score in evaluation.items():
        category, _, rest = name.rpartition("/")
        if rest == "score":
            overview[f"overview/{category}_score"] = float(score)
    return overview


def _is_empty(name: str, value: Any) -> bool:
    """NaN: gradient statistics in an update for which they are not due, the reward of an unfinished task."""
    return name.startswith(_MAY_BE_EMPTY) and isinstance(value, float) and math.isnan(value)


def _logged_name(name: str) -> str:
    """What a curriculum says of its tasks is what the episodes of the original would say."""
    return f"env_{name}" if name.startswith(_OF_TASKS) else name


def _prefixed(prefix: str, metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    return {prefix + name: value for name, value in (metrics or {}).items()}
