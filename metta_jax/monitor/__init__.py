"""What a person watches while a run goes on: host code, never inside a traced function."""

from metta_jax.monitor.learning_curve import plot_learning_curve
from metta_jax.monitor.metrics_log import JsonLinesLog, read_json_lines
from metta_jax.monitor.progress import ProgressLine, format_count, format_time
from metta_jax.monitor.stopwatch import Stopwatch, with_instance_timer, with_timer

__all__ = [
    "JsonLinesLog",
    "ProgressLine",
    "Stopwatch",
    "format_count",
    "format_time",
    "plot_learning_curve",
    "read_json_lines",
    "with_instance_timer",
    "with_timer",
]
