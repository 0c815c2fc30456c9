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
import swap_liquid
import swap_tokens
import taker
from swap_e2e import check


class Case(swap_tokens.Case):
    layer = "bob"

    @property
    def bob(self):
        return self.tokens

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
            self.to_tokens("liquid", "0.018")
            self.from_tokens("liquid", "0.019", swap_liquid.ADDRESSES[0])


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
        bob.gas(poor.gas_address, "1")
        deployed.wait("ether", lambda: int(bob.rpc.eth_getBalance(poor.gas_address.lower(), "latest"), 16) > 0)
        refused("too-few", "WBTC", "bob", "bitcoin", "0.2", taker.BITCOIN_ADDRESSES[0])
    print("refused: without a token named, without ether, without tokens")


def main(kind, bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    if kind == "real":
        peers.need(op.MODULES)
    nodes = nets.open_nets(kind, bin_dir, layers=("bob", "lightning", "liquid") if kind == "sim" else ("bob",))
    with nodes, deployment.Deployment(bin_dir, nodes, settings=swap_tokens.PATIENT) as deployed:
        deployed.start()
        deployed.fund()
        shown(bin_dir, nodes, deployed)
        refusals(bin_dir, nodes, deployed)
        with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as client:
            deployed.wait("gas", lambda: nodes.balance("bob", client.gas_address) > 0)
            case = Case(deployed, client)
            vanished = case.vanished("rootstock", client.fresh_account())
            next(vanished)
            case.to_tokens("bitcoin", "0.01")
            case.to_tokens("rootstock", "0.012")
            case.from_tokens("bitcoin", "0.02", taker.BITCOIN_ADDRESSES[0])
            case.from_tokens("rootstock", "0.022", client.fresh_account())
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
