"""What earlier calls computed is used again: the same logits, less work, memory within its limit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.orm.memory import Budget
from staged_reward.orm.packed import Decoder, leaf_logits
from staged_reward.orm.padded import padded_logits
from staged_reward.orm.prefix_cache import BLOCK_SIZE, PrefixCache, Stems
from staged_reward.orm.scorer import OrmScorer
from staged_reward.orm.trie import TokenTrie
from tests.test_orm_decoders import KINDS, SIZES, make

BEGINNINGS = [[0] * 40, [0] * 20 + [1] * 37, [2, 1, 3] * 25, [0] * 33, []]
CALLS = st.lists(
    st.lists(
        st.tuples(st.integers(0, len(BEGINNINGS) - 1), st.lists(st.integers(0, 3), max_size=30)), min_size=1, max_size=6
    ),
    min_size=1,
    max_size=6,
)
BYTES_OF_BLOCK = (
    2 * 2 * 2 * BLOCK_SIZE * 4 * 4
)  # layers, keys and values, heads of keys, tokens, size of a head, float32


def score(decoder: Decoder, rows: list[list[int]], groups: list[Any], cache: PrefixCache, tokens: int = 64) -> Any:
    trie = TokenTrie.of(rows)
    return leaf_logits(decoder, trie, Budget(tokens), Stems(trie, groups, cache))


@pytest.mark.parametrize("way", ["fused", "tree", "sdpa"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_logits_are_those_of_each_text_alone_whatever_was_scored_before(kind: str, way: str) -> None:
    decoder = make(kind, way)

    @settings(max_examples=15)
    @given(calls=CALLS, tokens=st.integers(1, 200), blocks=st.integers(0, 12))
    def check(calls: list[list[tuple[int, list[int]]]], tokens: int, blocks: int) -> None:
        cache = PrefixCache(blocks * BYTES_OF_BLOCK)
        for call in calls:
            rows = [BEGINNINGS[group] + rest or [0] for group, rest in call]
            found, _ = score(decoder, rows, [group for group, _ in call], cache, tokens)
            expected, _ = padded_logits(decoder.model, rows, SIZES["pad_token_id"], Budget(1))
            assert found == pytest.approx(expected, abs=1e-5)
            assert cache.num_bytes <= cache.max_bytes

    check()


def test_a_beginning_is_computed_in_the_first_call_alone() -> None:
    decoder, cache = make("llama", "fused"), PrefixCache(1 << 20)
    prompt = [0, 1, 2, 3] * 12
    _, first = score(decoder, [[*prompt, 1, 1], [*prompt, 2]], ["p", "p"], cache)
    _, second = score(decoder, [[*prompt, 3, 3], [*prompt, 2], [1, 1]], ["p", "p", "q"], cache)
    assert len(first) == 48 + 3
    assert len(second) == 3 + 2
    assert cache.num_bytes == 3 * BYTES_OF_BLOCK


def test_a_beginning_that_is_longer_than_before_is_gone_on_with() -> None:
    decoder, cache = make("llama", "sdpa"), PrefixCache(1 << 20)
    prompt = [0, 1, 2, 3] * 12
    score(decoder, [[*prompt[:32], 3, 3], [*prompt[:32], 2]], ["p", "p"], cache)
    _, second = score(decoder, [[*prompt, 3], [*prompt, 2]], ["p", "p"], cache)
    _, third = score(decoder, [[*prompt, 3], [*prompt, 2]], ["p", "p"], cache)
    assert (len(second), len(third)) == (16 + 2, 2)


def test_what_was_used_last_is_kept() -> None:
    decoder, cache = make("llama", "sdpa"), PrefixCache(4 * BYTES_OF_BLOCK)
    one, two, three = ([token] * 32 for token in range(3))
    for prompt in (one, two, one, three):  # the last takes the place of the second
        score(decoder, [[*prompt, 3]], ["p"], cache)
    assert [len(score(decoder, [[*prompt, 3]], ["p"], cache)[1]) for prompt in (one, three)] == [1, 1]
    assert len(score(decoder, [[*two, 3]], ["p"], cache)[1]) == 33


def test_what_is_no_number_is_not_kept() -> None:
    decoder, cache = make("llama", "sdpa"), PrefixCache(1 << 20)
    with torch.no_grad():
        decoder.model.model.embed_tokens.weight[3] = torch.nan
    score(decoder, [[0] * 40 + [3], [0] * 40 + [1]], ["p", "p"], cache)
    assert cache.num_bytes in (0, 2 * BYTES_OF_BLOCK)
    found, _ = score(decoder, [[0] * 40 + [2]], ["p"], cache)
    assert found == pytest.approx(padded_logits(decoder.model, [[0] * 40 + [2]], 4, Budget(1))[0], abs=1e-5)


def test_a_scorer_reuses_prompts_and_says_how_much() -> None:
    scorer, fresh = OrmScorer("default"), OrmScorer("default", prefix_cache_mib=0)
    prompt = "def add(a, b):\n" + '    """Return the sum of two numbers, whichever they are."""\n' * 3
    programs = [f"{prompt}    return a + b + {number}\n" for number in range(6)]
    for start in (0, 3):
        given = [prompt] * 3, programs[start : start + 3]
        assert scorer.score(*given) == pytest.approx(fresh.score(*given), abs=1e-4)
    assert fresh.cost.reused == 0
    assert scorer.cost.reused > 0.3 * scorer.cost.distinct_prefixes
    assert scorer.cost.computed + scorer.cost.reused == scorer.cost.distinct_prefixes == fresh.cost.computed


def test_negative_memory_is_refused() -> None:
    with pytest.raises(InputError, match="prefix_cache_mib=-1"):
        OrmScorer("default", prefix_cache_mib=-1)
