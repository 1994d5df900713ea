"""Who played in which simulation, and how well: the statistics database of evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from metta_jax.sim.players import PlayedPolicy, key_and_version
from metta_jax.sim.schema import EPISODE_TABLES, EVAL_TABLES, EVAL_VIEWS
from metta_jax.sim.stats_db import StatsDB, utc

Filter = str | Mapping[str, Any] | None

_SAMPLE_COLUMNS = ("policy_key", "policy_version", "sim_suite", "sim_name", "sim_env", "episode_id", "agent_id")


class EvalStatsDB(StatsDB):
    """A database of episodes, simulations and policies.

    A *sample* is an agent of a policy in an episode. Means and sums are taken over the *potential* samples, those with
    at least one metric: a sample without the metric in question counts as 0. `filter` narrows them: a mapping of
    columns of `policy_simulation_agent_samples` to values, or a condition in SQL.
    """

    tables: ClassVar[Mapping[str, str]] = {**EPISODE_TABLES, **EVAL_TABLES}
    views: ClassVar[Mapping[str, str]] = EVAL_VIEWS

    def record_simulation(
        self,
        sim_id: str,
        name: str,
        suite: str,
        env: str,
        policy_key: str,
        policy_version: int,
        created_at: datetime | None = None,
    ) -> None:
        """Add a simulation that has begun; an existing one stays."""
        self.con.execute(
            "INSERT OR IGNORE INTO simulations (id, name, suite, env, policy_key, policy_version, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [sim_id, name, suite, env, policy_key, int(policy_version), utc(created_at)],
        )

    def finish_simulation(self, sim_id: str) -> None:
        """Note that a simulation is over."""
        self.con.execute("UPDATE simulations SET finished_at = ? WHERE id = ?", [utc(), sim_id])

    def record_sim_episode(
        self,
        sim_id: str,
        episode_id: str,
        attributes: Mapping[str, Any],
        agent_metrics: Mapping[int, Mapping[str, float]],
        agent_groups: Mapping[int, int],
        agent_policies: Mapping[int, tuple[str, int]],
        step_count: int,
        replay_url: str | None = None,
        created_at: datetime | None = None,
    ) -> None:
        """`record_episode` of a simulation; `agent_policies` is {agent: (policy key, version)}."""
        with self._transaction():
            self._insert_episode(
                episode_id, attributes, agent_metrics, agent_groups, step_count, replay_url, created_at
            )
            self.con.execute("UPDATE episodes SET simulation_id = ? WHERE id = ?", [sim_id, episode_id])
            policies = [(int(agent), key, int(version)) for agent, (key, version) in agent_policies.items()]
            self._insert("agent_policies", episode_id, ("INTEGER", "TEXT", "INTEGER"), policies)

    @staticmethod
    def key_and_version(policy_record: PlayedPolicy) -> tuple[str, int]:
        """URI and epoch of a policy record. Raises a ValueError if it has no URI."""
        return key_and_version(policy_record)

    def get_replay_urls(
        self, policy_key: str | None = None, policy_version: int | None = None, env: str | None = None
    ) -> list[str]:
        """The addresses of replays, in the order of their episodes; filters that are None do not apply."""
        sql = "SELECT e.replay_url FROM episodes e LEFT JOIN simulations s ON s.id = e.simulation_id"
        where, values = ["e.replay_url IS NOT NULL"], []
        for column, value in (("policy_key", policy_key), ("policy_version", policy_version), ("env", env)):
            if value is not None:
                where.append(f"s.{column} = ?")
                values.append(value)
        return [url for (url,) in self.rows(f"{sql} WHERE {' AND '.join(where)} ORDER BY e.created_at, e.id", values)]

    def get_all_policy_uris(self) -> list[str]:
        """`<key>:v<version>` of every policy that was evaluated."""
        sql = "SELECT DISTINCT policy_key, policy_version FROM simulations ORDER BY policy_key, policy_version"
        return [f"{key}:v{version}" for key, version in self.rows(sql)]

    def get_average_metric_by_filter(
        self, metric: str, policy_record: PlayedPolicy, filter: Filter = None
    ) -> float | None:
        """Mean of a metric over the policy's potential samples; None if there are none."""
        count, total, _ = self._sums(metric, policy_record, filter)
        return total / count if count else None

    def get_sum_metric_by_filter(self, metric: str, policy_record: PlayedPolicy, filter: Filter = None) -> float | None:
        """Sum of a metric over the policy's samples; None if there are none."""
        count, total, _ = self._sums(metric, policy_record, filter)
        return total if count else None

    def get_std_metric_by_filter(self, metric: str, policy_record: PlayedPolicy, filter: Filter = None) -> float | None:
        """Standard deviation (dividing by n) over the policy's potential samples; None if there are none."""
        count, total, squares = self._sums(metric, policy_record, filter)
        if not count:
            return None
        return max(squares / count - (total / count) ** 2, 0.0) ** 0.5

    def sample_count(
        self,
        policy_record: PlayedPolicy | None = None,
        sim_suite: str | None = None,
        sim_name: str | None = None,
        sim_env: str | None = None,
    ) -> int:
        """How many samples there are; arguments that are None do not narrow them."""
        given = {"sim_suite": sim_suite, "sim_name": sim_name, "sim_env": sim_env}
        wanted: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if policy_record is not None:
            wanted["policy_key"], wanted["policy_version"] = key_and_version(policy_record)
        condition, values = _condition(wanted)
        return self.rows(f"SELECT COUNT(*) FROM policy_simulation_agent_samples ps WHERE {condition}", values)[0][0]

    def potential_samples_for_metric(self, policy_key: str, policy_version: int, filter: Filter = None) -> int:
        """How many samples of a policy have at least one metric."""
        return self._count(policy_key, policy_version, filter, "", [])

    def count_metric_agents(self, policy_key: str, policy_version: int, metric: str, filter: Filter = None) -> int:
        """How many samples of a policy have this metric."""
        return self._count(policy_key, policy_version, filter, "AND am.metric = ?", [metric])

    def simulation_scores(self, policy_record: PlayedPolicy, metric: str) -> dict[tuple[str, str, str], float]:
        """{(suite, name, env): mean} of a metric over the policy's potential samples of each simulation."""
        key, version = key_and_version(policy_record)
        found = self.rows(
            "SELECT DISTINCT sim_suite, sim_name, sim_env FROM policy_simulation_agent_samples "
            "WHERE policy_key = ? AND policy_version = ? ORDER BY ALL",
            [key, version],
        )
        scores = {}
        for suite, name, env in found:
            one = {"sim_suite": suite, "sim_name": name, "sim_env": env}
            mean = self.get_average_metric_by_filter(metric, policy_record, one)
            if mean is not None:
                scores[suite, name, env] = mean
        return scores

    def metric_by_policy_eval(self, metric: str, policy_record: PlayedPolicy | None = None) -> Any:
        """Mean of a metric by policy and environment, rows of policy_uri, eval_name, value; see `query`."""
        wanted = {}
        if policy_record is not None:
            wanted["policy_key"], wanted["policy_version"] = key_and_version(policy_record)
        condition, values = _condition(wanted)
        return self.query(
            "SELECT policy_key || ':v' || policy_version AS policy_uri, sim_env AS eval_name, "
            "SUM(value) / COUNT(*) AS value FROM ("
            "SELECT ps.policy_key, ps.policy_version, ps.sim_env, "
            "COALESCE(MAX(CASE WHEN am.metric = ? THEN CAST(am.value AS DOUBLE) END), 0) AS value "
            "FROM policy_simulation_agent_samples ps "
            "JOIN agent_metrics am ON am.episode_id = ps.episode_id AND am.agent_id = ps.agent_id "
            f"WHERE {condition} GROUP BY ps.policy_key, ps.policy_version, ps.sim_env, ps.episode_id, ps.agent_id"
            ") GROUP BY policy_uri, eval_name ORDER BY policy_uri, eval_name",
            [metric, *values],
        )

    def _sums(self, metric: str, policy_record: PlayedPolicy, filter: Filter) -> tuple[int, float, float]:
        """Number of potential samples, sum and sum of squares of a metric."""
        key, version = key_and_version(policy_record)
        condition, values = _condition(filter)
        # A view over the samples, so that a condition in SQL sees their columns and no others.
        total, squares = self.rows(
            "SELECT COALESCE(SUM(CAST(am.value AS DOUBLE)), 0), COALESCE(SUM(CAST(am.value AS DOUBLE) ** 2), 0) FROM ("
            f"SELECT * FROM policy_simulation_agent_samples ps WHERE ps.policy_key = ? AND ps.policy_version = ? "
            f"AND ({condition})) s "
            "JOIN agent_metrics am ON am.episode_id = s.episode_id AND am.agent_id = s.agent_id WHERE am.metric = ?",
            [key, version, *values, metric],
        )[0]
        return self.potential_samples_for_metric(key, version, filter), total, squares

    def _count(self, key: str, version: int, filter: Filter, more: str, more_values: Sequence[Any]) -> int:
        condition, values = _condition(filter)
        return self.rows(
            "SELECT COUNT(*) FROM policy_simulation_agent_samples ps WHERE ps.policy_key = ? AND ps.policy_version = ? "
            f"AND ({condition}) AND EXISTS (SELECT 1 FROM agent_metrics am "
            f"WHERE am.episode_id = ps.episode_id AND am.agent_id = ps.agent_id {more})",
            [key, version, *values, *more_values],
        )[0][0]


def _condition(filter: Filter) -> tuple[str, list[Any]]:
    """SQL with `?` for values, and the values."""
    if not filter:
        return "TRUE", []
    if isinstance(filter, str):
        return filter, []
    for column in filter:
        if column not in _SAMPLE_COLUMNS:
            raise ValueError(f"filter: {column!r} is not one of {', '.join(_SAMPLE_COLUMNS)}")
    return " AND ".join(f"ps.{column} = ?" for column in filter), list(filter.values())
