"""The cache of policies."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metta_jax.store.cache import LRUCache


@pytest.mark.parametrize("size", [0, -1])
def test_the_size_is_positive(size: int) -> None:
    with pytest.raises(ValueError, match="^Cache size must be positive$"):
        LRUCache(size)


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache: LRUCache[int] = LRUCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert cache.keys() == ["a", "c"]
    assert cache.get("b") is None
    cache.put("a", 4)
    assert (cache.get("a"), len(cache)) == (4, 2)
    cache.discard("a")
    cache.discard("a")
    assert "a" not in cache
    cache.clear()
    assert not cache.keys()


@given(st.integers(1, 4), st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=40))
def test_it_is_what_a_list_in_order_of_use_does(size: int, operations: list[tuple[bool, int]]) -> None:
    cache: LRUCache[int] = LRUCache(size)
    model: list[str] = []
    for is_put, number in operations:
        key = str(number)
        if is_put:
            cache.put(key, number)
            model = [*(other for other in model if other != key), key][-size:]
        else:
            assert cache.get(key) == (number if key in model else None)
            model = [*(other for other in model if other != key), key] if key in model else model
        assert cache.keys() == model


def test_many_threads_at_once() -> None:
    cache: LRUCache[int] = LRUCache(5)
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for step in range(500):
                number = (seed * 7 + step * 3) % 11
                cache.put(str(number), number)
                assert cache.get(str(number)) in (None, number)
                cache.discard(str((number + 1) % 11))
                assert len(cache) <= 5
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
