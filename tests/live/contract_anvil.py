#!/usr/bin/env python3
"""The HTLC contract on a real EVM, with transactions that our code encodes and signs.

usage: contract_anvil.py WIRE_TOOL
"""
import hashlib
import re
import sys
import pathlib

import peers

CHAIN = 31
PRICE = 60000000
HEADER = (pathlib.Path(__file__).parents[2] / "src/wire/evm_htlc.h").read_text()
GAS = {name: int(value) for name, value in re.findall(r"#define EVM_HTLC_GAS_(\w+) (\d+)u", HEADER)}
ERRORS = {"AmountZero": "cbca5aa2", "ClaimAddressZero": "5037634e", "TimelockNotInFuture": "dd4ccaca",
          "SwapAlreadyExists": "734530ce", "SwapNotFound": "5ec69df0", "SwapNotTimedOut": "27823677"}
NONE, OPEN, CLAIMED, REFUNDED = range(4)


class Chain:
    def __init__(self, rpc, run):
        self.rpc, self.run = rpc, run
        self.account = {w: run("address", w, CHAIN)[0] for w in ("client", "provider")}
        for a in self.account.values():
            rpc.anvil_setBalance(a, hex(10**18 * 100))

    def balance(self, address):
        return int(self.rpc.eth_getBalance(address, "latest"), 16)

    def height(self):
        return int(self.rpc.eth_blockNumber(), 16)

    def send(self, wallet, to, value, data, gas):
        """Sign, send and mine; the receipt."""
        nonce = int(self.rpc.eth_getTransactionCount(self.account[wallet], "latest"), 16)
        raw, txid = self.run("tx", wallet, CHAIN, nonce, PRICE, gas, to, value, data)
        assert self.rpc.eth_sendRawTransaction("0x" + raw) == "0x" + txid, "the id is another"
        while True:
            receipt = self.rpc.eth_getTransactionReceipt("0x" + txid)
            if receipt:
                return receipt

    def refused(self, wallet, contract, data, error, value=0):
        """The call reverts with that error, in a call and in a transaction that changes nothing but a nonce."""
        call = {"from": self.account[wallet], "to": contract, "data": "0x" + data, "value": hex(value)}
        try:
            self.rpc.eth_call(call, "latest")
        except peers.RpcError as e:
            assert e.code == 3 and e.data == "0x" + ERRORS[error], (e.code, e.data, e.message)
        else:
            raise AssertionError(f"{error} was expected")
        receipt = self.send(wallet, contract, value, data, 200000)
        assert receipt["status"] == "0x0" and receipt["logs"] == []


class Swap:
    """One lock: the provider's account locks, the client claims."""

    def __init__(self, chain, contract, preimage, amount, timelock, claim=None):
        self.chain, self.contract, self.preimage = chain, contract, preimage
        self.hash = hashlib.sha256(bytes.fromhex(preimage)).hexdigest()
        self.amount = amount
        self.terms = [contract, CHAIN, self.hash, amount, claim or chain.account["client"],
                      chain.account["provider"], timelock]

    def data(self, kind, *extra):
        return self.chain.run("call", kind, *self.terms, *extra)[0]

    def lock(self):
        receipt = self.chain.send("provider", self.contract, self.amount, self.data("lock"), GAS["LOCK"])
        assert receipt["status"] == "0x1", receipt
        within(receipt, "LOCK")
        (log,) = receipt["logs"]
        assert self.event(log)[:2] == [f"lockup {self.amount} {self.terms[6]} 0", self.hash]

    def event(self, log):
        topics = "".join(t[2:] for t in log["topics"])
        assert log["address"].lower() == self.contract.lower()
        return self.chain.run("event", topics, log["data"][2:])

    def settled(self, receipt, kind, claimed):
        first, second = receipt["logs"]
        key = self.data("swaps")[8:]
        got = self.event(first)
        assert got[0].startswith(kind + " ") and got[1] == self.hash, got
        if claimed:
            assert got[2] == self.preimage
        assert self.event(second) == [f"settled 0 0 {int(claimed)}", self.hash, key]

    def view(self, kind):
        return int(self.chain.rpc.eth_call({"to": self.contract, "data": "0x" + self.data(kind)}, "latest"), 16)

    def is_in(self, state):
        assert self.view("states") == state and self.view("swaps") == int(state == OPEN)


def within(receipt, call):
    used = int(receipt["gasUsed"], 16)
    print(f"{call}: {used} gas of {GAS[call]}")
    assert used <= GAS[call], call


def preimage(n):
    return hashlib.sha256(f"preimage {n}".encode()).hexdigest()


