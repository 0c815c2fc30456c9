#!/usr/bin/env python3
"""Ends the client at every write of its rescue file, takes the swap up again, and looks at what is left.

    client_kills.py sim|real BIN_DIR

For each direction, each write and each point (before the write; written and synced, nothing done yet; its effect sent,
nothing recorded) a client of its own swaps until it ends there; `sluice resume` must finish with the same bytes: it is
paid once, has paid once, and the provider's books equal the chains. All of them run at once. A write that is never
reached fails the test, and so does one more than there are listed here.
"""
import decimal
import os
import pathlib
import secrets
import subprocess
import sys

import deployment
import nets
from provider import KILLED
from taker import Taker

# How often the file is written in a swap that goes well: made, agreed, paying, (our lock-up signed,) the provider's terms,
# claim signed, completed.
WRITES = {"bitcoin": 6, "rootstock": 7}
POINTS = ("before_write", "synced", "effect_sent")
# The writes after which something of ours is sent: a lock-up, a claim.
EFFECTS = {"bitcoin": (5,), "rootstock": (4, 6)}
AMOUNT = decimal.Decimal("0.01")
SECONDS = 240
CLAIM_FEE_MAX = decimal.Decimal("0.00005")
REAL_SAMPLE = 3  # of the real nodes, every third


def bech32_address():
    """A P2WPKH address of regtest that nobody has a key of (BIP-173)."""
    program = secrets.token_bytes(20)
    bits = int.from_bytes(program, "big")
    data = [0] + [bits >> (155 - 5 * i) & 31 for i in range(32)]

    def polymod(values):
        c = 1
        for v in values:
            top, c = c >> 25, (c & 0x1ffffff) << 5 ^ v
            for i, g in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
                c ^= g if top >> i & 1 else 0
        return c

    hrp = [ord(c) >> 5 for c in "bcrt"] + [0] + [ord(c) & 31 for c in "bcrt"]
    check = polymod(hrp + data + [0] * 6) ^ 1
    data += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return "bcrt1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[d] for d in data)


class Run:
    """One client, and where it ends."""

    def __init__(self, bin_dir, deployed, source, kill_at):
        self.kill_at, self.source = kill_at, source
        self.taker = Taker(bin_dir, deployed.nodes, deployed.url(), gas="0.02" if source == "bitcoin" else "0.05")
        self.killed = self.paid = self.over = False
        self.dest = {"bitcoin": "rootstock", "rootstock": "bitcoin"}[source]
        self.to = bech32_address() if source == "rootstock" else self.taker.fresh_account()
        self.swap = None

    def __str__(self):
        return f"{self.source} {self.kill_at}"

    def funded(self):
        return self.taker.balance("rootstock", self.taker.gas_address) > 0

    def start(self):
        os.environ["SLUICE_KILL_AT"] = self.kill_at
        self.swap = self.taker.swap("swap", self.source, self.dest, str(AMOUNT), self.to)
        del os.environ["SLUICE_KILL_AT"]

    def step(self):
        """True when it is over."""
        if self.over:
            return True
        if not self.paid and self.source == "bitcoin" and self.swap.payment():
            self.paid = True
            self.taker.nodes.fund("bitcoin", *self.swap.payment())
        status = self.swap.process.poll()
        if status is None:
            return False
        if status == KILLED and not self.killed:
            self.killed = True
            if self.swap.rescue_file():
                self.swap.resume()
            else:  # it ended before the first byte: nothing was begun, and nothing is lost
                assert self.kill_at.startswith("1:before"), self
                self.start_again()
            return False
        assert status == 0, f"{self}: exit {status}: {self.swap.text()}"
        self.over = True
        return True

    def start_again(self):
        self.swap.start()

    def check(self, provider):
        """What the chains say."""
        state = provider.swap(self.swap.id())
        got, want = self.taker.balance(self.dest, self.to), decimal.Decimal(state["destination_amount"])
        assert want - (CLAIM_FEE_MAX if self.dest == "bitcoin" else 0) <= got <= want, f"{self}: got {got} of {want}"
        rescue = self.swap.rescue()
        assert rescue["phase"] == "completed", f"{self}: {rescue['phase']}"
        locks = [t for t in rescue["transactions"] if t["purpose"] == "lock"]
        nonces = {t["nonce"] for t in locks}
        assert len(nonces) <= 1, f"{self}: locked with nonces {nonces}"
        if self.source == "rootstock":
            spent = decimal.Decimal("0.05") - self.taker.balance("rootstock", self.taker.gas_address)
            assert AMOUNT < spent < AMOUNT + decimal.Decimal("0.001"), f"{self}: spent {spent}"


def kills(kind):
    every = [(source, f"{write}:{point}") for source, writes in WRITES.items() for write in range(1, writes + 1)
             for point in POINTS if point != "effect_sent" or write in EFFECTS[source]]
    return every if kind == "sim" else every[::REAL_SAMPLE]


def main(kind, bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    nodes = nets.open_nets(kind, bin_dir)
    with nodes, deployment.Deployment(bin_dir, nodes, settings=deployment.PATIENT) as deployed:
        deployed.start()
        deployed.fund(bitcoin=("0.5",) * 10, rootstock=("5",))
        runs = [Run(bin_dir, deployed, source, at) for source, at in kills(kind)]
        deployed.wait("gas for all", lambda: all(r.funded() for r in runs))
        for r in runs:
            r.start()
        deployed.wait("the end of all", lambda: all([r.step() for r in runs]), SECONDS)
        for r in runs:
            assert r.killed, f"{r}: never reached"
            deployed.wait(f"the provider's end of {r}",
                          lambda r=r: deployed.swap(r.swap.id())["state"] == "completed", SECONDS)
            r.check(deployed)
            revision = r.swap.rescue()["revision"]
            assert revision >= WRITES[r.source], f"{r}: {revision} writes"
        # where nothing had to be replaced on the way, the writes are those that are listed, and so all were tried
        for source, writes in WRITES.items():
            least = min(r.swap.rescue()["revision"] for r in runs if r.source == source)
            assert least == writes, f"{source}: {least} writes, {writes} are listed"
        deployed.wait_reconciled()
        print(f"{len(runs)} clients ended and went on; all completed, books and chains agree")
        for r in runs:
            r.taker.__exit__()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as e:
        sys.exit(str(e))
