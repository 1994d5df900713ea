"""Spanning trees of a grid of rooms: which walls of a maze to open."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from metta_jax.mapgen.numbers import permutation

Node: TypeAlias = tuple[int, int]
"""Row and column of a room."""

Edge: TypeAlias = tuple[Node, Node]

Algorithm: TypeAlias = Literal["kruskal", "dfs", "prim"]


def spanning_tree(rows: int, columns: int, algorithm: Algorithm, rng: np.random.Generator) -> list[Edge]:
    """Edges between neighboring rooms that connect all rooms without a circle, rows columns - 1 of them.

    kruskal: edges in random order, as long as they close no circle. dfs: a walk into random unseen neighbors that
    turns back where there are none, which gives long corridors. prim: grows from a room by random edges of its rim.
    """
    if algorithm == "kruskal":
        return _kruskal(rows, columns, rng)
    return _dfs(rows, columns, rng) if algorithm == "dfs" else _prim(rows, columns, rng)


def _kruskal(rows: int, columns: int, rng: np.random.Generator) -> list[Edge]:
    edges: list[Edge] = [((row, column), (row, column + 1)) for row in range(rows) for column in range(columns - 1)]
    edges += [((row, column), (row + 1, column)) for row in range(rows - 1) for column in range(columns)]
    parent = {(row, column): (row, column) for row in range(rows) for column in range(columns)}

    def root(node: Node) -> Node:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    tree = []
    for index in permutation(len(edges), rng):
        first, second = edges[index]
        a, b = root(first), root(second)
        if a != b:
            parent[a] = b
            tree.append(edges[index])
    return tree


def _dfs(rows: int, columns: int, rng: np.random.Generator) -> list[Edge]:
    start = (int(rng.integers(rows)), int(rng.integers(columns)))
    seen, path, tree = {start}, [start], []
    while path:
        unseen = [node for node in _neighbors(path[-1], rows, columns) if node not in seen]
        if not unseen:
            path.pop()
            continue
        node = unseen[int(rng.integers(len(unseen)))]
        tree.append((path[-1], node))
        seen.add(node)
        path.append(node)
    return tree


def _prim(rows: int, columns: int, rng: np.random.Generator) -> list[Edge]:
    start = (int(rng.integers(rows)), int(rng.integers(columns)))
    seen, tree = {start}, []
    rim: list[Edge] = [(start, node) for node in _neighbors(start, rows, columns)]
    while rim:
        index = int(rng.integers(len(rim)))
        rim[index], rim[-1] = rim[-1], rim[index]
        edge = rim.pop()
        node = edge[1]
        if node not in seen:
            seen.add(node)
            tree.append(edge)
            rim += [(node, other) for other in _neighbors(node, rows, columns) if other not in seen]
    return tree


def _neighbors(node: Node, rows: int, columns: int) -> list[Node]:
    row, column = node
    around = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    return [(r, c) for r, c in around if 0 <= r < rows and 0 <= c < columns]
