"""Keys and values of what texts begin with, kept from call to call.

The samples of a problem seldom come all at once: they arrive one by one, or the problem comes again in a later step of a
training. What its texts have in common, its prompt first of all, was computed then; here it waits, in blocks of tokens, each
under the digest of all tokens up to its end (as in vLLM's prefix caching, arXiv 2309.06180). Least recently used
blocks go first.

What it does: find blocks, keep blocks, within a limit of memory. What it does not do: run a model, or notice that its
weights have changed: a cache belongs to a model that stays as it is.

Axes: L layers, G heads of keys, T tokens, D size of a head, R texts, K known nodes.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from staged_reward.orm.trie import Array, TokenTrie

BLOCK_SIZE = 16


class PrefixCache:
    """Blocks of keys and values, of one model.

    Args:
        max_bytes: Of all blocks together; 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._blocks: OrderedDict[bytes, torch.Tensor] = OrderedDict()  # L x 2 x G x T x D

    def find(self, tokens_T: Array) -> list[torch.Tensor]:
        """Return the blocks that are known of a beginning, as far as it is known without a gap."""
        names = _names(tokens_T)
        found: list[torch.Tensor] = []
        for name in names:
            block = self._blocks.get(name)
            if block is None:
                break
            found.append(block)
        for name in reversed(names[: len(found)]):  # the last block is of use only after those before it
            self._blocks.move_to_end(name)
        return found

    def keep(self, tokens_T: Array, values_LXGTD: torch.Tensor) -> None:
        """Keep the last blocks of a beginning.

        Args:
            tokens_T: All of its tokens, a multiple of `BLOCK_SIZE`.
            values_LXGTD: Keys and values of its last tokens, a multiple of `BLOCK_SIZE` too.
        """
        num_new = values_LXGTD.shape[3] // BLOCK_SIZE
        new = zip(_names(tokens_T)[-num_new:], torch.split(values_LXGTD, BLOCK_SIZE, dim=3), strict=True)
        for name, block in reversed(list(new)):
            if name not in self._blocks:
                self._blocks[name] = block.contiguous().clone()
                self.num_bytes += _size(block)
        while self.num_bytes > self.max_bytes:
            self.num_bytes -= _size(self._blocks.popitem(last=False)[1])


class Stems:
    """What the texts of each group have in common, as far as blocks go; a trie's nodes that may be known or kept.

    Args:
        trie: Of all texts.
        groups: R; equal for texts that are expected to begin alike, as those of one problem.
        cache: To look into, and to add to.

    Attributes:
        known_K: The nodes that need not be computed, ascending.
    """

    def __init__(self, trie: TokenTrie, groups: Sequence[Hashable], cache: PrefixCache) -> None:
        self._trie, self._cache = trie, cache
        leaves_by_group: dict[Hashable, list[int]] = {}
        for group, leaf in zip(groups, trie.leaves.tolist(), strict=True):
            leaves_by_group.setdefault(group, []).append(leaf)
        blocks_of: dict[int, tuple[torch.Tensor, int]] = {}  # node → its block, and its place there
        self._unfinished: list[tuple[Array, int]] = []  # nodes of a stem, and how many of them are known
        for leaves in leaves_by_group.values():
            stem = _common_path(trie, leaves)
            found = cache.find(trie.tokens[stem])
            num_known = BLOCK_SIZE * len(found)
            for place, node in enumerate(stem[:num_known].tolist()):
                blocks_of[node] = found[place // BLOCK_SIZE], place % BLOCK_SIZE
            if num_known < len(stem):
                self._unfinished.append((stem, num_known))
        self._unfinished.sort(key=lambda pair: int(pair[0][-1]))
        self.known_K = np.array(sorted(blocks_of), dtype=np.int64)
        self._unloaded = self.known_K
        self._blocks_of = blocks_of

    def load(self, cache: DynamicCache, chunk: Array) -> Array:
        """Append what is known of a chunk's ancestors to the model's own cache; return these nodes."""
        following = np.searchsorted(chunk, self._unloaded, side="right")
        is_above = following < len(chunk)
        is_above[is_above] = chunk[following[is_above]] < self._trie.ends[self._unloaded[is_above]]
        nodes, self._unloaded = self._unloaded[is_above], self._unloaded[~is_above]
        if len(nodes):
            pairs = [self._blocks_of[node] for node in nodes.tolist()]
            runs = [list(run) for _, run in itertools.groupby(pairs, key=lambda pair: id(pair[0]))]
            values = torch.cat([run[0][0][:, :, :, run[0][1] : run[-1][1] + 1] for run in runs], dim=3)
            for number, (keys, own) in enumerate(values):
                cache.update(keys[None], own[None], number)
        return nodes

    def keep(self, cache: DynamicCache, nodes: Array) -> None:
        """Keep the stems that are whole now.

        Args:
            cache: The model's own.
            nodes: Of which it has keys and values, in its order; a chunk that has been computed is at the end.
        """
        while self._unfinished and self._unfinished[0][0][-1] <= nodes[-1]:
            stem, num_known = self._unfinished.pop(0)
            if len({(layer.keys.shape, layer.values.shape) for layer in cache.layers}) > 1:
                return  # layers of different sizes make no block
            order = np.argsort(nodes)
            places = order[np.searchsorted(nodes[order], stem[num_known:])]
            index = torch.from_numpy(places).to(cache.layers[0].keys.device)
            parts = [part[0].index_select(1, index) for layer in cache.layers for part in (layer.keys, layer.values)]
            values_LXGTD = torch.stack(parts).view(len(cache.layers), 2, *parts[0].shape)
            if bool(values_LXGTD.isfinite().all()):  # else a program beside it has spoilt it
                self._cache.keep(self._trie.tokens[stem], values_LXGTD)


def _common_path(trie: TokenTrie, leaves: Sequence[int]) -> Array:
    """Return the nodes above all of some leaves, whole blocks of them. No leaf is among them: its output is needed."""
    first, last = min(leaves), max(leaves)
    path = np.flatnonzero(trie.ends[:first] > last)
    ended = np.flatnonzero(np.isin(path, trie.leaves))
    num_free = int(ended[0]) if len(ended) else len(path)
    return path[: num_free - num_free % BLOCK_SIZE]


def _names(tokens_T: Array) -> list[bytes]:
    """Return the digest of each block and all before it."""
    names, name = [], b""
    for start in range(0, len(tokens_T) - BLOCK_SIZE + 1, BLOCK_SIZE):
        block: Any = np.ascontiguousarray(tokens_T[start : start + BLOCK_SIZE])
        name = blake2b(name + block.tobytes(), digest_size=16).digest()
        names.append(name)
    return names


def _size(block: torch.Tensor) -> int:
    return block.numel() * block.element_size()