def deploy(chain):
    code, code_hash = chain.run("code")
    receipt = chain.send("provider", "create", 0, code, 1500000)
    contract = receipt["contractAddress"]
    assert receipt["status"] == "0x1" and contract[2:] == chain.run("created", chain.account["provider"].lower(), 0)[0]
    print(f"deployed: {int(receipt['gasUsed'], 16)} gas")
    deployed = chain.rpc.eth_getCode(contract, "latest")
    assert chain.rpc.web3_sha3(deployed) == "0x" + code_hash, "another runtime code"
    # version()
    assert int(chain.rpc.eth_call({"to": contract, "data": "0x54fd4d50"}, "latest"), 16) == 101
    return contract


def test_claim(chain, contract):
    """A third party claims; the recorded claimant, an account that did not exist, is paid (HAZARDS 10)."""
    fresh = "0x" + "c0" * 20
    s = Swap(chain, contract, preimage(1), 10**16, chain.height() + 50, claim=fresh)
    s.is_in(NONE)
    s.lock()
    s.is_in(OPEN)
    assert chain.balance(contract) == 10**16
    chain.refused("provider", contract, s.data("lock"), "SwapAlreadyExists", value=10**16)
    chain.refused("client", contract, s.data("claim", preimage(2)), "SwapNotFound")
    chain.refused("provider", contract, s.data("refund"), "SwapNotTimedOut")
    receipt = chain.send("provider", contract, 0, s.data("claim", s.preimage), GAS["CLAIM"])
    assert receipt["status"] == "0x1", receipt
    within(receipt, "CLAIM")
    s.settled(receipt, "claim", True)
    assert chain.balance(fresh) == 10**16 and chain.balance(contract) == 0
    s.is_in(CLAIMED)
    chain.refused("provider", contract, s.data("claim", s.preimage), "SwapNotFound")
    chain.rpc.anvil_mine(hex(60))
    chain.refused("provider", contract, s.data("refund"), "SwapNotFound")


def test_reuse(chain, contract):
    """A settled key can't be locked again; the same hash under other terms can."""
    s = Swap(chain, contract, preimage(3), 5, chain.height() + 100)
    s.lock()
    assert chain.send("client", contract, 0, s.data("claim", s.preimage), GAS["CLAIM"])["status"] == "0x1"
    chain.refused("provider", contract, s.data("lock"), "SwapAlreadyExists", value=5)
    other = Swap(chain, contract, preimage(3), 6, s.terms[6])
    other.lock()
    s.is_in(CLAIMED)
    other.is_in(OPEN)


def test_refund(chain, contract, kind, caller):
    """Refused until the height, open from it on, whoever calls the five-argument form; once."""
    timelock = chain.height() + 20
    s = Swap(chain, contract, preimage(f"refund {kind}"), 3 * 10**18, timelock)
    s.lock()
    # eth_call and the next block both must be below the time lock
    chain.rpc.anvil_mine(hex(timelock - chain.height() - 2))
    chain.refused(caller, contract, s.data(kind), "SwapNotTimedOut")
    before, paid_by = chain.balance(chain.account["provider"]), chain.account[caller]
    receipt = chain.send(caller, contract, 0, s.data(kind), GAS["REFUND"])
    assert receipt["status"] == "0x1" and int(receipt["blockNumber"], 16) == timelock
    within(receipt, "REFUND")
    s.settled(receipt, "refund", False)
    fee = int(receipt["gasUsed"], 16) * PRICE if paid_by == chain.account["provider"] else 0
    assert chain.balance(chain.account["provider"]) == before + 3 * 10**18 - fee
    s.is_in(REFUNDED)
    chain.refused(caller, contract, s.data(kind), "SwapNotFound")
    chain.refused("client", contract, s.data("claim", s.preimage), "SwapNotFound")


def test_late_claim(chain, contract):
    """A claim never expires: only a refund ends it."""
    s = Swap(chain, contract, preimage("late"), 10**15, chain.height() + 5)
    s.lock()
    chain.rpc.anvil_mine(hex(50))
    assert chain.send("client", contract, 0, s.data("claim", s.preimage), GAS["CLAIM"])["status"] == "0x1"
    s.is_in(CLAIMED)


def test_only_owner(chain, contract):
    """EtherSwap's shorter forms are bound to the caller: a stranger's call is about a swap that is not there."""
    s = Swap(chain, contract, preimage("forms"), 10**15, chain.height() + 200)
    s.lock()
    claim = s.data("claim", s.preimage)
    words = [claim[8 + 64 * i:72 + 64 * i] for i in range(5)]
    short = "c3c37fbc" + words[0] + words[1] + words[3] + words[4]
    chain.refused("provider", contract, short, "SwapNotFound")
    before = chain.balance(chain.account["client"])
    receipt = chain.send("client", contract, 0, short, GAS["CLAIM"])
    assert receipt["status"] == "0x1"
    assert chain.balance(chain.account["client"]) == before + 10**15 - int(receipt["gasUsed"], 16) * PRICE


