#!/usr/bin/env python3
"""Whole swaps with BOB by the command line: the real signer, daemon and client on Bitcoin Core and two anvils, or on
simulated networks.

    swap_bob.py sim|real BIN_DIR

BOB to and from Bitcoin and Rootstock, and Lightning and Liquid where they are simulated; both sides killed while the client approves
and locks; a client that vanishes, so that both take their own back; one without ether, without tokens, without a token
named. What each side has is asked of the chains.
"""
import decimal
import pathlib
import subprocess
import sys

import deployment
import nets
import op
import peers
import provider
import swap_e2e
import swap_liquid
import taker
from swap_e2e import SECONDS, check

# A loaded machine is slow, and a payment that comes late is declined.
PATIENT = ["bitcoin.funding_blocks=20", "rootstock.funding_blocks=60"]


class Case(swap_e2e.Case):
    @property
    def bob(self):
        return self.nodes.beside["bob"]

    def to_bob(self, source, amount):
        address = self.client.fresh_account()
        self.completes(self.between(f"{source}-to-bob", source, "bob", amount, address), address)

    def from_bob(self, dest, amount, address):
        before = self.bob.balance(self.client.gas_address)
        run = self.between(f"bob-to-{dest}", "bob", dest, amount, address)
        self.completes(run, address)
        paid = before - self.bob.balance(self.client.gas_address)
        check(paid == decimal.Decimal(amount), f"{paid} paid for {amount}")
        check(self.bob.allowance(self.client.gas_address) == 0, "an allowance is left")

    def data(self):
        """What the chain charges for our data, though its receipts don't say so, is within what the daemon expects."""
        if self.bob.predeploys is None:
            return
        expected = int(decimal.Decimal(self.p.layers()["bob"]["first_layer"]["data_fee"]) * nets.WEI)
        before = self.ether()
        run = self.between("bob-to-bitcoin-data", "bob", "bitcoin", "0.011", taker.BITCOIN_ADDRESSES[2])
        self.completes(run, taker.BITCOIN_ADDRESSES[2])
        receipts = [self.bob.rpc.eth_getTransactionReceipt(e["transaction"]["id"]) for e in run.events()
                    if e["event"] == "transaction" and e["transaction"]["layer"] == "bob"]
        mined = [r for r in receipts if r is not None]
        gas = sum(int(r["gasUsed"], 16) * int(r["effectiveGasPrice"], 16) for r in mined)
        data = before - self.ether() - gas
        check(len(mined) == 2 and not any("l1Fee" in r for r in mined), mined)
        check(0 < data <= len(mined) * expected, f"{data} wei for data, {expected} expected for one")
        for tx in run.rescue()["transactions"]:
            if tx["side"] == "source":
                fee = self.bob.predeploys.fee(bytes.fromhex(tx["raw"]))
                check(fee <= expected <= 4 * fee, f"{tx['purpose']}: {fee} by the predeploy, {expected} by us")
        print(f"data: {data} wei for two transactions, {expected} expected for one at most")

    def ether(self):
        return int(self.bob.rpc.eth_getBalance(self.client.gas_address, "latest"), 16)

    def lightning(self):
        if self.nodes.lightning is None:
            return
        self.paid_to_lightning("bob", "0.016", kill=True)
        self.paid_by_lightning("bob", "0.017", self.client.fresh_account())

    def liquid(self):
        if "liquid" in self.nodes.beside:
            self.to_bob("liquid", "0.018")
            self.from_bob("liquid", "0.019", swap_liquid.ADDRESSES[0])

    def killed(self):
        """The client and then the provider, while an approval and a lock are on their way."""
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
        yield  # other cases run while the time locks do
        self.state(run, "refunded")
        before = self.bob.balance(back)
        run.refund()
        self.p.wait("the client's refund", run.done, SECONDS)
        check(run.process.returncode in (0, 4), f"exit {run.process.returncode}: {run.text()}")
        got = self.bob.balance(back) - before
        check(got == decimal.Decimal("0.04"), f"{got} came back")
        print(f"{run.name}: refunded, {got} back")

    def payout(self):
        to = self.client.fresh_account()
        sent = self.p.ask("/v1/transfers", {"layer": "bob", "to": to, "amount": "0.05"}, key="swap-bob-payout-1")
        self.p.wait("the payout", lambda: self.p.ask("/v1/transfers/" + sent["id"])["state"] == "final", SECONDS)
        check(self.bob.balance(to) == decimal.Decimal("0.05"), "the payee has another amount")
        print("payout: final")


