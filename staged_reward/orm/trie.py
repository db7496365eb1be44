"""The distinct token prefixes of many texts, in depth-first order: what a scorer has to compute, each once.

What it does: sorts rows of token ids; what a row shares with the one before it is a path that exists already, the rest are
new nodes. What it does not do: tokenize, run a model.

A node is one distinct prefix. The nodes below node `n` are `n + 1 … ends[n] - 1`, so `m` is `n` or an ancestor of `n`
exactly if `m <= n < ends[m]`: that is the whole attention mask of a packed trie.

Axes: R rows, N nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TokenTrie:
    """Nodes in depth-first order.

    Attributes:
        tokens: N token ids.
        depths: N; how many tokens come before a node in its text, which is its position.
        ends: N; one past the last node below a node.
        leaves: R; the node at which a row ends. Rows that are equal share it.
    """

    tokens: Array
    depths: Array
    ends: Array
    leaves: Array

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> TokenTrie:
        """Build the trie of rows that have at least one token each."""
        arrays = [np.asarray(row, dtype=np.int64) for row in rows]
        order = sorted(range(len(rows)), key=lambda index: list(rows[index]))
        tokens: list[Array] = []
        starts: list[int] = []
        leaves = np.zeros(len(rows), dtype=np.int64)
        path = np.zeros(max(map(len, rows), default=0), dtype=np.int64)
        ends = np.zeros(sum(map(len, rows)), dtype=np.int64)
        num_nodes, before = 0, np.zeros(0, dtype=np.int64)
        for index in order:
            row = arrays[index]
            shared = _num_shared(before, row)
            ends[path[shared : len(before)]] = num_nodes
            path[shared : len(row)] = np.arange(num_nodes, num_nodes + len(row) - shared)
            tokens.append(row[shared:])
            starts.append(shared)
            num_nodes += len(row) - shared
            leaves[index] = path[len(row) - 1]
            before = row
        ends[path[: len(before)]] = num_nodes
        depths = [np.arange(start, start + len(new)) for start, new in zip(starts, tokens, strict=True)]
        return cls(_joined(tokens), _joined(depths), ends[:num_nodes], leaves)

    def __len__(self) -> int:
        return len(self.tokens)


def _num_shared(left: Array, right: Array) -> int:
    """Return how many tokens two rows have in common at their front."""
    length = min(len(left), len(right))
    differs = np.flatnonzero(left[:length] != right[:length])
    return int(differs[0]) if len(differs) else length


def _joined(parts: list[Any]) -> Array:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
