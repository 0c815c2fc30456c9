#!/usr/bin/env python3
"""Whole swaps by the command line: real or simulated networks, the real signer, daemon and client.

    swap_e2e.py sim|real BIN_DIR [LOOP_BACKEND [cln]]

Both ways; the provider killed in the middle; the client killed before it claims, and resumed; a client that vanishes, so
that both sides take their own back. What each side has is asked of the chains. With LOOP_BACKEND (epoll, uring) signer,
daemon and networks wait that way, which is looked up in the system. cln: the Lightning nodes, provider's and client's, are
(simulated) Core Lightnings with the plugin hold.
"""
import decimal
import json
import os
import pathlib
import subprocess
import sys

import deployment
import nets
import provider
import taker

CLAIM_FEE_MAX = decimal.Decimal("0.00002")
SECONDS = 90  # sanitizers and a loaded machine are slow


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Case:
    def __init__(self, deployed, client, cln=None):
        self.p, self.client, self.nodes, self.cln = deployed, client, deployed.nodes, cln

    def begin(self, name, source, amount, address, *more):
        return self.between(name, source, nets.OTHER[source], amount, address, *more)

    def between(self, name, source, dest, amount, address, *more):
        run = self.client.swap(name, source, dest, amount, address, *more)
        if source in ("bitcoin", "liquid"):
            self.p.wait("a payment to make", lambda: self.alive(run).payment(), SECONDS)
            self.nodes.fund(source, *run.payment())
        self.p.wait("a swap id", lambda: self.alive(run).id(), SECONDS)
        return run

    @staticmethod
    def alive(run):
        check(not run.done(), f"sluice ended with {run.process.returncode if run.done() else None}: {run.text()}")
        return run

    def state(self, run, *states):
        return self.p.wait("/".join(states), lambda: self.p.swap(run.id())["state"] in states, SECONDS)

    def completes(self, run, address):
        self.p.wait("the client's end", run.done, SECONDS)
        check(run.process.returncode == 0, f"exit {run.process.returncode}: {run.text()}")
        self.state(run, "completed")
        swap = self.p.swap(run.id())
        got = self.client.balance(swap["to"], address)
        want = decimal.Decimal(swap["destination_amount"])
        check(want - CLAIM_FEE_MAX <= got <= want, f"{address} has {got} of {want}")
        check(run.rescue()["phase"] == "completed", run.rescue()["phase"])
        print(f"{run.name}: completed, {got} received")

    def paid_by_lightning(self, dest, amount, address):
        """From the taker's own node; what it has is less by the amount, without a fee between neighbours."""
        before = self.nodes.lightning.msat("bob")
        run = self.between(f"lightning-to-{dest}", "lightning", dest, amount, address)
        self.completes(run, address)
        paid = before - self.nodes.lightning.msat("bob")
        check(paid == nets.units("bitcoin", amount) * 1000, f"{paid} msat paid for {amount}")
        return run

    def paid_to_lightning(self, source, amount, kill=False):
        """The taker's own node is paid; the provider may be killed while it pays."""
        before = self.nodes.lightning.msat("bob")
        run = self.between(f"{source}-to-lightning", source, "lightning", amount, None)
        if kill:
            self.state(run, "dest_locking", "dest_locked", "claiming", "completed")
            self.p.kill_daemon()
            self.p.start_daemon()
            self.p.wait("the provider again", self.p.layers)
        self.p.wait("the client's end", run.done, SECONDS)
        check(run.process.returncode == 0, f"exit {run.process.returncode}: {run.text()}")
        self.state(run, "completed")
        got = self.nodes.lightning.msat("bob") - before
        want = nets.units("bitcoin", self.p.swap(run.id())["destination_amount"]) * 1000
        check(got == want, f"{got} msat received of {want}")
        print(f"{run.name}: completed, {got} msat received")

    def without_plugin(self):
        """A provider whose node can't hold now refuses in words, and makes no swap."""
        lever = self.nodes.lightning.lever("alice")
        count = len(self.p.ask("/v1/swaps")["swaps"])
        lever.sim_plugin(False)
        run = self.client.swap("no-plugin", "lightning", "bitcoin", "0.016", taker.BITCOIN_ADDRESSES[2])
        self.p.wait("the client's end", run.done, SECONDS)
        check(run.process.returncode != 0 and "makes no invoice" in run.text(), run.text())
        check(len(self.p.ask("/v1/swaps")["swaps"]) == count, "a swap was made")
        lever.sim_plugin(True)
        print(f"{run.name}: refused")

    # ---- the cases ----

    def lightning(self):
        """Both ways with each other layer; the provider killed while it pays; the client killed while it holds."""
        if self.nodes.lightning is None:
            return
        self.paid_to_lightning("bitcoin", "0.012")
        self.paid_to_lightning("rootstock", "0.013", kill=True)
        self.paid_by_lightning("rootstock", "0.014", self.client.fresh_account())
        self.paid_by_lightning("bitcoin", "0.015", taker.BITCOIN_ADDRESSES[2])
        if self.cln:
            self.without_plugin()

    def there(self):
        address = self.client.fresh_account()
        run = self.begin("bitcoin-to-rootstock", "bitcoin", "0.01", address)
        self.completes(run, address)
        self.receipt(run.id())

    def back(self):
        address = taker.BITCOIN_ADDRESSES[0]
        self.completes(self.begin("rootstock-to-bitcoin", "rootstock", "0.02", address), address)

    def provider_killed(self):
        address = self.client.fresh_account()
        run = self.begin("provider-killed", "bitcoin", "0.03", address)
        self.state(run, "dest_locking", "dest_locked")
        before = self.p.ask("/v1/log/root")
        self.p.kill_daemon()
        self.p.start_daemon()
        self.p.wait("the provider again", self.p.layers)
        self.completes(run, address)
        self.log_has_grown(before)
        self.receipt(run.id())

    def sluice(self, *args):
        return subprocess.run([self.p.bin / "sluice", *args], stdout=subprocess.PIPE, check=False)

    def receipt(self, swap_id):
        """Taken from the provider, verified without it, and refused with a byte changed."""
        path = pathlib.Path(self.p.root) / "receipt.json"
        fetched = self.sluice("receipt", swap_id, "--provider", self.p.url())
        check(fetched.returncode == 0, f"sluice receipt: {fetched.returncode}")
        path.write_bytes(fetched.stdout)
        head = json.loads(fetched.stdout)["head"]
        for more, want in ((), 0), (("--head", head), 0), (("--head", head[::-1]), 7):
            got = self.sluice("receipt", "verify", str(path), *more)
            check(got.returncode == want, f"verify {more}: {got}")
        for at in range(0, len(fetched.stdout) - 1, 17):
            changed = bytearray(fetched.stdout)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            check(self.sluice("receipt", "verify", str(path)).returncode == 7, f"byte {at} changed, and taken")
        print("receipt: verified, and refused with any byte changed")

    def log_has_grown(self, before):
        """The log is still the one that it was before, as a tree that was read from the disk says."""
        now = self.p.ask(f"/v1/log/consistency?from={before['size']}")
        check(now["from"]["head"] == before["head"], f"{before} became {now['from']}")
        check(now["to"]["size"] > before["size"], now["to"])

    def client_killed(self):
        address = self.client.fresh_account()
        run = self.begin("client-killed", "bitcoin", "0.011", address)
        run.vanish()
        self.state(run, "source_seen", "source_locked", "dest_locking", "dest_locked")
        run.resume()
        self.completes(run, address)

    def vanished(self):
        back = taker.BITCOIN_ADDRESSES[1]
        address = self.client.fresh_account()
        run = self.begin("client-vanished", "bitcoin", "0.04", address, "--refund-address", back)
        run.vanish()
        self.state(run, "dest_locked")
        yield  # other cases run while the time locks do
        self.state(run, "refunded")
        run.refund()
        self.p.wait("the client's refund", run.done, SECONDS)
        check(run.process.returncode in (0, 4), f"exit {run.process.returncode}: {run.text()}")
        got = self.client.balance("bitcoin", back)
        check(decimal.Decimal("0.04") - CLAIM_FEE_MAX <= got < decimal.Decimal("0.04"), f"{back} has {got}")
        check(self.client.balance("rootstock", address) == 0, "the vanished client was paid")
        print(f"{run.name}: refunded, {got} back")


