#!/usr/bin/env python3
"""Swaps on real nodes with clients honest and not: what goes wrong between two chains (docs/testing.md, "Hazards").

usage: hazards_swap.py WIRE_TOOL BIN_DIR [NAME...]
"""
import hashlib
import secrets
import sys

import peers
from world import COIN, OTHER, HttpError, Swap, World, run_tests, units


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
        swap.settled(gain)


def refund(world, source):
    """Nobody reveals: each side takes its own lock-up back, from its time lock on and not before."""
    with world.money():
        swap = Swap(world, source)
        swap.until_locked()
        swap.gets.mine(swap.dest_timelock - 1 - swap.gets.height())
        world.sync()
        assert swap.now()["state"] == "dest_locked" and not swap.now()["refund_transactions"]
        swap.gets.mine()
        swap.refunded()
        swap.pass_source_timelock()
        swap.refund()


def late_claim(world, source):
    """The client claims when our refund is already sent (HAZARDS 3, 8, 9): its claim wins, our refund fails or is
    replaced, and we take the source."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        swap.gets.mine(swap.dest_timelock - swap.gets.height())
        swap.wait("refunding")
        swap.sent("refund")
        swap.claim(rate=50000)
        swap.gets.mine(1)
        assert swap.client_got() == swap.claimed
        swap.wait("claiming")
        swap.finish()
        swap.settled(gain)


def wrong_amount(world, source):
    """Too little, too much: not ours, not answered, and the client's to take back (HAZARDS 18). A right one after them
    counts."""
    with world.money() as gain:
        swap = Swap(world, source)
        bad = []
        for amount in (swap.amount - 1, swap.amount + 1, swap.amount // 10):
            swap.lock(amount)
            swap.gives.mine()
            bad.append((amount, swap.locked if source == "bitcoin" else None))
        swap.gives.mine(3)
        world.sync()
        assert (now := swap.now())["state"] == "offered" and now["source"]["lock"]["state"] == "wrong", now
        swap.until_locked()
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        swap.pass_source_timelock()
        for amount, at in bad:
            swap.refund(at, amount)
        swap.settled(gain)


def wrong_amount_alone(world, source):
    """Nothing but a wrong lock-up until the offer ends: declined, and refunded whole. Ends in `ended`."""
    swap = Swap(world, source)
    swap.lock(swap.amount - 1)
    swap.gives.mine(3)
    world.sync()
    assert swap.state() == "offered"
    world.ending.append((swap, "declined"))


def never_locked(world, source):
    """Nothing at all until the offer ends. Ends in `ended`."""
    world.ending.append((Swap(world, source), "expired"))


def ended(world, source):
    """Offers have run out meanwhile; what was locked all the same goes back."""
    with world.money():
        for swap, state in world.ending:
            if swap.source != source:
                continue
            swap.wait(state)
            if state == "declined":
                swap.pass_source_timelock()
                swap.refund(amount=swap.amount - 1)


def two_in_one(world, source):
    """Two right lock-ups in one transaction: bound by outpoint, one counts, the other stays the client's (HAZARDS 18)."""
    if source != "bitcoin":
        return  # the contract has one lock-up for one set of terms
    with world.money() as gain:
        swap = Swap(world, source)
        txid = world.bitcoin.pay([(swap.amount, swap.script), (swap.amount, swap.script)])
        world.bitcoin.mine(2)
        swap.until_dest_locked()
        swap.claim()
        swap.gets.mine(4)
        bound = swap.now()["source"]["lock"]["index"]
        swap.finish()
        assert world.bitcoin.rpc.gettxout(txid, bound) is None
        swap.pass_source_timelock()
        swap.refund((txid, 1 - bound))
        swap.settled(gain)


def coinbase(world, source):
    """A lock-up by a miner's own output can vanish with its block for ever: refused."""
    if source != "bitcoin":
        return
    with world.money():
        world.bitcoin.mine(max(0, 300 - world.bitcoin.height()))
        world.sync()
        subsidy = 50 * COIN >> (world.bitcoin.height() + 1) // 150
        swap = Swap(world, source, f"{subsidy / COIN:.8f}")
        block = world.bitcoin.rpc.generateblock(swap.address, [])["hash"]
        (txid,) = world.bitcoin.rpc.getblock(block)["tx"]
        world.bitcoin.mine(4)
        world.sync()
        now = swap.now()
        assert now["state"] == "offered" and now["source"]["lock"]["state"] == "wrong", now
        assert units("bitcoin", now["source"]["lock"]["amount"]) == swap.amount
        world.bitcoin.mine(101)
        swap.pass_source_timelock()
        swap.refund((txid, 0))


