"""The Optuna study of a sweep, in a database that any number of processes and machines can share."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from metta_jax.config.directories import paths_in
from metta_jax.curriculum.overrides import flat
from metta_jax.monitor.optional import require
from metta_jax.store.locks import locked
from metta_jax.sweep.fields import find_field
from metta_jax.sweep.slots import Attempt, State, is_next, lost_slots
from metta_jax.sweep.space import Domain, SweepSpace, Value
from metta_jax.sweep.taken import ERROR, SLOT, STOPPED, VALUES, Taken
from metta_jax.trainer import RunLock

HEARTBEAT_S = 15
NUM_TRIALS = 16  # of a new study, unless given
_BEATS = 4  # missed heartbeats after which a process is presumed dead
_SPACE, _NUM_TRIALS = "space", "num_trials"  # attributes of the study
_STATES: dict[str, State] = {
    "WAITING": "waiting",
    "RUNNING": "running",
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
}


class Sweep:
    """A sweep in a database: its space, its trials, and their results.

    Args:
      name: of the study.
      directory: on this machine, for the runs; created if it does not exist.
      storage: SQLAlchemy URL of the database; None: a SQLite file in `directory`.
      space: the search space; None: the study's.
      num_trials: the number of trials over all workers and calls, if the study does not have more; None: the
        study's, 16 for a new one.
      heartbeat_s: seconds between heartbeats of a running trial. After four missed ones, its process is presumed dead
        and another one continues the trial.

    Raises:
      ImportError: optuna, or the database's own package, is not installed.
      ValueError: the database cannot be opened, or the study holds another space.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        storage: str | None = None,
        space: SweepSpace | None = None,
        num_trials: int | None = None,
        heartbeat_s: int = HEARTBEAT_S,
    ) -> None:
        self.name = name
        self.directory = directory
        self.heartbeat_s = heartbeat_s
        directory.mkdir(parents=True, exist_ok=True)
        self._optuna = require("optuna", "sweep")
        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)
        self._storage = _open_storage(self._optuna, storage or f"sqlite:///{directory.resolve()}/study.db", heartbeat_s)
        self._study, self.space = self._open_study(space)
        held = self._study.user_attrs.get(_NUM_TRIALS, 0)
        self.num_trials: int = max(held, num_trials or 0) or NUM_TRIALS
        if self.num_trials > held:
            self._study.set_user_attr(_NUM_TRIALS, self.num_trials)
        self._study.pruner = self._make_pruner()

    def close(self) -> None:
        """Close the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def run_dir(self, slot: int) -> Path:
        """Where the run of a slot is, on the machine that runs it."""
        return self.directory / "trials" / f"{slot:04d}"

    def attempts(self) -> list[Attempt]:
        """All trials of the study, in their order."""
        return [_attempt(trial) for trial in self._study.get_trials(deepcopy=False) if SLOT in trial.user_attrs]

    def importances(self) -> dict[str, float]:
        """The share of the variation in scores that each field explains, 0..1; empty with too few trials."""
        complete = [attempt for attempt in self.attempts() if attempt.state == "complete"]
        if len({attempt.score for attempt in complete}) < 2:
            return {}
        found = self._optuna.importance.get_param_importances(self._study)
        return {name: float(share) for name, share in found.items()}

    def add_lost(self) -> None:
        """Queue the trials of dead processes again, and add trials until the sweep has its number."""
        with _no_warnings(self._optuna):
            self._optuna.storages.fail_stale_trials(self._study)
        with locked(self.directory) as is_held:
            if is_held is False:
                return  # another process is doing this
            for slot, before in lost_slots(self.attempts(), self.num_trials).items():
                values = {} if before is None else dict(before.values)
                self._study.enqueue_trial(values, user_attrs={SLOT: slot, VALUES: values})

    @contextlib.contextmanager
    def take(self) -> Generator[Taken | None]:
        """Take the next waiting trial, which runs until the end of the block; None if there is none to take.

        Its directory is locked first: SQLite lets two processes take the same trial, and a process that was suspended
        and presumed dead may still hold it.
        """
        with contextlib.ExitStack() as stack:
            for attempt in self.attempts():
                if attempt.state != "waiting":
                    continue
                held = stack.enter_context(contextlib.ExitStack())
                try:
                    held.enter_context(RunLock(paths_in(str(self.run_dir(attempt.slot)), "", "", "")))
                except ValueError:
                    continue
                taken = self._claim(attempt)
                if taken is not None:
                    with taken.beating():
                        yield taken
                    return
                held.close()
            yield None

    def _claim(self, attempt: Attempt) -> Taken | None:
        """The trial, if it is still waiting and the one that counts for its slot."""
        number, states = attempt.number, self._optuna.trial.TrialState
        study_id = self._storage.get_study_id_from_name(self.name)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, number)
        attempts = self.attempts()
        if not any(other.number == number and other.state == "waiting" for other in attempts):
            return None
        if not is_next(attempt, attempts):
            self._storage.set_trial_state_values(trial_id, states.FAIL)  # one too many
            return None
        self._storage.record_heartbeat(trial_id)  # first: without a heartbeat, a trial would never be presumed dead
        try:
            if not self._storage.set_trial_state_values(trial_id, states.RUNNING):
                return None
        except self._optuna.exceptions.UpdateFinishedTrialError:
            return None
        # Every trial has its own seed, whichever process runs it.
        seed = int(np.random.SeedSequence([self.space.seed, attempt.slot]).generate_state(1)[0])
        self._study.sampler = self._make_sampler(seed)
        trial = self._optuna.trial.Trial(self._study, trial_id)
        values = {path: _suggest(trial, path, domain) for path, domain in self.space.fields.items()}

        def beat() -> None:
            self._storage.record_heartbeat(trial_id)

        return Taken(trial, attempt.number, attempt.slot, values, self._optuna, self._study, beat, self.heartbeat_s)

    def _open_study(self, space: SweepSpace | None) -> tuple[Any, SweepSpace]:
        optuna, name = self._optuna, self.name
        if space is None:
            try:
                study = optuna.load_study(study_name=name, storage=self._storage)
            except KeyError:
                raise ValueError(f"--study: there is no study {name!r} yet; give a space to make one") from None
        else:
            direction = space.direction
            study = optuna.create_study(
                study_name=name, storage=self._storage, direction=direction, load_if_exists=True
            )
        held = study.user_attrs.get(_SPACE)
        if held is None:
            if space is None:
                raise ValueError(f"--study: {name!r} is not a study of a sweep")
            study.set_user_attr(_SPACE, space.model_dump_json())
            return study, space
        found = SweepSpace.model_validate_json(held)
        if space is not None and found != space:
            raise ValueError(f"--study: {name!r} holds another space: {_difference(found, space)}; give another name")
        return study, found

    def _make_sampler(self, seed: int) -> Any:
        samplers = self._optuna.samplers
        if self.space.sampler == "random":
            return samplers.RandomSampler(seed=seed)
        with _no_warnings(self._optuna):
            return samplers.TPESampler(
                seed=seed, constant_liar=True
            )  # constant_liar: running trials count as bad, so that others search elsewhere

    def _make_pruner(self) -> Any:
        pruners = self._optuna.pruners
        if self.space.pruner == "median":
            return pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, self.space.parts // 5))
        if self.space.pruner == "successive_halving":
            return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        return pruners.NopPruner()


def _suggest(trial: Any, path: str, domain: Domain) -> Value:
    """Draw a value for a field; a trial that is tried again gets the same value."""
    if domain.choices is not None:
        return trial.suggest_categorical(path, domain.choices)
    numbers = (domain.low, domain.high, domain.step)
    kinds = find_field(path).kinds
    options = {"log": domain.log} if domain.step is None else {"step": domain.step}
    if float in kinds and (int not in kinds or any(isinstance(number, float) for number in numbers)):
        return trial.suggest_float(path, domain.low, domain.high, **options)
    return trial.suggest_int(path, domain.low, domain.high, **options)


def _attempt(trial: Any) -> Attempt:
    """Convert an Optuna trial to an `Attempt`."""
    attributes = trial.user_attrs
    state: State = _STATES[trial.state.name]
    if state == "failed" and ERROR not in attributes:
        state = "died"
    ended, started = trial.datetime_complete, trial.datetime_start
    return Attempt(
        number=trial.number,
        slot=attributes[SLOT],
        state=state,
        values={**attributes.get(VALUES, {}), **trial.params},
        reports=dict(trial.intermediate_values),
        score=trial.value if state == "complete" else None,
        seconds=(ended - started).total_seconds() if ended is not None and started is not None else None,
        was_stopped=STOPPED in attributes,
        error=attributes.get(ERROR, ""),
    )


def _open_storage(optuna: Any, url: str, heartbeat_s: int) -> Any:
    """Open the database at a URL. Errors name the option but never show a password."""
    sqlalchemy = require("sqlalchemy", "sweep")
    # Workers write at the same time, and SQLite admits only one writer.
    options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    try:
        with _no_warnings(optuna):
            return optuna.storages.RDBStorage(
                url, engine_kwargs=options, heartbeat_interval=heartbeat_s, grace_period=_BEATS * heartbeat_s
            )
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise ValueError(f"--storage: cannot open {_without_password(url)!r}: {reason}") from None


def _without_password(url: str) -> str:
    return re.sub(r"(//[^/@:]*):[^/@]*@", r"\1:***@", url)


def _difference(held: SweepSpace, given: SweepSpace) -> str:
    """The first field in which two spaces differ."""
    old, new = (flat(space.model_dump(mode="json")) for space in (held, given))
    name = next(name for name in sorted({*old, *new}) if old.get(name) != new.get(name))
    return f"{name} is {old.get(name)!r} there and {new.get(name)!r} here"


@contextlib.contextmanager
def _no_warnings(optuna: Any) -> Generator[None]:
    """Hide Optuna's warnings about experimental features; those used here are tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
