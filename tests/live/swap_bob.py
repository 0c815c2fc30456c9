#!/usr/bin/env python3
"""Whole swaps with BOB by the command line: Bitcoin Core and two anvils, the real signer, daemon and client.

    swap_bob.py BIN_DIR

BOB to and from Bitcoin and Rootstock; both sides killed while the client approves and locks; a client that vanishes, so
that both take their own back; one without ether, without tokens, without a token named. What each side has is asked of
the chains.
"""
import decimal
import json
import pathlib
import subprocess
import sys
import time

import deployment
import nets
import peers
import provider
import swap_e2e
import taker
from swap_e2e import SECONDS, check

BLOCK_MS = 100
TOKEN_UNIT = 10 ** 8
# A lock of tokens is two transactions, one after the other.
PATIENT = ["bitcoin.funding_blocks=20", "rootstock.funding_blocks=60"]
LAYER = """
bob: {{enabled: true, network: regtest, rpc_url: "{url}", contract: "{contract}", token: "{token}", gas_value: "0.04",
  poll_ms: 40, block_interval_ms: 100, drift_permille: 0, outage_ms: 0, depth: "0:2", final_depth: 4, claim_blocks: 1,
  lock_blocks: 70, funding_blocks: 60, swap_max: "0.5", bump_blocks: 8}}
"""
POLICY = """
bob: {{network: regtest, payout_max: 1, lock_max: 0.6, day_max: 100, token: "{token}", contracts: ["{contract}"]}}
"""
CLIENT = """
bob: {{network: regtest, rpc_url: "{url}", token: "{token}", poll_ms: 40, block_interval_ms: 100, drift_permille: 0,
  outage_ms: 0, depth: "0:2", final_depth: 4, claim_blocks: 1}}
"""


def word(address):
    return address.lower().removeprefix("0x").rjust(64, "0")


class Bob:
    """A chain of the OP stack as far as anvil can, with a token that anybody mints and our contract for it."""

    def __init__(self, stack):
        node = stack.enter_context(peers.restartable("bob", "--no-mining"))
        self.rpc, self.url = node.rpc, node.url
        self.rich = self.rpc.eth_accounts()[0]
        self.token, self.contract = (self.deploy(name) for name in ("TestToken", "TokenTimeLock"))
        ticker = nets.Ticker(self.mine, BLOCK_MS)
        ticker.start()
        stack.callback(ticker.stop)

    def mine(self):
        self.rpc.anvil_mine("0x1")

    def send(self, **transaction):
        return self.rpc.eth_sendTransaction({"from": self.rich, "gas": hex(3_000_000), **transaction})

    def deploy(self, name):
        code = json.loads((nets.ROOT / f"contracts/{name}.json").read_text())["bytecode"]
        sent = self.send(data="0x" + code.removeprefix("0x"))
        self.mine()
        return self.rpc.eth_getTransactionReceipt(sent)["contractAddress"]

    def mint(self, address, amount):
        units = int(decimal.Decimal(amount) * TOKEN_UNIT)
        return self.send(to=self.token, data=f"0x40c10f19{word(address)}{units:064x}")

    def ether(self, address, amount):
        return self.send(to=address.lower(), value=hex(int(decimal.Decimal(amount) * nets.WEI)), gas=hex(21000))

    def tokens(self, address):
        return int(self.rpc.eth_call({"to": self.token, "data": "0x70a08231" + word(address)}, "latest"), 16)

    def allowance(self, owner):
        data = "0xdd62ed3e" + word(owner) + word(self.contract)
        return int(self.rpc.eth_call({"to": self.token, "data": data}, "latest"), 16)

    def fields(self, text):
        return text.format(url=self.url, token=self.token, contract=self.contract)


class Nodes(nets.RealNets):
    title = "Bitcoin Core and two anvils"

    def open(self, stack):
        super().open(stack)
        self.bob = Bob(stack)

    def fund(self, layer, address, amount):
        return self.bob.mint(address, amount) if layer == "bob" else super().fund(layer, address, amount)

    def balance(self, layer, address):
        if layer != "bob":
            return super().balance(layer, address)
        return decimal.Decimal(self.bob.tokens(address)) / TOKEN_UNIT


class Deployment(deployment.Deployment):
    def __init__(self, bin_dir, nodes, **options):
        fields = {"LAYER": nodes.bob.fields(LAYER), "POLICY": nodes.bob.fields(POLICY)}
        self.config = self.config + fields["LAYER"].replace("{", "{{").replace("}", "}}")
        self.policy = self.policy + fields["POLICY"].replace("{", "{{").replace("}", "}}")
        super().__init__(bin_dir, nodes, **options)

    def fund_all(self, amounts, ether):
        layers = self.layers()
        self.nodes.bob.ether(layers["bob"]["funding_address"], ether)
        for layer, pieces in amounts.items():
            for amount in pieces:
                self.nodes.fund(layer, layers[layer]["funding_address"], amount)
        for layer, pieces in amounts.items():
            total = sum(map(decimal.Decimal, pieces))
            self.wait(f"{total} on {layer} in the books", lambda: self.available(layer) >= total)
        self.wait_ready()


