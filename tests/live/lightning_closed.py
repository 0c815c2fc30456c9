#!/usr/bin/env python3
"""A channel that is closed by force in the middle of a swap, on two real lnds with Bitcoin Core (HAZARDS 31).

    lightning_closed.py BIN_DIR WIRE_TOOL [NAME...]

What was under way when the channel was closed ends on the chain: the preimage goes with the claim of an HTLC there, and
both sides of the swap get what is theirs. Meanwhile our balance is in limbo, and so it stands in the books.
"""
import sys
from decimal import Decimal

from honest import Client
from kills import PACE
from lnds import until
from nets import BY_HAND, open_nets, units
from peers import tool
from provider import Provider

AMOUNT = "0.002"
SECONDS = 120
SETTINGS = ("reconcile_interval_ms=1000",)


class Scene:
    def __init__(self, nets, provider, tools):
        self.nets, self.provider, self.tools = nets, provider, tools

    def node(self, name):
        return self.nets.lightning.nodes[name]

    def mine(self, count=1):
        """With both nodes at the tip, as they look for blocks."""
        for layer in self.nets.chains:
            self.nets.mine(layer, count)
        height = self.nets.bitcoin.getblockcount()
        until(lambda: all(self.node(name).synced(height) for name in ("alice", "bob")))

    def close(self, name):
        """By force, from one side, and into a block."""
        before = set(self.nets.bitcoin.getrawmempool())
        channel, = self.node(name).rest("GET", "/v1/channels")["channels"]
        funding, index = channel["channel_point"].split(":")
        self.node(name).rest("DELETE", f"/v1/channels/{funding}/{index}?force=true", stream=True)
        until(lambda: set(self.nets.bitcoin.getrawmempool()) - before)
        self.mine()

    def custody(self, account, layer="lightning"):
        return Decimal(self.provider.balances()[layer].get(account, "0"))

    def swap_until(self, source, dest, under_way):
        client = Client(self.nets, self.provider, self.tools, source, dest, amount=AMOUNT)
        client.begin()
        client.pay(client.swap())

        def there():
            self.mine()
            return under_way(client)
        until(there, SECONDS)
        return client

    def undecided(self):
        """What was held with alice is on the chain: her node takes some blocks until it says so."""
        self.mine()
        closing = self.node("alice").rest("GET", "/v1/channels/pending")["pending_force_closing_channels"]
        return [htlc for channel in closing for htlc in channel["pending_htlcs"] if htlc["incoming"] and htlc["stage"] == 1]

    def reconciled(self):
        """Since now."""
        def at():
            return self.provider.layers()["lightning"]["reconciliation"]["at"]
        before = at()
        self.provider.wait("two reconciliations", lambda: at() > before)
        before = at()
        self.provider.wait("two reconciliations", lambda: at() > before)

    def limbo(self):
        """The books say that what we have is in a channel that is being closed."""
        before = self.custody("available")
        limbo = self.provider.wait("limbo in the books", lambda: self.custody("channel_limbo"))
        left = self.custody("available")
        assert limbo > Decimal("0.9") * before and limbo + left == before, (before, limbo, left)
        # the closing's fee is gone, and what the HTLC on the chain holds is nobody's yet
        latch = self.provider.wait("the latch", lambda: (l := self.provider.ask("/v1/layers")["latch"])["on"] and l)
        assert "less than the books" in latch["reason"], latch

    def completes(self, client):
        def ended():
            self.mine()
            client.step(s := client.swap())
            return s["state"] in ("completed", "refunded", "declined", "expired") and s
        s = until(ended, SECONDS)
        assert s["state"] == "completed", s
        return s


def while_paying(scene):
    """We pay the client's invoice, it is held there, the channel closes; then the client settles."""
    client = scene.swap_until("bitcoin", "lightning", lambda c: c.may_claim(c.swap()))
    scene.close("alice")
    assert scene.provider.swap(client.id)["state"] == "dest_locking", "a payment on the chain is neither made nor failed"
    scene.limbo()
    s = scene.completes(client)
    assert client.settled() == ("SETTLED", units("bitcoin", s["destination_amount"])), client.settled()


def while_held(scene):
    """The client's payment is held with us, the channel closes; then the client claims, and its preimage settles."""
    client = scene.swap_until("lightning", "bitcoin", lambda c: c.may_claim(c.swap()))
    scene.close("bob")
    scene.provider.wait("the HTLC in limbo", scene.undecided, SECONDS)
    scene.reconciled()
    # lnd counts it as ours; it is the client's until it is claimed
    assert scene.custody("suspense:in") == 0, scene.provider.balances()["lightning"]
    s = scene.completes(client)
    assert client.settled() == ("SETTLED", units("bitcoin", s["source_amount"])), client.settled()
    assert scene.custody("suspense:in") == 0, scene.provider.balances()["lightning"]


CASES = [while_paying, while_held]


def main(bin_dir, wire_tool, *names):
    tools = tool(wire_tool)
    for case in CASES:
        if names and case.__name__ not in names:
            continue
        with open_nets("real", bin_dir, block_ms=BY_HAND, layers=["lightning"]) as nets, Provider(
                bin_dir, nets.bitcoin.url, nets.rootstock.url, nets.contract, nets.network, nets.auth,
                settings=[*SETTINGS, *(f"lightning.{pace}" for pace in PACE)], more=nets.beside.values()) as provider:
            scene = Scene(nets, provider, tools)
            provider.start()
            for _ in range(3):
                nets.fund("bitcoin", provider.layers()["bitcoin"]["funding_address"], "0.5")
            scene.mine(6)
            for layer in ("bitcoin", "lightning"):
                provider.wait(f"funds on {layer}", lambda layer=layer: scene.custody("available", layer) > 0)
            case(scene)
            print(case.__name__)
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
