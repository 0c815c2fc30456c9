#!/usr/bin/env python3
"""What data costs on the first layer, by our formulas and by the OP stack's own contracts on an anvil of BOB's chain id.

    op_fee.py WIRE_TOOL
"""
import random
import sys

import op
import peers

SIZES = (0, 1, 12, 13, 50, 110, 300, 384, 1000)


def samples():
    """Zeros, text that repeats, and bytes that nothing compresses; and a payment as a wallet sends it."""
    draw = random.Random(60808)
    for size in SIZES:
        yield bytes(size)
        yield (b"the same again " * (size // 15 + 1))[:size]
        yield draw.randbytes(size)
    yield bytes.fromhex("02f087ed8880840316cfe4" + "00" * 3 + "830493e094") + draw.randbytes(20) + bytes(40)


def agree(chain, run, fork, fees):
    count = 0
    for raw in samples():
        ours = int(run("op-fee", fork, *fees, *op.SCALARS, raw.hex() or "-")[0])
        theirs = chain.fee(raw)
        assert ours == theirs, f"{fork}, {len(raw)} bytes {raw.hex()[:40]}: ours {ours}, theirs {theirs}"
        count += 1
    print(f"{fork}: {count} fees agree at a base fee of {fees[0]} and {fees[1]} for blobs")


def main(binary):
    run = peers.tool(binary)
    with peers.restartable("bob", chain_id=60808) as node:
        chain = op.Predeploys(node.rpc)
        for fork in ("ecotone", "fjord"):
            chain.turn(fork)
            for fees in (op.FEES, (10 ** 12 + 7, 1), (7, 10 ** 11)):
                chain.tell(fees)
                agree(chain, run, fork, fees)


if __name__ == "__main__":
    main(*sys.argv[1:])