def check_backend(process, backend):
    """What the process has open says how it waits."""
    names = {os.readlink(fd) for fd in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()}
    check(("anon_inode:[io_uring]" in names) == (backend == "uring"), f"{process.args[0]}: {sorted(names)}")


def main(kind, bin_dir, backend="auto", cln=None):
    bin_dir = pathlib.Path(bin_dir)
    options = {} if backend == "auto" else {"loop_backend": backend}
    nodes = nets.open_nets(kind, bin_dir, **options, **({"cln": "both"} if cln else {}))
    with nodes, deployment.Deployment(bin_dir, nodes, **options) as deployed:
        deployed.start()
        if options:
            for process in (deployed.signer, deployed.daemon, nodes.process):
                check_backend(process, backend)
        deployed.fund()
        with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as client:
            deployed.wait("gas", lambda: client.balance("rootstock", client.gas_address) > 0)
            case = Case(deployed, client, cln)
            vanished = case.vanished()
            next(vanished)
            for step in (case.there, case.back, case.provider_killed, case.client_killed, case.lightning):
                step()
            for _ in vanished:
                pass
            deployed.wait_reconciled()
            books = deployed.balances()
            check(decimal.Decimal(books["bitcoin"]["locked_out"]) == 0, books)
            check(decimal.Decimal(books["rootstock"]["locked_out"]) == 0, books)
            print("books and chains agree")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except provider.HttpError as e:
        sys.exit(f"the API: {e}")
