"""A process that runs one trial after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from metta_jax.sweep.progress import TrialProgress, TrialPruned, final_score
from metta_jax.sweep.slots import last_attempts
from metta_jax.sweep.space import trial_run
from metta_jax.sweep.study import Sweep
from metta_jax.sweep.taken import Taken, TrialIsOver
from metta_jax.trainer import StopSignals, train

PrintFn: TypeAlias = Callable[[str], None]

_FAILURES = 3  # if this many trials fail and none has succeeded, give up


def work(
    sweep: Sweep,
    *,
    device: str | None = None,
    max_seconds: float = float("inf"),
    keep_going_fn: Callable[[], bool] = lambda: True,
    print_fn: PrintFn = print,
) -> bool:
    """Run trials until none is left, and return whether the sweep is finished.

    Waits for the trials of other workers, in case one dies. Control-C and SIGTERM stop after the current update; the
    trial's run is saved, and the next worker resumes it.

    Args:
      device: where the runs compute.
      max_seconds: start no trial after this time.
      keep_going_fn: called between updates; work stops when it returns False. print_fn: receives one line per trial.

    Raises:
      ValueError: the first trials all failed; names the error.
    """
    deadline = time.monotonic() + max_seconds
    poll_s = min(5.0, sweep.heartbeat_s)
    with StopSignals() as stop:
        while keep_going_fn() and not stop.requested and time.monotonic() < deadline:
            sweep.add_lost()
            attempts = last_attempts(sweep.attempts(), sweep.num_trials)
            errors = [attempt.error for attempt in attempts if attempt.state == "failed"]
            if len(errors) >= _FAILURES and not any(attempt.reports or attempt.score for attempt in attempts):
                raise ValueError(f"the first {len(errors)} trials failed: {errors[0]}")
            if not any(attempt.state in ("waiting", "running") for attempt in attempts):
                return True
            with sweep.take() as trial:
                if trial is None:
                    time.sleep(poll_s)  # others are running; if one dies, its trial must be taken over
                elif not _run(sweep, trial, device, keep_going_fn, print_fn):
                    return False
    return False


def _run(sweep: Sweep, trial: Taken, device: str | None, keep_going_fn: Callable[[], bool], print_fn: PrintFn) -> bool:
    """Run one trial; return False if the process was asked to stop."""
    space, run_dir = sweep.space, sweep.run_dir(trial.slot)
    name = f"trial {trial.slot}"
    settings = " ".join(f"{path}={value}" for path, value in trial.values.items())
    try:
        run = trial_run(space, trial.values, run_dir)
        total = run.trainer.total_timesteps
        options = {"total": total, "parts": space.parts, "keep_going_fn": keep_going_fn}
        progress = TrialProgress(trial, space.metric, run_dir, **options)
        result = train(run, loggers=[progress], show_progress=False, device=device)
        if not result.is_finished:
            trial.stop()
            print_fn(f"{name}: stopped at {int(result.state.agent_step):,} of {total:,} agent steps")
            return False
        score = final_score(Path(run_dir), space.metric, total, space.parts)
        trial.complete(score)
        print_fn(f"{name}: {space.metric} {score:.5g} with {settings}")
    except TrialPruned:
        trial.prune()
        print_fn(f"{name}: pruned, with {settings}")
    except TrialIsOver as over:
        print_fn(str(over))
    except (ValueError, MemoryError) as error:
        # These values are impossible. Any other exception is a bug and ends the worker.
        reason = " ".join(str(error).split())
        trial.fail(reason)
        print_fn(f"{name}: failed with {settings}: {reason}")
    except KeyboardInterrupt:
        trial.stop()
        return False
    return True
