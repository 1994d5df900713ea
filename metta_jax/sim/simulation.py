"""One simulation: a policy plays a number of episodes in one world."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from metta_jax.agent import SavedPolicies
from metta_jax.agent.device import find_device
from metta_jax.config import SingleEnvSimulationConfig
from metta_jax.core.device import Device
from metta_jax.mettagrid.arguments import check_key, is_key
from metta_jax.mettagrid.inspect import episode_stats
from metta_jax.mettagrid.map_hash import map_hash
from metta_jax.mettagrid.types import StatsLevel
from metta_jax.replays.encoding import encode_replay
from metta_jax.replays.file import SUFFIX, write_replay
from metta_jax.sim.episodes import PlayedEpisode, play_episodes
from metta_jax.sim.eval_stats_db import EvalStatsDB
from metta_jax.sim.numbers import episode_numbers
from metta_jax.sim.players import PlayedPolicy, Player, load_npc, read_player, seats
from metta_jax.sim.scores import EvalRewardSummary, score_policy
from metta_jax.sim.stats_db import utc
from metta_jax.sim.urls import http_url
from metta_jax.sim.world import SimWorld, flattened, make_world, map_size, with_content


@dataclasses.dataclass(frozen=True, eq=False)
class SimulationResults:
    """What came out; a context manager that closes the database.

    replay_urls: {simulation: addresses}, None if no replays were written. policy_key, policy_version: whose scores.
    """

    stats_db: EvalStatsDB
    replay_urls: dict[str, list[str]] | None
    scores: EvalRewardSummary
    policy_key: str = ""
    policy_version: int = 0

    def summary(self) -> dict[str, dict[str, float]]:
        """The numbers of `evaluate_policy` by simulation, of the policy that was evaluated.

        "mean_reward_sum" adds up the agents that it played in an episode, "mean_reward_per_agent" is their mean, as in
        `scores`.
        """
        rows = self.stats_db.rows(
            "SELECT ps.sim_name, SUM(COALESCE(CAST(am.value AS DOUBLE), 0)), ANY_VALUE(e.step_count), COUNT(*) "
            "FROM policy_simulation_agent_samples ps JOIN episodes e ON e.id = ps.episode_id "
            "LEFT JOIN agent_metrics am "
            "ON am.episode_id = ps.episode_id AND am.agent_id = ps.agent_id AND am.metric = 'reward' "
            "WHERE ps.policy_key = ? AND ps.policy_version = ? GROUP BY ps.sim_name, ps.episode_id ORDER BY ALL",
            [self.policy_key, self.policy_version],
        )
        return {
            name: episode_numbers([row[1] for row in group], [row[2] for row in group], group[0][3])
            for name, group in ((name, list(part)) for name, part in itertools.groupby(rows, key=lambda row: row[0]))
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.stats_db.close()


class Simulation:
    """Play exactly `config.num_episodes` episodes, side by side, in one compiled program.

    Args:
      name: `category/name`.
      config: world, number of episodes, time limit, other policy.
      policy_pr: a policy record, or a pair (agent, params).
      policy_store: where the other policy comes from.
      device: a name such as "cpu" or "cuda:0"; None: JAX's default.
      sim_suite_name: of the suite it is part of.
      stats_dir: directory of the database, `<id>.duckdb`; None: the database is kept in memory.
      replay_dir: a replay of each episode is written to `<replay_dir>/<id>/<episode id>.json.z`; None: none are.
      key: typed key from which maps, actions and orders follow; None: `jax.random.key(0)`.
      greedy: the most probable action is taken; otherwise actions are drawn.
      stats: "full" stores what the original stores of agents, "totals" values only, which is less and faster.
      include_initial: replays begin with the state before the first action.
      replay_base_url: address under which `replay_dir` is served; replay addresses then begin with it.
      episode_tags: each is stored with every episode, as the attribute `tag.<tag>`.
      vectorization, stats_client, stats_epoch_id, wandb_policy_name, eval_task_id: accepted, without effect.

    Attributes:
      id: 12 hex digits, a function of the key, the name, the configuration and the policies with their parameters.

    Raises:
      ValueError: no such world or device, or the policy does not fit. SimulationCompatibilityError: nor does the other.
    """

    def __init__(
        self,
        name: str,
        config: SingleEnvSimulationConfig,
        policy_pr: PlayedPolicy | Player,
        policy_store: SavedPolicies | None = None,
        device: Device | str | None = None,
        vectorization: str = "serial",
        sim_suite_name: str = "",
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        del vectorization, stats_client, stats_epoch_id, wandb_policy_name, eval_task_id
        if not isinstance(config, SingleEnvSimulationConfig):
            config = SingleEnvSimulationConfig.model_validate(config)
        config = with_content(config)
        self.name, self.config, self.suite = name, config, sim_suite_name
        self.stats_dir = local_directory("stats_dir", stats_dir)
        self.replay_dir = local_directory("replay_dir", replay_dir)
        self.greedy, self.include_initial = greedy, include_initial
        self.replay_base_url = replay_base_url
        self.episode_tags = tuple(episode_tags or ())
        self._device = find_device(device)
        self._clock = clock
        candidate = policy_pr if isinstance(policy_pr, Player) else read_player(policy_pr)
        key = typed_key(key)
        map_key, self._key = jax.random.split(key)
        seed = int(jax.random.bits(map_key, (), "uint32"))
        self.world = make_world(config, seed=seed, num_episodes=config.num_episodes, stats=stats, device=self._device)
        ours, theirs = seats(config, self.world.grid.num_agents)
        self.players = [(candidate.bind(self.world.grid), ours)]
        if theirs:
            self.players.append((load_npc(config, policy_store, self.world.grid), theirs))
        self.id = self._make_id(key, [candidate.digest, *(player.digest for player, _ in self.players[1:])])

    @property
    def policy(self) -> Player:
        """The candidate."""
        return self.players[0][0]

    def simulate(self) -> SimulationResults:
        """Play all episodes and write results and replays. Warns if the time limit left episodes out."""
        db = EvalStatsDB(None if self.stats_dir is None else self.stats_dir / f"{self.id}.duckdb")
        try:
            urls = self.record_into(db)
        except BaseException:
            db.close()
            raise
        player = self.policy
        return SimulationResults(
            stats_db=db,
            replay_urls=None if self.replay_dir is None else {self.name: urls},
            scores=score_policy(db, player.key, player.version, [self.name]),
            policy_key=player.key,
            policy_version=player.version,
        )

    def record_into(self, db: EvalStatsDB, world: SimWorld | None = None) -> list[str]:
        """Play all episodes, record them in a database, write replays and return their addresses.

        An episode that the database has already, from the same run before, is not recorded again.

        Args:
          world: the simulation's own, with room for others (`SimWorld.with_room`).
        """
        world = self.world if world is None else world
        player, num_episodes = self.policy, self.config.num_episodes
        created_at = utc()
        db.record_simulation(self.id, self.name, self.suite, world.env, player.key, player.version, created_at)
        batches = play_episodes(
            world,
            self.players,
            self._key,
            num_episodes,
            max_time_s=self.config.max_time_s,
            greedy=self.greedy,
            record=self.replay_dir is not None,
            device=self._device,
            clock=self._clock,
        )
        attributes = self._attributes(world)
        urls, num_played = [], 0
        for batch in batches:
            for episode in batch:
                url = self._write_replay(world, episode)
                urls += [] if url is None else [url]
                self._record(db, world, episode, attributes, url, created_at)
            num_played += len(batch)
            created_at = utc()
        db.finish_simulation(self.id)
        if num_played < num_episodes:
            warnings.warn(
                f"simulation {self.name!r}: {num_episodes - num_played} of {num_episodes} episodes are missing, they "
                f"did not end within max_time_s = {self.config.max_time_s:g}",
                stacklevel=3,
            )
        return urls

    def _record(
        self,
        db: EvalStatsDB,
        world: SimWorld,
        episode: PlayedEpisode,
        attributes: dict[str, str],
        url: str | None,
        created_at: datetime,
    ) -> None:
        episode_id = self._episode_id(episode)
        if db.has_episode(episode_id):
            return
        rows = world.maps[int(episode.state.map_index)]
        width, height = map_size(rows)
        place = {"map_w": width, "map_h": height, "initial_grid_hash": map_hash(rows)}
        stats = episode_stats(world.layout, jax.device_get(world.params), episode.state)["agent"]
        returns = np.asarray(episode.state.episode_return).tolist()
        group_ids = np.asarray(world.params.rules.group_id)[np.asarray(episode.state.group)].tolist()
        policies = [(player.key, player.version) for player, count in self.players for _ in range(count)]
        db.record_sim_episode(
            self.id,
            episode_id,
            attributes={**attributes, **place, "episode": episode.number},
            agent_metrics={i: {"reward": returns[i], **stats[i]} for i in range(len(returns))},
            agent_groups=dict(enumerate(group_ids)),
            agent_policies=dict(enumerate(policies)),
            step_count=int(episode.state.step),
            replay_url=url,
            created_at=created_at,
        )

    def _write_replay(self, world: SimWorld, episode: PlayedEpisode) -> str | None:
        if self.replay_dir is None or episode.frames is None:
            return None
        initial = episode.first if self.include_initial else None
        replay = encode_replay(world, int(episode.state.map_index), episode.frames, initial)
        path = self.replay_dir / self.id / f"{self._episode_id(episode)}{SUFFIX}"
        write_replay(path, replay)
        if self.replay_base_url is None:
            return str(path)
        return http_url(path, self.replay_base_url, self.replay_dir)

    def _attributes(self, world: SimWorld) -> dict[str, str]:
        tags = {f"tag.{tag}": "true" for tag in self.episode_tags}
        return {**flattened(world.config), "seed": str(world.seed), **tags}

    def _episode_id(self, episode: PlayedEpisode) -> str:
        return f"{self.id}-{episode.number:05d}"

    def _make_id(self, key: jax.Array, digests: list[str]) -> str:
        player = self.policy
        parts = [np.asarray(jax.random.key_data(key)).tolist(), self.name, self.suite, self.greedy]
        parts += [player.key, player.version, self.config.model_dump_json(), *digests]
        return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()


def local_directory(name: str, path: str | os.PathLike[str] | None) -> Path | None:
    """The directory, or None; a ValueError that begins with `name` for an address elsewhere."""
    if path is None:
        return None
    text = os.fspath(path).removeprefix("file://")
    if "://" in text:
        raise ValueError(f"{name}: {text!r} is not a local directory; other places are not supported")
    return Path(text)


def typed_key(key: jax.Array | None) -> jax.Array:
    """The key, `jax.random.key(0)` for None; a ValueError unless it is a typed key."""
    if key is None:
        return jax.random.key(0)
    if is_key(key) and not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        raise ValueError("key: is an old-style key; a typed key is needed, such as jax.random.key(seed)")
    check_key(key)
    return key
