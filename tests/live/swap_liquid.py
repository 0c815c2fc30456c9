#!/usr/bin/env python3
"""Whole swaps with Liquid by the command line: a simulated elementsd, the real signer, daemon and client.

    swap_liquid.py BIN_DIR

Liquid to and from Rootstock, Bitcoin and Lightning; the provider killed in the middle, and started from a snapshot; a client that vanishes, so that
both sides take their own back. What the provider has is confidential, but for one deposit. What each side has is asked of the chains.
"""
import decimal
import pathlib
import sys

import deployment
import nets
import provider
import swap_e2e
import taker
from swap_e2e import SECONDS, check

FEE_MAX = decimal.Decimal("0.00002")
SNAPSHOTS = ("snapshots.every_bytes=4096", "snapshots.keep=2")
# Nobody here has a key of them: what a client is paid can only stay there.
ADDRESSES = ("ert1qzp9d42vxkmfzg854psyk62acvg33qhnz4drgnp", "ert1qewkxnz2uc4mwtf20gqmpje8eklaz8ttmqjmw5e",
             "ert1qzwggwxmnc7cs459upv2rp8thrzda9fq7vhxqxl", "ert1qm2rrg76zr63d68gr5h53e5ynl9nqmwfn6nfn3t", "ert1q9q5j52ev95hz7vp3xgengdfkxuurjw3mvnktmz",
             "ert1qu4ey4l5w3unvxrfwd2y30mr99wlvhslrgqa8wn")
# One of somebody's, as its owner would give it.
CONFIDENTIAL = "el1qqv4far4h9s5c6nx7hy3wtzu25awafpxlszt8wmzt82ztt7sj8ex7djavdxy4e3tkukj57spkr9j0ndl6ywkhkl70d2k7ucgfn"


