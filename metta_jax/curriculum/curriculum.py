"""A curriculum: which task is played next, and what is learned from the score of an episode.

Tasks are numbered: the variants of all tasks, in order, those of nested curricula in their place. V = number of all
variants, n = number of children of one curriculum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from grid_kernels.compiled import compiled
from metta_jax.config import EnvConfig
from metta_jax.curriculum.completions import (
    Completions,
    add_completion,
    forget_scores,
    mean_scores,
    no_completions,
    shares,
)
from metta_jax.curriculum.rule import Rule, probabilities


@dataclass(frozen=True)
class Task:
    """A world to be played, in one or several variants that stand for its sampled numbers: each episode takes one."""

    name: str
    variants: tuple[EnvConfig, ...]

    @property
    def num_variants(self) -> int:
        return len(self.variants)


class CurriculumState(flax.struct.PyTreeNode):
    """The state of a curriculum and of those nested in it; one for all environments."""

    rule: Any
    completions: Completions
    nested: tuple[CurriculumState, ...]
    num_ignored: jax.Array  # int32 []: episodes whose score was not finite; only the outermost curriculum counts


@dataclass(frozen=True, eq=False)
class Curriculum:
    """Pure functions over a `CurriculumState`. Made by `make_curriculum`, or from the kinds of this package.

    Attributes:
      name: what a curriculum around this one calls it.
      children: tasks or curricula.
      rule: how children are chosen.
    """

    name: str
    children: tuple[Task | Curriculum, ...]
    rule: Rule

    def __post_init__(self) -> None:
        if len(self.children) != self.rule.num_children:
            raise ValueError(f"children: {len(self.children)} for a rule of {self.rule.num_children}")

    # -- the pure functions -----------------------------------------------------------------------------------------

    def init(self, key: jax.Array | None = None) -> CurriculumState:
        """The state before the first episode.

        Args:
          key: typed key for what a curriculum draws other than tasks (active sets); None: key 0. Kept in the state.
        """
        keys = jax.random.split(jax.random.key(0) if key is None else key, 1 + len(self._nested))
        nested = tuple(child.init(keys[1 + i]) for i, child in enumerate(self._nested))
        return CurriculumState(
            self.rule.init(keys[0]), no_completions(len(self.children)), nested, jnp.zeros((), jnp.int32)
        )

    @compiled
    def sample(self, state: CurriculumState, key: jax.Array) -> jax.Array:
        """The number of a task, int32 [], for the next episode. Consumes `key`."""
        child_key, key = jax.random.split(key)
        child = jax.random.categorical(child_key, jnp.log(self.probabilities(state))).astype(jnp.int32)

        def variant(key: jax.Array) -> jax.Array:
            return jax.random.randint(key, (), 0, jnp.asarray(self._sizes)[child], jnp.int32)

        def inside(curriculum: Curriculum, state: CurriculumState) -> Callable[[jax.Array], jax.Array]:
            return lambda key: curriculum.sample(state, key)

        branches = [variant, *map(inside, self._nested, state.nested)]
        return jnp.asarray(self._first)[child] + jax.lax.switch(jnp.asarray(self._branch)[child], branches, key)

    @compiled
    def complete(
        self, state: CurriculumState, index: jax.Array, score: jax.Array, mask: jax.Array | bool = True
    ) -> CurriculumState:
        """The state after one or several episodes, which are applied in their order. Costs little if there are none.

        A score that is NaN or infinite would stay in the averages forever, so it is only counted.

        Args:
          index: int32 [] or [N], numbers of the tasks that were played.
          score: float32 [] or [N], mean over agents of the episode's reward before group sharing.
          mask: bool [] or [N], which of them ended.
        """
        index, score = jnp.atleast_1d(jnp.asarray(index, jnp.int32)), jnp.atleast_1d(jnp.asarray(score, jnp.float32))
        mask = jnp.broadcast_to(jnp.atleast_1d(jnp.asarray(mask, bool)), index.shape)

        def one(state: CurriculumState, i: jax.Array) -> CurriculumState:
            return self._count_or_complete(state, index[i], score[i])

        return _for_each(mask, one, state)

    @compiled
    def advance(
        self, state: CurriculumState, task: jax.Array, score: jax.Array, done: jax.Array, keys: jax.Array
    ) -> tuple[CurriculumState, jax.Array]:
        """For each environment whose episode ended, in their order: `complete`, then `sample` of its next task.

        Args:
          task: int32 [N], what is played now. score: float32 [N]. done: bool [N]. keys: [N] typed, one is consumed for
            each episode that ended.

        Returns:
          The state and the tasks to be played from now on, int32 [N].
        """

        def one(carry: tuple[CurriculumState, jax.Array], i: jax.Array) -> tuple[CurriculumState, jax.Array]:
            state, task = carry
            state = self._count_or_complete(state, task[i], score[i])
            return state, task.at[i].set(self.sample(state, keys[i]))

        return _for_each(done, one, (state, task))

    def probabilities(self, state: CurriculumState) -> jax.Array:
        """With which probability each child is drawn, float32 [n]."""
        return probabilities(self.rule.weights(state.rule))

    def stats(self, state: CurriculumState) -> dict[str, jax.Array]:
        """Numbers for logs, [] each.

        curriculum_task_probs/<id>; task_completions/<id>, the share in the last 501 episodes; task_reward/<short
        name>/rewards.mean of the episodes since `begin_rollout`, NaN if there was none; and those of the kind. Nested
        curricula add theirs, with "<child>:" after the first "/". curriculum/ignored_scores: episodes
        that were ignored because their score was not finite.
        """
        return {**self._stats(state), "curriculum/ignored_scores": state.num_ignored}

    def _stats(self, state: CurriculumState) -> dict[str, jax.Array]:
        probs, share, score = self.probabilities(state), shares(state.completions), mean_scores(state.completions)
        stats = dict(self.rule.stats(state.rule))
        for i, (name, short) in enumerate(zip(self.child_names, _short_names(self.child_names), strict=True)):
            stats[f"curriculum_task_probs/{name}"] = probs[i]
            stats[f"task_completions/{name}"] = share[i]
            stats[f"task_reward/{short}/rewards.mean"] = score[i]
        for curriculum, inner in zip(self._nested, state.nested, strict=True):
            for key, value in curriculum._stats(inner).items():
                family, slash, rest = key.partition("/")
                stats[f"{family}/{curriculum.name}:{rest}" if slash else f"{family}/{curriculum.name}"] = value
        return stats

    def begin_rollout(self, state: CurriculumState) -> CurriculumState:
        """Scores are averaged from here on; nothing else changes."""
        nested = tuple(child.begin_rollout(s) for child, s in zip(self._nested, state.nested, strict=True))
        return state.replace(completions=forget_scores(state.completions), nested=nested)

    # -- static facts -----------------------------------------------------------------------------------------------

    @property
    def num_variants(self) -> int:
        """V."""
        return int(self._sizes.sum())

    @property
    def child_names(self) -> tuple[str, ...]:
        return tuple(child.name for child in self.children)

    @cached_property
    def task_names(self) -> tuple[str, ...]:
        """By number. Variants of a task share its name; a task of a nested curriculum is called "parent:child"."""
        names: list[str] = []
        for child in self.children:
            if isinstance(child, Task):
                names += [child.name] * child.num_variants
            else:
                names += [f"{child.name}:{name}" for name in child.task_names]
        return tuple(names)

    @cached_property
    def env_configs(self) -> tuple[EnvConfig, ...]:
        """By number."""
        configs: list[EnvConfig] = []
        for child in self.children:
            configs += child.variants if isinstance(child, Task) else child.env_configs
        return tuple(configs)

    # -- helpers ----------------------------------------------------------------------------------------------------

    @property
    def _nested(self) -> tuple[Curriculum, ...]:
        return tuple(child for child in self.children if isinstance(child, Curriculum))

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.asarray([child.num_variants for child in self.children], np.int32)

    @cached_property
    def _first(self) -> np.ndarray:
        """The number of each child's first task."""
        return (np.cumsum(self._sizes) - self._sizes).astype(np.int32)

    @cached_property
    def _branch(self) -> np.ndarray:
        """0 for a task, else 1 + which nested curriculum a child is."""
        is_nested = np.asarray([isinstance(child, Curriculum) for child in self.children])
        return np.where(is_nested, np.cumsum(is_nested), 0).astype(np.int32)

    def _count_or_complete(self, state: CurriculumState, index: jax.Array, score: jax.Array) -> CurriculumState:
        """`_complete_one`, unless the score is not finite."""
        return jax.lax.cond(
            jnp.isfinite(score),
            lambda s: self._complete_one(s, index, score),
            lambda s: s.replace(num_ignored=s.num_ignored + 1),
            state,
        )

    def _complete_one(self, state: CurriculumState, index: jax.Array, score: jax.Array) -> CurriculumState:
        """An episode that ended; nested curricula hear of theirs, and their ancestors of the child it belongs to."""
        owner = np.repeat(np.arange(len(self.children), dtype=np.int32), self._sizes)
        child = jnp.asarray(owner)[index]
        nested = list(state.nested)
        for i, curriculum in enumerate(self._nested):
            inner = index - int(self._first[self._branch == i + 1][0])
            nested[i] = jax.lax.cond(
                jnp.asarray(self._branch)[child] == i + 1,
                lambda s, curriculum=curriculum, inner=inner: curriculum._complete_one(s, inner, score),
                lambda s: s,
                nested[i],
            )
        return CurriculumState(
            rule=self.rule.learn(state.rule, child, score),
            completions=add_completion(state.completions, child, score),
            nested=tuple(nested),
            num_ignored=state.num_ignored,
        )


def _for_each(mask: jax.Array, fn: Callable[[Any, jax.Array], Any], carry: Any) -> Any:
    """`fn(carry, i)` for every i with `mask` [N], in order. Loops over those alone, so none costs little."""
    (order,) = jnp.nonzero(mask, size=mask.shape[0], fill_value=0)
    order = order.astype(jnp.int32)
    return jax.lax.fori_loop(0, jnp.sum(mask, dtype=jnp.int32), lambda turn, c: fn(c, order[turn]), carry)


def _short_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """What stands after the last "/"; the whole names if those are not all different."""
    short = tuple(name.rsplit("/", 1)[-1] for name in names)
    return short if len(set(short)) == len(short) else names