def late_lock(world, source):
    """A lock-up that is right but so late that ours could outlive it is not answered (HAZARDS 1, 2)."""
    with world.money():
        swap = Swap(world, source)
        swap.gives.mine(swap.timelock - 70 - swap.gives.height())
        swap.lock()
        swap.gives.mine(3)
        assert "too late" in swap.wait("declined")["reason"]
        assert not swap.now()["lock_transactions"]
        swap.pass_source_timelock()
        swap.refund()


def replaced(world, source):
    """The lock-up is replaced before it confirms: by one with another id, by nothing, and made again (HAZARDS 17)."""
    with world.money() as gain:
        first, second = Swap(world, source), Swap(world, source)
        for swap in (first, second):
            swap.lock()
        if source == "bitcoin":
            for swap in (first, second):
                swap.wait("source_seen")
            coins = {s: [(v["txid"], v["vout"]) for v in world.bitcoin.rpc.getrawtransaction(s.locked[0], 1)["vin"]]
                     for s in (first, second)}
            was = first.locked
            first.locked = world.bitcoin.pay([(first.amount, first.script)], coins[first], rate=30), 0
            assert first.locked != was
            world.bitcoin.pay([(10000, world.bitcoin.client_script)], coins[second], rate=30)
        else:
            nonce = int(world.rootstock.rpc.eth_getTransactionCount(second.pays, "latest"), 16) + 1
            world.rootstock.rpc.eth_sendTransaction({
                "from": second.pays, "to": second.pays, "gas": hex(21000), "gasPrice": hex(10**9), "nonce": hex(nonce)})
        first.gives.mine(3)
        first.until_dest_locked()
        world.sync()
        assert second.state() in ("offered", "source_seen") and not second.now()["lock_transactions"]
        second.until_locked()
        for swap in (first, second):
            swap.claim()
        first.gets.mine(4)
        first.finish(second)
        for swap in (first, second):
            swap.settled(gain)


def reorg_before(world, source):
    """The lock-up leaves the chain before we answer; nothing is locked until it is deep again (HAZARDS 14)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.lock()
        swap.gives.mine(1)
        swap.wait("source_seen")
        world.reorg(source, 1)
        world.sync()
        assert swap.state() in ("offered", "source_seen") and not swap.now()["lock_transactions"]
        if source == "rootstock":
            swap.lock()  # anvil forgets what was in the block
        swap.gives.mine(2)
        swap.until_dest_locked()
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        swap.settled(gain)


def reorg_after(world, source):
    """The lock-up leaves the chain after we locked, and comes back: we hold, then settle (HAZARDS 14)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        world.reorg(source, 2)
        world.sync()
        assert swap.state() == "dest_locked"
        swap.claim()
        swap.gets.mine(4)
        swap.wait("claiming")
        world.sync()
        if source == "rootstock":
            swap.lock()
        swap.gives.mine(3)
        swap.finish()
        swap.settled(gain)


def reorg_after_for_good(world, source):
    """The lock-up leaves the chain after we locked and never comes back; the client stays silent. We take ours back."""
    with world.money():
        swap = Swap(world, source)
        swap.until_locked()
        world.reorg(source, 2)
        if source == "bitcoin":
            coins = [(v["txid"], v["vout"]) for v in world.bitcoin.rpc.getrawtransaction(swap.locked[0], 1)["vin"]]
            world.bitcoin.pay([(10000, world.bitcoin.client_script)], coins, rate=40)
        swap.gives.mine(4)
        world.sync()
        assert swap.state() == "dest_locked"
        swap.gets.mine(swap.dest_timelock - swap.gets.height())
        swap.refunded()


