#!/usr/bin/env python3
"""Whole swaps of tokens on Rootstock by the command line: the real signer, daemon and client on Bitcoin Core and anvil, or
on simulated networks.

    swap_tokens.py sim|real BIN_DIR

Tokens to and from Bitcoin, and to and from the coin of the same chain; both sides killed while the client approves and locks;
a client that vanishes, so that both take their own back; a payout, one to the Bridge refused; a client without a token named or
without tokens. What each side has is asked of the chains. Case serves any layer of tokens.
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

# A loaded machine is slow, and a payment that comes late is declined.
PATIENT = ["bitcoin.funding_blocks=20", "rootstock.funding_blocks=60"]
BRIDGE = "0x" + "1000006".rjust(40, "0")


class Case(swap_e2e.Case):
    layer = "rootstock_erc20"

    @property
    def tokens(self):
        return self.nodes.beside[self.layer]

    def to_tokens(self, source, amount):
        address = self.client.fresh_account()
        self.completes(self.between(f"{source}-to-{self.layer}", source, self.layer, amount, address), address)

    def from_tokens(self, dest, amount, address):
        before = self.tokens.balance(self.client.gas_address)
        run = self.between(f"{self.layer}-to-{dest}", self.layer, dest, amount, address)
        self.completes(run, address)
        paid = before - self.tokens.balance(self.client.gas_address)
        check(paid == decimal.Decimal(amount), f"{paid} paid for {amount}")
        check(self.tokens.allowance(self.client.gas_address) == 0, "an allowance is left")

    def killed(self):
        """The client and then the provider, while an approval and a lock are on their way."""
        address = taker.BITCOIN_ADDRESSES[1]
        run = self.between("both-killed", self.layer, "bitcoin", "0.021", address)
        run.vanish()
        self.p.kill_daemon()
        self.p.start_daemon()
        self.p.wait("the provider again", self.p.layers)
        run.resume()
        self.completes(run, address)

    def vanished(self, dest, address):
        back = self.client.gas_address
        run = self.between("client-vanished", self.layer, dest, "0.04", address)
        self.state(run, "source_seen", "source_locked", "dest_locking", "dest_locked")
        run.vanish()
        self.state(run, "dest_locked")
        yield  # other cases run while the time locks do
        self.state(run, "refunded")
        before = self.tokens.balance(back)
        run.refund()
        self.p.wait("the client's refund", run.done, SECONDS)
        check(run.process.returncode in (0, 4), f"exit {run.process.returncode}: {run.text()}")
        got = self.tokens.balance(back) - before
        check(got == decimal.Decimal("0.04"), f"{got} came back")
        print(f"{run.name}: refunded, {got} back")

    def payout(self):
        to = self.client.fresh_account()
        sent = self.p.ask("/v1/transfers", {"layer": self.layer, "to": to, "amount": "0.05"}, key="swap-tokens-payout")
        self.p.wait("the payout", lambda: self.p.ask("/v1/transfers/" + sent["id"])["state"] == "final", SECONDS)
        check(self.tokens.balance(to) == decimal.Decimal("0.05"), "the payee has another amount")
        print("payout: final")

    def no_payout(self, to):
        try:
            self.p.ask("/v1/transfers", {"layer": self.layer, "to": to, "amount": "0.05"}, key="swap-tokens-nowhere")
        except provider.HttpError as e:
            return check("422" in str(e) or "400" in str(e), e)
        raise AssertionError(f"a payout to {to} was taken")


def shown(nodes, deployed):
    """What the daemon says of both layers of one chain: accounts and contracts of their own."""
    layers, tokens = deployed.layers(), nodes.beside[Case.layer]
    layer, coin = layers[Case.layer], layers["rootstock"]
    check(layer["token"].lower() == tokens.token.lower() and layer["contract"].lower() == tokens.contract.lower(), layer)
    check((layer["asset"], layer["gas_asset"], layer["first_layer"]) == ("WBTC", "RBTC", None), layer)
    check(layer["funding_address"] != coin["funding_address"] and layer["contract"] != coin["contract"], layer)
    check(0 < decimal.Decimal(layer["gas_available"]) <= 2, layer)


def refusals(bin_dir, nodes, deployed):
    """What a client is told before anything is paid."""
    tokens = nodes.beside[Case.layer]
    with taker.Taker(bin_dir, nodes, deployed.url()) as poor:
        named = poor.config.read_text()
        nodes.fund("rootstock", poor.gas_address, "1")
        tokens.fund(poor.gas_address, "0.1")
        deployed.wait("tokens", lambda: tokens.balance(poor.gas_address) > 0)

        def refused(name, said, *swap):
            run = poor.swap(name, *swap)
            deployed.wait("an end", run.done)
            check(run.process.returncode == 3 and said in run.text(), f"{run.process.returncode}: {run.text()}")

        poor.config.write_text(named.replace(f'  token: "{tokens.token}"\n', ""))
        refused("no-token", "--rootstock-erc20-token", "bitcoin", Case.layer, "0.01", poor.fresh_account())
        poor.config.write_text(named)
        refused("too-few", "WBTC", Case.layer, "bitcoin", "0.2", taker.BITCOIN_ADDRESSES[0])
    print("refused: without a token named, without tokens")


def main(kind, bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    nodes = nets.open_nets(kind, bin_dir, layers=(Case.layer,))
    with nodes, deployment.Deployment(bin_dir, nodes, settings=PATIENT) as deployed:
        deployed.start()
        deployed.fund()
        shown(nodes, deployed)
        refusals(bin_dir, nodes, deployed)
        with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as client:
            deployed.wait("gas", lambda: nodes.balance(Case.layer, client.gas_address) > 0)
            case = Case(deployed, client)
            vanished = case.vanished("rootstock", client.fresh_account())
            next(vanished)
            case.to_tokens("bitcoin", "0.01")
            case.to_tokens("rootstock", "0.012")
            case.from_tokens("bitcoin", "0.02", taker.BITCOIN_ADDRESSES[0])
            case.from_tokens("rootstock", "0.022", client.fresh_account())
            case.killed()
            case.payout()
            case.no_payout(BRIDGE)
            for _ in vanished:
                pass
            deployed.wait_reconciled()
            books = deployed.balances()
            check(decimal.Decimal(books[Case.layer]["locked_out"]) == 0, books)
            print("books and chains agree")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except provider.HttpError as e:
        sys.exit(f"the API: {e}")