def shown(bin_dir, nodes, deployed):
    """What the daemon says of the layer, and the command line with it."""
    layer, bob = deployed.layers()["bob"], nodes.beside["bob"]
    check(layer["token"].lower() == bob.token.lower() and layer["contract"].lower() == bob.contract.lower(), layer)
    check((layer["asset"], layer["gas_asset"]) == ("WBTC", "ETH"), layer)
    check(0 < decimal.Decimal(layer["gas_available"]) <= 2, layer)
    below = layer["first_layer"]
    check(0 < below["final_height"] <= below["safe_height"] <= layer["height"], layer)
    said = subprocess.run([bin_dir / "sluice", "layers", "--provider", deployed.url()], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    check((below["data_fee"] != "0") == bob.charges_data, below)
    check(f"bob: token {layer['token']}, gas in ETH, data at most {below['data_fee']} a transaction, safe to " in said,
          said)


def refusals(bin_dir, nodes, deployed):
    """What a client is told before anything is paid."""
    bob = nodes.beside["bob"]
    with taker.Taker(bin_dir, nodes, deployed.url()) as poor:
        named = poor.config.read_text()
        nodes.fund("rootstock", poor.gas_address, "1")
        bob.fund(poor.gas_address, "0.1")
        deployed.wait("tokens", lambda: bob.balance(poor.gas_address) > 0)

        def refused(name, said, *swap):
            run = poor.swap(name, *swap)
            deployed.wait("an end", run.done)
            check(run.process.returncode == 3 and said in run.text(), f"{run.process.returncode}: {run.text()}")

        poor.config.write_text(named.replace(f'  token: "{bob.token}"\n', ""))
        refused("no-token", "--bob-token", "bitcoin", "bob", "0.01", poor.fresh_account())
        poor.config.write_text(named)
        refused("no-ether", "ETH", "bob", "bitcoin", "0.01", taker.BITCOIN_ADDRESSES[0])
        bob.ether(poor.gas_address, "1")
        deployed.wait("ether", lambda: int(bob.rpc.eth_getBalance(poor.gas_address.lower(), "latest"), 16) > 0)
        refused("too-few", "WBTC", "bob", "bitcoin", "0.2", taker.BITCOIN_ADDRESSES[0])
    print("refused: without a token named, without ether, without tokens")


def main(kind, bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    if kind == "real":
        peers.need(op.MODULES)
    nodes = nets.open_nets(kind, bin_dir, layers=("bob", "lightning", "liquid") if kind == "sim" else ("bob",))
    with nodes, deployment.Deployment(bin_dir, nodes, settings=PATIENT) as deployed:
        deployed.start()
        deployed.fund()
        shown(bin_dir, nodes, deployed)
        refusals(bin_dir, nodes, deployed)
        with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as client:
            deployed.wait("gas", lambda: nodes.balance("bob", client.gas_address) > 0)
            case = Case(deployed, client)
            vanished = case.vanished()
            next(vanished)
            case.to_bob("bitcoin", "0.01")
            case.to_bob("rootstock", "0.012")
            case.from_bob("bitcoin", "0.02", taker.BITCOIN_ADDRESSES[0])
            case.from_bob("rootstock", "0.022", client.fresh_account())
            case.lightning()
            case.liquid()
            case.data()
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
