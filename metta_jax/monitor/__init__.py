"""What you watch during a run: host code, never inside a traced function."""

from metta_jax.monitor.activity import ActivityLine
from metta_jax.monitor.console_log import ConsoleLog
from metta_jax.monitor.csv_log import CsvLog
from metta_jax.monitor.duckdb_log import DuckDbLog
from metta_jax.monitor.heartbeat import record_heartbeat, watch_heartbeat
from metta_jax.monitor.learning_curve import plot_learning_curve
from metta_jax.monitor.logger import Logger, MultiLog
from metta_jax.monitor.memory_monitor import MemoryMonitor
from metta_jax.monitor.metrics_log import JsonLinesLog, read_json_lines
from metta_jax.monitor.numbers import format_count, format_time
from metta_jax.monitor.profiler import EpochProfiler
from metta_jax.monitor.progress import ProgressLine
from metta_jax.monitor.run_config import RunConfig, load_run_config, save_run_config
from metta_jax.monitor.run_metrics import collect_metrics, epoch_line, timing_metrics
from metta_jax.monitor.run_panel import plot_run
from metta_jax.monitor.stopwatch import Stopwatch, with_instance_timer, with_timer
from metta_jax.monitor.system_monitor import SystemMonitor
from metta_jax.monitor.system_readings import Accelerator
from metta_jax.monitor.tensorboard_log import TensorBoardLog
from metta_jax.monitor.wandb_log import WandbLog
from metta_jax.monitor.weight_statistics import due_weight_metrics

__all__ = [
    "Accelerator",
    "ActivityLine",
    "ConsoleLog",
    "CsvLog",
    "DuckDbLog",
    "EpochProfiler",
    "JsonLinesLog",
    "Logger",
    "MemoryMonitor",
    "MultiLog",
    "ProgressLine",
    "RunConfig",
    "Stopwatch",
    "SystemMonitor",
    "TensorBoardLog",
    "WandbLog",
    "collect_metrics",
    "due_weight_metrics",
    "epoch_line",
    "format_count",
    "format_time",
    "load_run_config",
    "plot_learning_curve",
    "plot_run",
    "read_json_lines",
    "record_heartbeat",
    "save_run_config",
    "timing_metrics",
    "watch_heartbeat",
    "with_instance_timer",
    "with_timer",
]