class Case(swap_e2e.Case):
    def to_bob(self, source, amount):
        address = self.client.fresh_account()
        run = self.between(f"{source}-to-bob", source, "bob", amount, address)
        self.completes(run, address)

    def from_bob(self, dest, amount, address):
        before = self.nodes.balance("bob", self.client.gas_address)
        run = self.between(f"bob-to-{dest}", "bob", dest, amount, address)
        self.completes(run, address)
        paid = before - self.nodes.balance("bob", self.client.gas_address)
        check(paid == decimal.Decimal(amount), f"{paid} paid for {amount}")
        check(self.nodes.bob.allowance(self.client.gas_address) == 0, "an allowance is left")

    def killed(self):
        """The provider and then the client, between approval and claim."""
        address = taker.BITCOIN_ADDRESSES[1]
        run = self.between("both-killed", "bob", "bitcoin", "0.021", address)
        run.vanish()
        self.p.kill_daemon()
        self.p.start_daemon()
        self.p.wait("the provider again", self.p.layers)
        run.resume()
        self.completes(run, address)

    def vanished(self):
        back = self.client.gas_address
        run = self.between("client-vanished", "bob", "rootstock", "0.04", self.client.fresh_account())
        self.state(run, "source_seen", "source_locked", "dest_locking", "dest_locked")
        run.vanish()
        self.state(run, "dest_locked")
        had = self.nodes.balance("bob", back)
        yield  # other cases run while the time locks do
        self.state(run, "refunded")
        before = self.nodes.balance("bob", back)
        run.refund()
        self.p.wait("the client's refund", run.done, SECONDS)
        check(run.process.returncode in (0, 4), f"exit {run.process.returncode}: {run.text()}")
        got = self.nodes.balance("bob", back) - before
        check(got == decimal.Decimal("0.04"), f"{got} came back; {had} were there")
        print(f"{run.name}: refunded, {got} back")

    def payout(self):
        to = self.client.fresh_account()
        sent = self.p.ask("/v1/transfers", {"layer": "bob", "to": to, "amount": "0.05"}, key="swap-bob-payout-1")
        self.p.wait("the payout", lambda: self.p.ask("/v1/transfers/" + sent["id"])["state"] == "final", SECONDS)
        check(self.client.balance("bob", to) == decimal.Decimal("0.05"), "the payee has another amount")
        print("payout: final")


def shown(bin_dir, nodes, deployed):
    """What the daemon says of the layer, and the command line with it."""
    layer = deployed.layers()["bob"]
    check((layer["token"].lower(), layer["contract"].lower()) == (nodes.bob.token, nodes.bob.contract), layer)
    check((layer["asset"], layer["gas_asset"]) == ("WBTC", "ETH"), layer)
    check(0 < decimal.Decimal(layer["gas_available"]) <= 2, layer)
    below = layer["first_layer"]
    check(0 < below["final_height"] <= below["safe_height"] <= layer["height"] and below["data_fee"] == "0", layer)
    said = subprocess.run([bin_dir / "sluice", "layers", "--provider", deployed.url()], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    check(f"bob: token {layer['token']}, gas in ETH, data at most 0 a transaction, safe to " in said, said)


def refusals(bin_dir, nodes, deployed):
    """What a client is told before anything is paid."""
    with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as poor:
        with open(poor.config, "a") as f:
            f.write(nodes.bob.fields(CLIENT).replace(f'token: "{nodes.bob.token}", ', ""))
        run = poor.swap("no-token", "bitcoin", "bob", "0.01", poor.fresh_account())
        deployed.wait("an end", run.done)
        check(run.process.returncode == 3 and "--bob-token" in run.text(), f"{run.process.returncode}: {run.text()}")
        poor.config.write_text(poor.config.read_text().replace("bob: {", f'bob: {{token: "{nodes.bob.token}", '))
        nodes.bob.mint(poor.gas_address, "0.1")
        time.sleep(3 * BLOCK_MS / 1000)
        run = poor.swap("no-ether", "bob", "bitcoin", "0.01", taker.BITCOIN_ADDRESSES[0])
        deployed.wait("an end", run.done)
        check(run.process.returncode == 3 and "ETH" in run.text(), f"{run.process.returncode}: {run.text()}")
        nodes.bob.ether(poor.gas_address, "1")
        time.sleep(3 * BLOCK_MS / 1000)
        run = poor.swap("too-few", "bob", "bitcoin", "0.2", taker.BITCOIN_ADDRESSES[0])
        deployed.wait("an end", run.done)
        check(run.process.returncode == 3 and "WBTC" in run.text(), f"{run.process.returncode}: {run.text()}")
    print("refused: without a token named, without ether, without tokens")


def main(bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    nodes = Nodes()
    with nodes, Deployment(bin_dir, nodes, settings=PATIENT) as deployed:
        deployed.start()
        deployed.fund_all({"bitcoin": ("2", "2"), "rootstock": ("5",), "bob": ("3",)}, ether="2")
        shown(bin_dir, nodes, deployed)
        refusals(bin_dir, nodes, deployed)
        with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as client:
            with open(client.config, "a") as f:
                f.write(nodes.bob.fields(CLIENT))
            nodes.bob.ether(client.gas_address, "1")
            nodes.bob.mint(client.gas_address, "0.5")
            deployed.wait("gas", lambda: client.balance("bob", client.gas_address) > 0)
            case = Case(deployed, client)
            vanished = case.vanished()
            next(vanished)
            case.to_bob("bitcoin", "0.01")
            case.to_bob("rootstock", "0.012")
            case.from_bob("bitcoin", "0.02", taker.BITCOIN_ADDRESSES[0])
            case.from_bob("rootstock", "0.022", client.fresh_account())
            case.killed()
            case.payout()
            for _ in vanished:
                pass
            deployed.wait_reconciled()
            books = deployed.balances()
            check(decimal.Decimal(books["bob"]["locked_out"]) == 0, books)
            print("books and chains agree")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except provider.HttpError as e:
        sys.exit(f"the API: {e}")