def test_refused_locks(chain, contract):
    """Each of the contract's own rules; and no value by any other door."""
    height = chain.height()
    zero = Swap(chain, contract, preimage("zero"), 1, height + 100)
    chain.refused("provider", contract, zero.data("lock"), "AmountZero", value=0)
    words = zero.data("lock")
    nobody = words[:8 + 64] + "0" * 64 + words[8 + 128:]
    chain.refused("provider", contract, nobody, "ClaimAddressZero", value=1)
    for timelock in (1, height, height + 1):  # height + 1 is the block of the lock itself
        late = Swap(chain, contract, preimage("late lock"), 1, timelock)
        receipt = chain.send("provider", contract, 1, late.data("lock"), GAS["LOCK"])
        assert receipt["status"] == "0x0", timelock
    for data in ("", "deadbeef"):
        assert chain.send("provider", contract, 1, data, 100000)["status"] == "0x0"
    # HAZARDS 47: a preimage of another size can't be said: the argument is one word, a longer call is cut, a shorter refused
    s = Swap(chain, contract, preimage("short call"), 1, chain.height() + 100)
    s.lock()
    assert chain.send("client", contract, 0, s.data("claim", s.preimage)[:-2], 100000)["status"] == "0x0"
    s.is_in(OPEN)


def test_dust_under_our_hash(chain, contract):
    """Somebody locks a wei under our hash and takes it back: the events name the hash, Settled the key (HAZARDS 34)."""
    ours = Swap(chain, contract, preimage("shared"), 10**17, chain.height() + 100)
    ours.lock()
    dust = Swap(chain, contract, preimage("shared"), 1, chain.height() + 3)
    dust.lock()
    chain.rpc.anvil_mine(hex(5))
    receipt = chain.send("provider", contract, 0, dust.data("refund"), GAS["REFUND"])
    dust.settled(receipt, "refund", False)
    assert ours.event(receipt["logs"][1])[2] != ours.data("swaps")[8:]
    ours.is_in(OPEN)


def test_receiver_calls_back(chain, contract):
    """A claimant that calls the claim again while it is paid gets nothing twice."""
    s = Swap(chain, contract, preimage("again"), 10**15, chain.height() + 100, claim="0x" + "ee" * 20)
    bait = Swap(chain, contract, preimage("bait"), 10**18, chain.height() + 100)
    bait.lock()
    s.lock()
    # PUSH the calldata's words, CALL the contract with them, and succeed whatever comes of it
    data = bytes.fromhex(s.data("claim", s.preimage))
    code = b""
    for at in range(0, len(data), 32):
        code += b"\x7f" + data[at:at + 32].ljust(32, b"\0") + b"\x61" + at.to_bytes(2, "big") + b"\x52"
    code += bytes.fromhex("6000600061" + len(data).to_bytes(2, "big").hex() + "6000600073" + contract[2:] + "5af100")
    chain.rpc.anvil_setCode(s.terms[4], "0x" + code.hex())
    assert chain.send("client", contract, 0, s.data("claim", s.preimage), 500000)["status"] == "0x1"
    assert chain.balance(s.terms[4]) == 10**15
    s.is_in(CLAIMED)
    bait.is_in(OPEN)
    # and one that refuses to be paid holds up its own swap alone
    stuck = Swap(chain, contract, preimage("stuck"), 10**15, chain.height() + 100, claim="0x" + "ef" * 20)
    stuck.lock()
    chain.rpc.anvil_setCode(stuck.terms[4], "0x60006000fd")
    assert chain.send("client", contract, 0, stuck.data("claim", stuck.preimage), 500000)["status"] == "0x0"
    stuck.is_in(OPEN)


def main():
    run = peers.tool(sys.argv[1])
    with peers.anvil() as rpc:
        chain = Chain(rpc, run)
        contract = deploy(chain)
        test_claim(chain, contract)
        test_reuse(chain, contract)
        test_refund(chain, contract, "refund", "provider")
        test_refund(chain, contract, "refund-for", "client")
        test_late_claim(chain, contract)
        test_only_owner(chain, contract)
        test_refused_locks(chain, contract)
        test_dust_under_our_hash(chain, contract)
        test_receiver_calls_back(chain, contract)
    print("ok")


main()
