#!/usr/bin/env python3
"""Swaps on real nodes, with clients honest and not: what goes wrong between two chains (docs/testing.md).

usage: hazards_swap.py WIRE_TOOL BIN_DIR [NAME...]
"""
import sys

import peers
from world import OTHER, Swap, World, run_tests


def complete(world, source):
    """Both directions to the end. The preimage counts from the mempool on (HAZARDS 7)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        swap.claim()
        # nothing of the client's claim is in a block yet
        swap.wait("claiming")
        swap.sent("claim")
        swap.gets.mine(4)
        assert swap.client_got() == swap.claimed
        swap.finish()
        gain[source], gain[swap.dest] = swap.amount, -swap.dest_amount


TESTS = [complete]


def main():
    run = peers.tool(sys.argv[1])
    with World(run, sys.argv[2]) as world:
        run_tests([(f"{test.__name__}[{source}]", lambda test=test, source=source: test(world, source))
                   for test in TESTS for source in OTHER])
    print("ok")


main()