def reorg_ours(world, source):
    """Our own lock-up, then our own claim leave the chain and the mempool: sent again (HAZARDS 16), by the same nonce or
    input (HAZARDS 13); final only at depth."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        world.reorg(swap.dest, 2)
        swap.wait("dest_locking")
        swap.sent("lock")
        swap.gets.mine(2)
        swap.wait("dest_locked")
        swap.see_lock()
        swap.claim()
        swap.gets.mine(4)
        swap.sent("claim")
        swap.gives.mine(1)
        world.sync()
        (claim,) = swap.now()["claim_transactions"]
        assert claim["confirmations"] == 1
        world.reorg(source, 1)
        world.sync()
        assert swap.state() == "claiming" and swap.now()["claim_transactions"][0]["confirmations"] == 0
        swap.finish()
        swap.settled(gain)


def third_party(world, source):
    """On Rootstock anybody may finish: our claim when we are the claimant, our refund (HAZARDS 9, 10). Ours reverts."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        evm = world.rootstock
        if source == "rootstock":
            swap.claim()
            swap.wait("claiming")
            ours = swap.sent("claim")
            data = evm.call("claim", swap.hash, swap.amount, world.account, swap.pays, swap.timelock, swap.preimage.hex())
            theirs = evm.post(evm.stranger, evm.contract, 0, data, price=10**10)
            evm.mine(4)
            swap.gets.mine(4)
            swap.wait("completed")
            swap.settled(gain)
        else:
            evm.mine(swap.dest_timelock - evm.height())
            swap.wait("refunding")
            ours = swap.sent("refund")
            theirs = evm.post(evm.stranger, evm.contract, 0, evm.call("refund-for", *swap.dest_terms), price=10**10)
            evm.mine(4)
            swap.wait("refunded")
            swap.pass_source_timelock()
            swap.refund()
        assert evm.receipt(theirs)["status"] == "0x1" and evm.receipt(ours)["status"] == "0x0"


def dust_under_our_hash(world, source):
    """A stranger locks dust with our hash, before and after: to us, to itself; it neither binds nor keeps out the right
    one (HAZARDS 18, 34)."""
    with world.money() as gain:
        swap = Swap(world, source)
        evm = world.rootstock
        locks = []

        def dust(claim, value):
            terms = (swap.hash, value, claim, evm.locker, evm.height() + 500)
            evm.post(evm.locker, evm.contract, value, evm.call("lock", *terms))
            locks.append(terms)

        for n in range(4):
            dust(world.account, n + 1)
            dust(evm.stranger, n + 1)
        evm.mine(3)
        world.sync()
        assert swap.state() == "offered"
        swap.until_locked()
        for n in range(4):
            dust(swap.me, n + 10)
        evm.mine(3)
        world.sync()
        assert swap.state() == "dest_locked"
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        # the preimage is public now: whoever likes pays us the dust, or lets it lie
        for terms in locks[:3]:
            receipt = evm.send(evm.stranger, evm.contract, 0, evm.call("claim", *terms, swap.preimage.hex()))
            assert receipt["status"] == "0x1"
            gain["rootstock"] += terms[1] if terms[2] == world.account else 0
        evm.mine(4)
        world.provider.wait("a word on what arrived unexplained", lambda: "in suspense:in" in (
            world.provider.root / "log").read_text())
        swap.settled(gain)


def forged_event(world, source):
    """Another contract emits what ours would: the same topics, the same data (HAZARDS 34)."""
    if source != "rootstock":
        return
    with world.money():
        swap = Swap(world, source)
        evm = world.rootstock
        # LOG4 with data = calldata[128:192] and the topics from calldata[0:128]
        runtime = "6040608060003760606040356020356000 35604060 00a400".replace(" ", "")
        runtime = "60406080600037" + "606035604035602035600035" + "60406000a4" + "00"
        size = len(runtime) // 2
        create = f"60{size:02x}600c60003960{size:02x}6000f3" + runtime
        forger = evm.send(evm.stranger, None, 0, create)["contractAddress"]
        lock = swap.lock_call()
        word = lambda text: text.lower().removeprefix("0x").rjust(64, "0")
        topic = "15b4b8206809535e547317cd5cedc86cff6e7d203551f93701786ddaf14fd9f9"
        data = (topic + swap.hash + word(world.account) + word(swap.pays) + f"{swap.amount:064x}" + f"{swap.timelock:064x}")
        receipt = evm.send(evm.stranger, forger, swap.amount, data)
        (log,) = receipt["logs"]
        assert log["topics"][1] == "0x" + swap.hash and receipt["status"] == "0x1" and lock
        evm.mine(4)
        world.sync()
        assert swap.state() == "offered" and swap.now()["source"]["lock"] is None


