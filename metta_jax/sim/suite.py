"""Several simulations of one policy, and their results in one database."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax

from metta_jax.agent import SavedPolicies
from metta_jax.config import SimulationSuiteConfig
from metta_jax.core.device import Device
from metta_jax.mettagrid.types import Layout, StatsLevel
from metta_jax.sim.eval_stats_db import EvalStatsDB
from metta_jax.sim.players import PlayedPolicy, Player, SimulationCompatibilityError, read_player
from metta_jax.sim.scores import score_policy
from metta_jax.sim.simulation import Simulation, SimulationResults, local_directory, typed_key
from metta_jax.sim.world import SimWorld, common_room


class SimulationSuite:
    """Play every simulation of a suite.

    Worlds that differ only in the sizes of their maps are played in arrays with room for the largest, so that they are
    compiled once for all: with as many episodes each, a suite compiles as long as a single simulation.

    Args:
      config: the suite; never changed.
      stats_dir: directory of the databases, one of each simulation and `all_<8 hex digits>.duckdb`; None: in memory.
      key: typed key; simulation i gets `fold_in(key, i)`, in the order of the configuration.
      others: as in `Simulation`.
    """

    def __init__(
        self,
        config: SimulationSuiteConfig,
        policy_pr: PlayedPolicy | Player,
        policy_store: SavedPolicies | None = None,
        device: Device | str | None = None,
        vectorization: str = "serial",
        stats_dir: str | os.PathLike[str] | None = None,
        replay_dir: str | os.PathLike[str] | None = None,
        key: jax.Array | None = None,
        *,
        greedy: bool = False,
        stats: StatsLevel = "full",
        include_initial: bool = False,
        replay_base_url: str | None = None,
        episode_tags: Sequence[str] = (),
        stats_client: object = None,
        stats_epoch_id: object = None,
        wandb_policy_name: str | None = None,
        eval_task_id: object = None,
    ) -> None:
        del stats_client, stats_epoch_id, wandb_policy_name, eval_task_id
        if not isinstance(config, SimulationSuiteConfig):
            config = SimulationSuiteConfig.model_validate(config)
        self.config = config
        self.policy = policy_pr if isinstance(policy_pr, Player) else read_player(policy_pr)
        self.stats_dir = local_directory("stats_dir", stats_dir)
        self.replay_dir = local_directory("replay_dir", replay_dir)
        self._policy_store = policy_store
        self._key = typed_key(key)
        self._options: dict[str, Any] = {
            "device": device,
            "vectorization": vectorization,
            "sim_suite_name": config.name,
            "stats_dir": stats_dir,
            "replay_dir": replay_dir,
            "greedy": greedy,
            "stats": stats,
            "include_initial": include_initial,
            "replay_base_url": replay_base_url,
            "episode_tags": tuple(dict.fromkeys((*config.episode_tags, *(episode_tags or ())))),
        }

    @property
    def name(self) -> str:
        return self.config.name

    def simulate(
        self,
        activity_fn: Callable[[str], object] | None = None,
        *,
        share: tuple[int, int] = (0, 1),
        wait_fn: Callable[[], None] = lambda: None,
    ) -> SimulationResults:
        """Play all simulations. One whose other policy cannot play there is left out, with a warning.

        Args:
          activity_fn: called before each simulation with a description: "simple, 2 of 3".
          share: (i, n) if this is process i of n that evaluate together in one `stats_dir`. Each plays every n-th
            simulation. Process 0 returns the results of all; the others return their own, without a common file.
          wait_fn: returns when all processes have called it.

        Raises:
          RuntimeError: all were left out. ValueError: several processes without a `stats_dir`.
        """
        if share[1] > 1 and self.stats_dir is None:
            raise ValueError(f"stats_dir: is needed if {share[1]} processes share a suite")
        simulations = self._make_simulations()
        if not simulations:
            raise RuntimeError("No simulations could be run successfully")
        db = self._open(simulations) if share[0] == 0 else EvalStatsDB()
        try:
            urls = self._play(simulations, db, share, activity_fn)
            wait_fn()
            if share[0] == 0:
                urls |= self._add_others(simulations, db, share[1])
        except BaseException:
            db.close()
            raise
        player = self.policy
        return SimulationResults(
            stats_db=db,
            replay_urls=None if self.replay_dir is None else urls,
            scores=score_policy(db, player.key, player.version, self.config.simulations),
            policy_key=player.key,
            policy_version=player.version,
        )

    def _make_simulations(self) -> list[Simulation]:
        simulations = []
        for index, (name, config) in enumerate(self.config.simulations.items()):
            key = jax.random.fold_in(self._key, index)
            try:
                simulations.append(Simulation(name, config, self.policy, self._policy_store, key=key, **self._options))
            except SimulationCompatibilityError as error:
                warnings.warn(f"simulation {name!r} is skipped: {error}", stacklevel=3)
        return simulations

    def _open(self, simulations: list[Simulation]) -> EvalStatsDB:
        if self.stats_dir is None:
            return EvalStatsDB()
        ids = " ".join(simulation.id for simulation in simulations)
        digest = hashlib.blake2b(ids.encode(), digest_size=4).hexdigest()
        return EvalStatsDB(self.stats_dir / f"all_{digest}.duckdb")

    def _play(
        self,
        simulations: list[Simulation],
        db: EvalStatsDB,
        share: tuple[int, int],
        activity_fn: Callable[[str], object] | None,
    ) -> dict[str, list[str]]:
        families: dict[Layout, list[SimWorld]] = {}
        for simulation in simulations:
            families.setdefault(simulation.world.family, []).append(simulation.world)
        rooms = {family: common_room(group) for family, group in families.items()}
        urls = {}
        own = simulations[share[0] :: share[1]]
        for number, simulation in enumerate(own, 1):
            if activity_fn is not None:
                activity_fn(f"{simulation.name}, {number} of {len(own)}")
            world = simulation.world.with_room(rooms[simulation.world.family])
            if simulation.stats_dir is None:
                urls[simulation.name] = simulation.record_into(db, world)
                continue
            with EvalStatsDB(simulation.stats_dir / f"{simulation.id}.duckdb") as single:
                urls[simulation.name] = simulation.record_into(single, world)
                db.merge_in(single)
        return urls

    def _add_others(self, simulations: list[Simulation], db: EvalStatsDB, num_processes: int) -> dict[str, list[str]]:
        """Add the results of what other processes have played; return the addresses of their replays."""
        urls: dict[str, list[str]] = {}
        for index, simulation in enumerate(simulations):
            if index % num_processes and simulation.stats_dir is not None:
                with EvalStatsDB(simulation.stats_dir / f"{simulation.id}.duckdb") as single:
                    urls[simulation.name] = single.get_replay_urls()
                    db.merge_in(single)
        return urls
