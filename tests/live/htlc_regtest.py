#!/usr/bin/env python3
"""The swap tree and our own transactions on Bitcoin Core: what consensus and policy accept, and nothing else.

usage: htlc_regtest.py WIRE_TOOL
"""
import hashlib
import sys

import peers

COIN = 10**8
RATE = 2000


def sats(value):
    return round(value * COIN)


class Node:
    def __init__(self, rpc, wallet, run):
        self.rpc, self.wallet, self.run = rpc, wallet, run

    def height(self):
        return self.rpc.getblockcount()

    def mine(self, count=1):
        self.wallet.generatetoaddress(count, self.wallet.getnewaddress())

    def fund(self, address, script, amount):
        """Pay an address and mine; (txid, output index)."""
        txid = self.wallet.sendtoaddress(address, f"{amount / COIN:.8f}")
        self.mine()
        for out in self.rpc.getrawtransaction(txid, 1)["vout"]:
            if out["scriptPubKey"]["hex"] == script:
                assert sats(out["value"]) == amount
                assert out["scriptPubKey"]["type"] == "witness_v1_taproot"
                return txid, out["n"]
        raise AssertionError("the node reads the address as another script")

    def check(self, raw):
        (answer,) = self.rpc.testmempoolaccept([raw])
        return answer

    def refused(self, raw, why):
        answer = self.check(raw)
        assert not answer["allowed"] and why in answer["reject-reason"], answer
        try:
            self.rpc.sendrawtransaction(raw)
        except peers.RpcError as e:
            assert e.code in (-26, -25), e.code
        else:
            raise AssertionError("sent")

    def accepted(self, raw, txid, vsize, fee):
        answer = self.check(raw)
        assert answer["allowed"], answer
        assert answer["txid"] == txid and answer["vsize"] == vsize, (answer, txid, vsize)
        assert sats(answer["fees"]["base"]) == fee, (answer, fee)
        assert self.rpc.sendrawtransaction(raw) == txid
        self.mine()
        assert self.rpc.getrawtransaction(txid, 1)["confirmations"] == 1


