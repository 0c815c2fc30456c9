#!/usr/bin/env python3
"""What can be wrong with a layer's node: a table of layers, a table of troubles, and each with each.

    stress.py BIN_DIR [LAYER...]

The provider of the demonstration, on simulated networks. While a node is in trouble `/v1/layers` says so and what it is,
every other layer is well, and the API answers at once. When it is over the layer is well again, what was asked of it
meanwhile was done once, and the books equal chains and channel.
"""
import contextlib
import decimal
import hashlib
import secrets
import sys
import time

import deployment
import nets
import peers
import provider
import swap_liquid
import taker
from honest import b64

FOREVER = 1000000
TIMEOUT_MS = 700
SLOW_MS = (1500, 2000)  # past the deadline
SHOWN_SECONDS = 30
API_SECONDS = 5         # whatever a node does; the machine may be busy
PAYOUT = "0.001"
OTHER_NETWORK = {"bitcoin": "signet", "rootstock": "testnet", "lightning": "signet", "liquid": "testnet",
                 "bob": "testnet"}
SETTINGS = [f"{layer}.rpc_timeout_ms={TIMEOUT_MS}" for layer in OTHER_NETWORK]


class Layer:
    """send: what takes a payment, by the name that faults have for it. address: somebody's there; None: a fresh account."""
    def __init__(self, name, send, address=None):
        self.name, self.send, self.address = name, send, address

    def lever(self, networks):
        return networks.rpc(self.name)

    def strike(self, networks, method, kind, count=FOREVER):
        self.lever(networks).sim_fault(method, kind, count)

    def behind(self, networks, on=True):
        """Its node says that it is not at its tip."""
        self.lever(networks).sim_syncing(on)

    def heal(self, networks):
        self.lever(networks).sim_fault_clear()
        self.lever(networks).sim_latency(0, 0)
        self.behind(networks, False)

    def waiting(self, networks, transfer):
        """The id of the payout's last transaction, where the node has it and no block does."""
        for tx in transfer["transactions"][-1:]:
            with contextlib.suppress(peers.RpcError):
                if self.send == "eth_sendRawTransaction":
                    seen = networks.rpc(self.name).eth_getTransactionByHash(tx["id"])
                    return tx["id"] if seen and seen["blockHash"] is None else None
                return tx["id"] if not networks.rpc(self.name).getrawtransaction(tx["id"], 1).get("confirmations") else None
        return None

    def payee(self, networks):
        """Where to pay, and a function of what came there since."""
        address = self.address or "0x" + secrets.token_hex(20)
        before = networks.balance(self.name, address)
        return address, lambda: networks.balance(self.name, address) - before


class Channel(Layer):
    """Alice is the provider's, bob somebody who is paid."""

    def lever(self, networks):
        return networks.lightning.lever("alice")

    def behind(self, networks, on=True):
        self.lever(networks).sim_lie("synced", on)

    def payee(self, networks):
        preimage = secrets.token_bytes(32)
        made = networks.lightning.rest("bob", "POST", "/v2/invoices/hodl", {
            "hash": b64(hashlib.sha256(preimage).digest()), "value_msat": str(1000 * nets.units("bitcoin", PAYOUT)),
            "expiry": "86400", "cltv_expiry": "20"})
        before = networks.lightning.msat("bob")

        def came():
            with contextlib.suppress(OSError):  # nothing is held, or nothing any more
                networks.lightning.rest("bob", "POST", "/v2/invoices/settle", {"preimage": b64(preimage)})
            return decimal.Decimal(networks.lightning.msat("bob") - before) / 1000 / nets.COIN
        return made["payment_request"], came


LAYERS = [
    Layer("bitcoin", "sendrawtransaction", taker.BITCOIN_ADDRESSES[0]),
    Layer("rootstock", "eth_sendRawTransaction"),
    Channel("lightning", "/v2/router/send"),
    Layer("liquid", "sendrawtransaction", swap_liquid.ADDRESSES[0]),
    Layer("bob", "eth_sendRawTransaction"),
]


# ---- troubles: begin(layer, networks) brings it about; shows(node) is what the layer says then ----

def fault(kind):
    return lambda layer, networks: layer.strike(networks, "*", kind)


def slow(layer, networks):
    layer.lever(networks).sim_latency(*SLOW_MS)


def says(*words):
    """Not well, for one of these reasons."""
    return lambda node: not node["checked"] and any(
        word in (node["detail"] + " " + node["last_error"]).lower() for word in words)


TROUBLES = {
    "dead": (fault("unavailable"), says("503", "unavailable", "listens", "connect")),
    "slow": (slow, says("deadline", "no answer", "timeout", "time")),
    "hanging": (fault("hang"), says("deadline", "no answer", "timeout", "time")),
    "garbage": (fault("garbage"), says("not", "unusable", "no usable", "format", "can't be read")),
    "permission revoked": (fault("denied"), says("denied", "401", "refused", "macaroon")),
    "behind": (lambda layer, networks: layer.behind(networks), lambda node: node["syncing"]),
}


