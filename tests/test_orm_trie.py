"""The trie of token rows against its definition: the set of distinct prefixes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from staged_reward.orm.trie import TokenTrie

ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=12)


def ancestors(trie: TokenTrie, node: int) -> list[int]:
    """Return a node and those above it, as the attention mask has them."""
    return [other for other in range(len(trie)) if other <= node < trie.ends[other]]


@given(ROWS)
def test_nodes_are_the_distinct_prefixes(rows: list[list[int]]) -> None:
    prefixes = {tuple(row[:length]) for row in rows for length in range(1, len(row) + 1)}
    assert len(TokenTrie.of(rows)) == len(prefixes)


@given(ROWS)
def test_what_a_leaf_sees_is_its_row_in_order(rows: list[list[int]]) -> None:
    trie = TokenTrie.of(rows)
    for row, leaf in zip(rows, trie.leaves, strict=True):
        seen = ancestors(trie, int(leaf))
        assert [int(trie.tokens[node]) for node in seen] == row
        assert [int(trie.depths[node]) for node in seen] == list(range(len(row)))


@given(ROWS)
def test_the_order_of_rows_does_not_matter(rows: list[list[int]]) -> None:
    forward, backward = TokenTrie.of(rows), TokenTrie.of(rows[::-1])
    assert forward.tokens.tolist() == backward.tokens.tolist()
    assert forward.leaves.tolist() == backward.leaves.tolist()[::-1]


def test_no_rows_give_no_nodes() -> None:
    assert len(TokenTrie.of([])) == 0