def other_terms(world, source):
    """A lock-up of the right amount with another time lock, or another refund address: not the advertised one
    (HAZARDS 19)."""
    if source != "rootstock":
        return  # other terms are another script on Bitcoin: nobody looks there
    with world.money():
        swap = Swap(world, source)
        evm = world.rootstock
        evm.post(swap.pays, evm.contract, swap.amount, swap.lock_call(timelock=swap.timelock - 1))
        evm.post(swap.pays, evm.contract, swap.amount, swap.lock_call(timelock=swap.timelock + 1))
        evm.post(evm.stranger, evm.contract, swap.amount, swap.lock_call(refund=evm.stranger))
        evm.mine(4)
        world.sync()
        assert (now := swap.now())["state"] == "offered" and now["source"]["lock"]["state"] == "wrong", now
        evm.mine(swap.timelock + 1 - evm.height())
        for timelock in (swap.timelock - 1, swap.timelock + 1):
            swap.refund(timelock=timelock)


def hash_reuse(world, source):
    """One hash, one swap, for ever, whatever the direction (HAZARDS 27)."""
    with world.money():
        swap = Swap(world, source)
        for other in OTHER:
            try:
                Swap(world, other, preimage=swap.preimage)
            except HttpError as e:
                assert e.problem["code"] == "hash_used", e
            else:
                raise AssertionError("the hash was taken again")
        for used in world.used:
            try:
                Swap(world, source, preimage=used)
            except HttpError as e:
                assert e.problem["code"] == "hash_used", e
            else:
                raise AssertionError("the hash was taken again")


def short_preimage(world, source):
    """A hash whose preimage is not 32 bytes: nobody can claim with it on any leg, so nobody reveals it (HAZARDS 47)."""
    with world.money():
        short = secrets.token_bytes(31)
        swap = Swap(world, source, preimage=short, digest=hashlib.sha256(short).hexdigest())
        swap.until_locked()
        if swap.dest == "bitcoin":
            for rate in (2000, 5000):
                (answer,) = world.bitcoin.rpc.testmempoolaccept([swap.claim_raw(rate=rate)[0]])
                assert not answer["allowed"] and "script-verify-flag" in answer["reject-reason"], answer
        else:
            data = world.rootstock.call("claim", *swap.dest_terms, "00" * 32)
            for padded in (short + b"\0", b"\0" + short):
                call = data.replace("00" * 32, padded.hex(), 1)
                assert world.rootstock.send(world.rootstock.stranger, world.rootstock.contract, 0, call)["status"] == "0x0"
        world.sync()
        assert swap.state() == "dest_locked"
        swap.gets.mine(swap.dest_timelock - swap.gets.height())
        swap.refunded()
        swap.pass_source_timelock()
        swap.refund()


def change_in_flight(world, source):
    """Swaps that need the change of each other's unconfirmed lock-ups: they wait, none is lost, none is locked twice."""
    if source != "rootstock":
        return
    with world.money() as gain:
        swaps = [Swap(world, source, "0.4") for _ in range(4)]
        for swap in swaps:
            swap.lock()
        world.rootstock.mine(3)
        for _ in range(8):
            world.sync()
            world.bitcoin.mine()
        for swap in swaps:
            swap.wait("dest_locked")
            swap.see_lock()
        for swap in swaps:
            swap.claim()
        world.bitcoin.mine(4)
        swaps[0].finish(*swaps[1:])
        for swap in swaps:
            swap.settled(gain)


TESTS = [wrong_amount_alone, never_locked, complete, refund, late_claim, wrong_amount, two_in_one, coinbase, late_lock,
         replaced, reorg_before, reorg_after, reorg_after_for_good, reorg_ours, third_party, dust_under_our_hash,
         forged_event, other_terms, hash_reuse, short_preimage, change_in_flight, ended]


def main():
    run = peers.tool(sys.argv[1])
    with World(run, sys.argv[2], ["swap.offer_ttl_ms=25000", "swap.quote_ttl_ms=10000", "bitcoin.swap_max=30"], funds=["0.7"] * 3,
               rootstock_funds="60") as world:
        world.ending = []
        run_tests([(f"{test.__name__}[{source}]", lambda test=test, source=source: test(world, source))
                   for test in TESTS for source in OTHER])
    print("ok")


main()