class Case(swap_e2e.Case):
    def there(self):
        address = self.client.fresh_account()
        self.completes(self.between("liquid-to-rootstock", "liquid", "rootstock", "0.01", address), address)

    def back(self):
        self.completes(self.between("rootstock-to-liquid", "rootstock", "liquid", "0.02", ADDRESSES[0]), ADDRESSES[0])

    def from_bitcoin(self):
        self.completes(self.between("bitcoin-to-liquid", "bitcoin", "liquid", "0.015", ADDRESSES[3]), ADDRESSES[3])

    def to_bitcoin(self):
        address = taker.BITCOIN_ADDRESSES[0]
        self.completes(self.between("liquid-to-bitcoin", "liquid", "bitcoin", "0.012", address), address)

    def lightning(self):
        self.paid_to_lightning("liquid", "0.016", kill=True)
        self.paid_by_lightning("liquid", "0.017", ADDRESSES[4])

    def confidential(self, txid):
        """The transaction's outputs that can be spent, by what they hide: {index: whether they do}."""
        outputs = {i: self.nodes.beside["liquid"].rpc.gettxout(txid, i) for i in range(4)}
        return {i: "valuecommitment" in o for i, o in outputs.items() if o and o["scriptPubKey"]["type"] != "nulldata"}

    def received(self):
        """A deposit that hides how much it is, and one to the same script in plain sight, are credited alike."""
        rpc, before = self.nodes.beside["liquid"].rpc, self.p.available("liquid")
        address = self.p.layers()["liquid"]["funding_address"]
        check(address.startswith("el1"), address)
        hidden = rpc.sim_fund(address, "0.5")
        check(self.confidential(hidden)[0], "the faucet did not blind it")
        plain = rpc.gettxout(hidden, 0)["scriptPubKey"]["address"]
        check(plain.startswith("ert1") and not self.confidential(rpc.sim_fund(plain, "0.25"))[0], "the faucet blinded it")
        self.p.wait("both", lambda: self.p.available("liquid") == before + decimal.Decimal("0.75"), SECONDS)
        check(self.client.balance("liquid", plain) == decimal.Decimal("0.25"), "somebody else sees more than one of them")
        self.p.wait_reconciled()
        print("deposits: credited, confidential and not")

    def provider_killed(self):
        address = self.client.fresh_account()
        run = self.between("provider-killed", "liquid", "rootstock", "0.03", address)
        self.state(run, "dest_locking", "dest_locked")
        self.p.kill_daemon()
        check(list((self.p.root / "data/journal").glob("*.snap")), "no snapshot was made")
        self.p.start_daemon()
        self.p.wait("the provider again", self.p.layers)
        self.completes(run, address)

    def vanished(self):
        run = self.between("client-vanished", "liquid", "rootstock", "0.04", self.client.fresh_account(),
                         "--refund-address", ADDRESSES[1])
        run.vanish()
        self.state(run, "dest_locked")
        yield  # other cases run while the time locks do
        self.state(run, "refunded")
        run.refund()
        self.p.wait("the client's refund", run.done, SECONDS)
        check(run.process.returncode in (0, 4), f"exit {run.process.returncode}: {run.text()}")
        got = self.client.balance("liquid", ADDRESSES[1])
        check(decimal.Decimal("0.04") - FEE_MAX <= got < decimal.Decimal("0.04"), f"{got} came back")
        print(f"{run.name}: refunded, {got} back")

    def paid(self, body, key):
        sent = self.p.ask("/v1/transfers", {"layer": "liquid", **body}, key=key)
        return self.p.wait("a payout", lambda: (got := self.p.ask("/v1/transfers/" + sent["id"]))["state"] == "final" and got, SECONDS)

    def payout(self):
        """To an address of somebody's, in plain sight, and to a confidential one, where nobody else sees how much."""
        sent = self.paid({"to": ADDRESSES[2], "amount": "0.05"}, "swap-liquid-payout-1")
        check(self.client.balance("liquid", ADDRESSES[2]) == decimal.Decimal("0.05"), "the payee has another amount")
        # the explicit coin was not spent yet, and suffices
        check(not any(self.confidential(sent["transactions"][-1]["id"]).values()), "confidential coins were spent where it suffices")
        sent = self.paid({"to": CONFIDENTIAL, "amount": "0.0512"}, "swap-liquid-payout-2")
        check(sent["to"] == CONFIDENTIAL, sent)
        output = self.nodes.beside["liquid"].rpc.gettxout(sent["transactions"][-1]["id"], 0)
        check("value" not in output and output["valuecommitment"][:2] in ("08", "09"), output)
        check(output["assetcommitment"][:2] in ("0a", "0b") and output["commitmentnonce"][:2] in ("02", "03"), output)
        # more than is in plain sight: change of confidential coins shows nothing
        sent = self.paid({"to": ADDRESSES[5], "amount": "0.9"}, "swap-liquid-payout-3")
        check(self.client.balance("liquid", ADDRESSES[5]) == decimal.Decimal("0.9"), "the payee has another amount")
        check(self.confidential(sent["transactions"][-1]["id"]) == {0: False, 1: True}, sent)
        print("payouts: final")

    def foreign(self):
        """Another asset, paid to our own address, is neither credited nor missing."""
        layers, before = self.p.layers(), self.p.available("liquid")
        self.nodes.beside["liquid"].rpc.sim_mint(layers["liquid"]["funding_address"], "ab" * 32, "3")
        seen = layers["liquid"]["height"] + 5
        self.p.wait("blocks behind it", lambda: self.p.layers()["liquid"]["height"] >= seen)
        self.p.wait_reconciled()
        check(self.p.available("liquid") == before, "another asset was taken for L-BTC")
        check("another asset" in self.p.layers()["liquid"]["node"]["detail"], self.p.layers()["liquid"])

    def refused(self):
        """What the client is paid by a claim can't be blinded: it says so before anything happens."""
        run = self.client.swap("confidential-claim", "bitcoin", "liquid", "0.01", CONFIDENTIAL)
        self.p.wait("the client's end", run.done, SECONDS)
        check(run.process.returncode == 2 and "confidential" in run.text(), f"{run.process.returncode}: {run.text()}")


def main(bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    nodes = nets.open_nets("sim", bin_dir, layers=("lightning", "liquid"))
    with nodes, deployment.Deployment(bin_dir, nodes, settings=SNAPSHOTS) as deployed:
        deployed.start()
        deployed.fund()
        with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as client:
            deployed.wait("gas", lambda: client.balance("rootstock", client.gas_address) > 0)
            case = Case(deployed, client)
            vanished = case.vanished()
            next(vanished)
            for step in (case.received, case.there, case.back, case.from_bitcoin, case.to_bitcoin, case.lightning, case.provider_killed, case.payout,
                         case.foreign, case.refused):
                step()
            for _ in vanished:
                pass
            deployed.wait_reconciled()
            books = deployed.balances()
            check(decimal.Decimal(books["liquid"]["locked_out"]) == 0, books)
            print("books and chains agree")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except provider.HttpError as e:
        sys.exit(f"the API: {e}")
