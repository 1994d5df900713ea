"""One program for a GPU or a TPU: is the game the same there, and how fast are steps, training and learning?

    python benchmarks/accelerator.py [--budget-minutes 8] [--out out/accelerator] [--device cuda:0] [--jobs 8]
    python benchmarks/accelerator.py --rehearse

It runs alone, on a bare machine with JAX for its accelerator, and measures in this order what its time allows:

    conformance   6 recorded runs of the original engine, played on the device: equal in every bit?
    stepping      random play, auto-reset included: 24 and 4 agents, 1,024 to 65,536 environments
    training      `train_step` of the agents `fast` and `default`, float32 and bfloat16, 256 to 4,096 environments
    learning      reward in `forage4` over 20 million agent-steps

Programs of several cases are compiled at a time and measured alone, except for learning, during which
others are compiled: compile seconds are those of a busy host. A case that finds no memory, or fails, is a row that says
so, and the next one follows. Rates are medians of repeated calls that were waited for. Into --out go rows.jsonl, a row
as soon as it is known, and accelerator.png.

`program GB` is what the compiler sets aside for a program, its arguments included; `peak GB` what the device reports,
where a case raised it. `--rehearse` plays all of it with tiny sizes, in about a minute on a CPU.
"""

import argparse
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

Row = dict[str, Any]

GRACE_S = 90.0  # after its budget, whatever still runs is given up


def main(arguments: Sequence[str] | None = None, waves: Sequence[Sequence[Any]] | None = None) -> int:
    """Measures, and returns 0 if every case was measured or skipped; 1 if one failed or a run was not equal.

    `waves` stand in for the cases of the command line.
    """
    args = parse_arguments(arguments)
    started = time.monotonic()
    import jax

    from benchmarks.accelerator_cases import full_waves, rehearsal_waves
    from benchmarks.accelerator_report import COLUMNS, draw
    from benchmarks.accelerator_run import COMPILE_S, Budget, run_waves
    from metta_jax.agent.device import find_device

    before = jax.config.jax_default_device  # type: ignore[attr-defined]
    jax.config.update("jax_default_device", find_device(args.device))
    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        jax.config.update("jax_compilation_cache_dir", str(ROOT / ".cache" / "jax"))
    budget = Budget(args.budget_minutes, started=started)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with (out / "rows.jsonl").open("w", encoding="utf-8") as file:
        emit = _emitter(rows, file, budget)
        try:
            emit({"what": "machine", **machine(args)})
            print(f"\n{COLUMNS}", flush=True)
            if waves is None:
                waves = rehearsal_waves() if args.rehearse else full_waves()
            compile_s = 0.0 if args.rehearse else COMPILE_S
            run_waves(waves, budget, emit, jobs=args.jobs, compile_s=compile_s)
        except KeyboardInterrupt:
            print("interrupted: what is known stays", flush=True)
        finally:
            jax.config.update("jax_default_device", before)
        emit({"what": "end", "seconds": budget.spent(), "rows": len(rows)})
    print(f"\n{budget.spent():.0f} s; {out / 'rows.jsonl'}", flush=True)
    try:
        draw(rows, out / "accelerator.png")
        print(out / "accelerator.png", flush=True)
    except ImportError as error:
        print(f"no picture: {error}", flush=True)
    unequal = any(row.get("result", "equal") != "equal" for row in rows)
    return int(unequal or any(row.get("status", "").startswith("failed") for row in rows))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--budget-minutes", type=float, default=8.0, help="cases that no longer fit are skipped (default: %(default)s)"
    )
    parser.add_argument("--out", default="out/accelerator", help="a directory (default: %(default)s)")
    parser.add_argument("--device", help="cuda:0, tpu, cpu, ... (default: JAX's)")
    jobs = max(1, min(8, (os.cpu_count() or 1) // 2))
    parser.add_argument("--jobs", type=int, default=jobs, help="programs compiled at a time (default: %(default)s)")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes: does the program itself work?")
    return parser.parse_args(arguments)


def machine(args: argparse.Namespace) -> Row:
    """What figures belong to."""
    import jax
    import psutil

    from benchmarks.yardstick import branchy
    from metta_jax import __version__
    from metta_jax.agent.device import default_device, device_name
    from metta_jax.monitor.device_facts import default_precision, device_memory, driver_version, product_precision

    device = default_device()
    cache = Path(jax.config.jax_compilation_cache_dir or "")  # type: ignore[attr-defined]
    plugins = [name for name in ("jax-cuda12-plugin", "jax-cuda13-plugin", "libtpu") if _version(name)]
    return {
        "device": f"{device_name(device)} {device.device_kind}",
        "num_devices": len(jax.devices()),
        "memory_for_jax": device_memory(device).get("limit"),
        "driver": driver_version(device),
        "jax": f"{jax.__version__}, jaxlib {_version('jaxlib')}",
        "plugins": ", ".join(f"{name} {_version(name)}" for name in plugins) or None,
        "float32_products": product_precision(device.platform, default_precision()),
        "host": _processor(),
        "cores": os.cpu_count(),
        "host_memory": psutil.virtual_memory().total,
        "branchy": round(branchy(1), 2),
        "python": platform.python_version(),
        "metta_jax": __version__,
        "budget_minutes": args.budget_minutes,
        "compile_jobs": args.jobs,
        "compiled_before": cache.is_dir() and any(cache.iterdir()),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _emitter(rows: list[Row], file: Any, budget: Any) -> Callable[[Row], None]:
    """Keep a row, write it, and show its line."""
    from benchmarks.accelerator_report import line

    def emit(row: Row) -> None:
        row = {**row, "at_s": round(budget.spent(), 1)}
        rows.append(row)
        file.write(json.dumps(row) + "\n")
        file.flush()
        text = line(row)
        if text is not None:
            print(text, flush=True)

    return emit


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    names = [entry.partition(":")[2].strip() for entry in text.splitlines() if entry.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _give_up_after(seconds: float) -> None:
    """End the process then: a call on a device cannot be interrupted. All rows are on disk by then."""

    def give_up() -> None:
        print(f"accelerator.py: something has not come back for {GRACE_S:.0f} s after the budget; given up", flush=True)
        os._exit(3)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    minutes = parse_arguments().budget_minutes
    _give_up_after(60 * minutes + GRACE_S)
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a thread may still compile what is no longer needed