class Stress:
    def __init__(self, deployed):
        self.p, self.networks = deployed, deployed.nodes
        self.slowest = 0

    def nodes(self):
        begun = time.monotonic()
        layers = self.p.layers()
        self.slowest = max(self.slowest, time.monotonic() - begun)
        assert self.slowest < API_SECONDS, f"an answer took {self.slowest} s"
        return {name: layer["node"] for name, layer in layers.items()}

    def others_are_well(self, layer):
        for name, node in self.nodes().items():
            assert name == layer.name or (node["checked"] and node["up"]), (layer.name, name, node)

    def is_well(self, layer):
        node = self.nodes()[layer.name]
        return node["checked"] and node["up"] and not node["syncing"]

    def payout(self, layer, to):
        asked = {"layer": layer.name, "to": to, "amount": PAYOUT}
        return self.p.ask("/v1/transfers", asked, key=secrets.token_hex(16))["id"]

    def is_final(self, transfer):
        state = self.p.ask("/v1/transfers/" + transfer)["state"]
        assert state != "failed", transfer
        return state == "final"

    def paid_once(self, layer, transfer, came):
        def through():
            came()
            return self.is_final(transfer)
        self.p.wait(f"payout on {layer.name}", through, 60)
        assert came() == decimal.Decimal(PAYOUT), (layer.name, came())

    def shown(self, layer, name, shows):
        end = time.monotonic() + SHOWN_SECONDS
        while not shows(node := self.nodes()[layer.name]):
            assert time.monotonic() < end, f"{layer.name} is {name}, and that is not said: {node}"
            time.sleep(0.05)

    def trouble(self, layer, name):
        """A payout is asked for in the middle of it, and one elsewhere."""
        begin, shows = TROUBLES[name]
        other = LAYERS[(LAYERS.index(layer) + 1) % len(LAYERS)]
        payees = [(each, *each.payee(self.networks)) for each in (other, layer)]  # asked while all is well
        begin(layer, self.networks)
        self.shown(layer, name, shows)
        self.others_are_well(layer)
        asked = [(each, self.payout(each, to), came) for each, to, came in payees]
        self.paid_once(*asked[0])
        self.others_are_well(layer)
        layer.heal(self.networks)
        self.p.wait(f"{layer.name} well again", lambda: self.is_well(layer), 60)
        self.paid_once(*asked[1])
        print(f"{layer.name}: {name}")

    def hangs_having_done_it(self, layer, kind):
        """The node took the payment; its answer never comes, or is cut off, or is garbage."""
        to, came = layer.payee(self.networks)
        layer.strike(self.networks, layer.send, kind, 1)
        self.paid_once(layer, self.payout(layer, to), came)
        self.others_are_well(layer)
        print(f"{layer.name}: paid, and the answer: {kind}")

    def loses_its_mempool(self, layer):
        """What it had taken is nowhere any more, before a block had it: it is sent again."""
        to, came = layer.payee(self.networks)
        lever = layer.lever(self.networks)
        lever.sim_auto_mine(0)
        paid = self.payout(layer, to)
        sent = self.p.wait("the payout in the mempool", lambda: layer.waiting(self.networks, self.p.ask("/v1/transfers/" + paid)))
        lever.sim_evict(sent)
        lever.sim_auto_mine(nets.DEMO_BLOCK_MS[layer.name])
        self.paid_once(layer, paid, came)
        print(f"{layer.name}: loses its mempool")

    def out_of_funds(self, layer):
        """Nothing is promised that is not there."""
        have = self.p.available(layer.name)
        try:
            self.p.ask("/v1/transfers", {"layer": layer.name, "to": layer.payee(self.networks)[0],
                                         "amount": str(have + 1)}, key=secrets.token_hex(16))
        except provider.HttpError as e:
            assert e.status in (409, 422) and e.problem["code"] in ("insufficient_funds", "invalid_amount"), e
        else:
            raise AssertionError(f"{layer.name}: more was promised than there is")
        assert self.p.available(layer.name) == have
        print(f"{layer.name}: out of funds")


def wrong_network(bin_dir, networks, layer):
    """Told apart before anything is booked; the others begin."""
    settings = [*SETTINGS, f"{layer.name}.network={OTHER_NETWORK[layer.name]}",
                f"rootstock.contract={networks.contract.lower()}"]  # without the checksum of one network
    with deployment.Deployment(bin_dir, networks, settings=settings) as deployed:
        deployed.start_signer()
        deployed.start_daemon()
        deployed.wait("the API", deployed.layers)
        stress = Stress(deployed)
        stress.shown(layer, "on the wrong network", says("wrong network"))
        for other in LAYERS:
            if other is not layer:
                deployed.wait(f"{other.name} well", lambda other=other: stress.is_well(other))
    print(f"{layer.name}: on the wrong network")


def main(bin_dir, *names):
    devnet = nets.SimNets(bin_dir + "/sluice-devnet", layers=("lightning", "liquid", "bob"))
    with devnet as networks, deployment.Deployment(bin_dir, networks, settings=SETTINGS) as deployed:
        layers = [each for each in LAYERS if not names or each.name in names]
        for layer in layers:
            wrong_network(bin_dir, networks, layer)
        deployed.start()
        deployed.fund()
        stress = Stress(deployed)
        for layer in layers:
            for name in TROUBLES:
                stress.trouble(layer, name)
            for kind in ("timeout", "lost_reply", "garbage"):
                stress.hangs_having_done_it(layer, kind)
            if layer.name in nets.ON_CHAINS:
                stress.loses_its_mempool(layer)
            stress.out_of_funds(layer)
        # a scan of Bitcoin's outputs takes minutes on a real node: one that hung would be waited for for twenty
        deployed.end_daemon()
        deployed.start_daemon()
        deployed.wait_ready()
        deployed.wait_reconciled()
        print(f"books, chains and channel agree; no answer took longer than {stress.slowest:.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