class Lock:
    """Value locked to the terms on the source leg: the provider claims, the client refunds."""

    def __init__(self, node, name, amount, timelock, claim="provider", refund="client", paid=None):
        self.node, self.amount = node, paid or amount
        self.preimage = hashlib.sha256(name.encode()).digest()
        digest = hashlib.sha256(self.preimage).hexdigest()
        self.terms = [digest, claim, refund, timelock, amount]
        address, script = node.run("btc-lock", *self.terms)
        self.txid, self.index = node.fund(address, script, self.amount)

    def spend(self, leaf, preimage=None, tip=None):
        # the script comes from the terms as agreed, the value from the chain
        terms = self.terms[:4] + [self.amount]
        extra = [(self.preimage if preimage is None else preimage).hex()] if leaf == "claim" else []
        raw, txid, vsize, value = self.node.run(
            "btc-spend", leaf, *terms, self.txid, self.index, RATE, tip or self.node.height(), *extra)
        return raw, txid, int(vsize), self.amount - int(value)

    def refused(self, leaf, why, preimage=None):
        self.node.refused(self.spend(leaf, preimage)[0], why)

    def accepted(self, leaf):
        raw, txid, vsize, fee = self.spend(leaf)
        assert fee == -(-vsize * RATE // 1000), (fee, vsize)
        self.node.accepted(raw, txid, vsize, fee)
        print(f"{leaf}: {vsize} vB, {fee} sat")
        return txid


def test_claim(node, claim, refund):
    lock = Lock(node, f"claim {claim}", 500000, node.height() + 100, claim, refund)
    right = lock.preimage
    script = "script-verify-flag"
    lock.refused("claim", script, bytes(32))
    lock.refused("claim", script, right[:31])
    lock.refused("claim", script, right + b"\0")
    lock.refused("claim", script, b"")
    lock.refused("refund", "non-final")
    txid = lock.accepted("claim")
    (vin,) = node.rpc.getrawtransaction(txid, 1)["vin"]
    assert vin["txinwitness"][1] == right.hex() and vin["sequence"] == 0xFFFFFFFD


def test_short_preimages(node):
    """Terms whose hash is of 31 or 33 bytes: nobody can claim them, though the hash is right (HAZARDS 47)."""
    for size in (31, 33):
        lock = Lock(node, f"short {size}", 100000, node.height() + 3)
        lock.preimage = bytes(range(size))
        lock.terms[0] = hashlib.sha256(lock.preimage).hexdigest()
        address, script = node.run("btc-lock", *lock.terms)
        lock.txid, lock.index = node.fund(address, script, lock.amount)
        lock.refused("claim", "script-verify-flag")
        node.mine(3)
        lock.accepted("refund")


def test_refund(node, timelock):
    """Not a block too early, and in the first block that it may be in."""
    lock = Lock(node, f"refund {timelock}", 300000, timelock)
    node.mine(timelock - 1 - node.height())
    lock.refused("refund", "non-final")
    lock.refused("early-refund", "script-verify-flag")
    node.mine()
    assert node.height() == timelock
    lock.accepted("refund")
    assert node.height() == timelock + 1


def test_late_claim(node):
    lock = Lock(node, "late", 200000, node.height() + 2)
    node.mine(10)
    lock.accepted("claim")


def test_other_amount(node):
    """Too much and too little go to the same script, and come back whole (HAZARDS 18)."""
    for paid in (400000, 100000):
        lock = Lock(node, f"paid {paid}", 200000, node.height() + 2, paid=paid)
        node.mine(5)
        lock.accepted("refund")


def wallet_coins(node):
    """Coins of many sizes on both of our scripts."""
    coins = []
    scripts = [node.run("btc-wallet", "client", key) for key in (0, 1)]
    for key, (address, script) in enumerate(scripts):
        for value in (10000, 20000, 40000, 80000, 160000, 10**7):
            txid, index = node.fund(address, script, value + key)
            coins.append((txid, index, value + key, key))
    return coins


def test_payments(node):
    """Our size, fee and id are the node's, for each kind of address, with and without change."""
    coins = wallet_coins(node)
    kinds = ["legacy", "p2sh-segwit", "bech32", "bech32m"]
    for n, value in enumerate([5000, 55000, 290000, 15 * 10**6, 39 * 10**3 + 100, 10**6]):
        address = node.wallet.getnewaddress("", kinds[n % len(kinds)])
        script = node.rpc.validateaddress(address)["scriptPubKey"]
        args = [":".join(map(str, c)) for c in coins]
        raw, txid, vsize, fee, change = node.run("btc-pay", "client", script, value, RATE, node.height(), *args)
        node.accepted(raw, txid, int(vsize), int(fee))
        tx = node.rpc.getrawtransaction(txid, 1)
        spent = {(vin["txid"], vin["vout"]) for vin in tx["vin"]}
        coins = [c for c in coins if (c[0], c[1]) not in spent]
        assert sats(tx["vout"][0]["value"]) == value
        if int(change):
            assert sats(tx["vout"][1]["value"]) == int(change)
            coins.append((txid, 1, int(change), 1))
        print(f"{kinds[n % len(kinds)]}: {len(spent)} inputs, {len(tx['vout'])} outputs, {vsize} vB, {fee} sat")


def main():
    run = peers.tool(sys.argv[1])
    with peers.bitcoind() as (rpc, wallet):
        node = Node(rpc, wallet, run)
        test_claim(node, "provider", "client")
        test_claim(node, "client", "provider")
        # around the sizes that a height takes in a script
        for timelock in (127, 128, 255, 256):
            if timelock > node.height() + 2:
                test_refund(node, timelock)
        test_short_preimages(node)
        test_late_claim(node)
        test_other_amount(node)
        test_payments(node)
    print("ok")


main()
