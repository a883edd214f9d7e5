"""What the calls inside a block used is counted, by block and by thread."""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from helpers.provider.budget import Tokens
from helpers.provider.meter import Metered, count, current_repeat, metered

CALL = Metered(Tokens(prompt=3), cost=0.0, seconds=0.1, replayed=False)


def test_a_block_counts_its_own_calls_only():
    with metered() as outer:
        count(CALL)
        with metered(repeat=2) as inner:
            count(CALL)
            count(CALL)
            assert current_repeat() == 2
    assert (len(outer), len(inner), current_repeat()) == (1, 2, 0)


def test_a_call_outside_any_block_is_no_error():
    count(CALL)


def test_blocks_on_several_threads_do_not_mix():
    def work(n: int) -> int:
        with metered() as calls:
            for _ in range(n):
                count(CALL)
            return len(calls)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(50))) == list(range(50))
