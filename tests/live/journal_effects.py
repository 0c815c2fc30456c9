#!/usr/bin/env python3
"""In every mode of the journal nothing is sent before it is durable: journal_effects.py BIN_DIR JOURNAL_TOOL [MODE...]

A daemon is ended where the record that holds a signed payment is in memory only, and where it is written and nobody was told: the node
has no transaction of it, whatever the mode lets an answer do. Ended after it was sent, the node has it: so the others would show it. Each
time the daemon starts again and the payment is made, once.
"""
import pathlib
import secrets
import sys
import time

import deployment
import nets
from peers import tool
from provider import KILLED, HttpError

INTERVAL_MS = 200
MODES = {"group": (), "strict": (), "interval": (f"journal.interval_ms={INTERVAL_MS}",)}
# the point; what the journal ends with then; whether the node has the payment
POINTS = (("before_write", "intent", False), ("written", "prepared", False), ("effect_sent", "prepared", True))
QUIET = ("reconcile_interval_ms=600000",)
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
ATTEMPTS = 4  # a record more or less of the start moves the point


def pay(deployed):
    return deployed.ask("/v1/transfers", {"layer": "bitcoin", "amount": "0.001", "to": STRANGER}, key=secrets.token_hex(16))["id"]


def state_of(deployed, transfer):
    return deployed.ask("/v1/transfers/" + transfer)["state"]


class Case:
    def __init__(self, deployed, nodes, journal, mode):
        self.deployed, self.nodes, self.journal = deployed, nodes, journal
        self.settings = (f"journal.mode={mode}", *MODES[mode])
        self.start()
        before = self.rest()
        self.end_payment(pay(deployed))
        time.sleep(2 * INTERVAL_MS / 1000)
        self.offset = next(seq for seq, kind in self.records() if seq > before and kind == "prepared") - before
        before = self.rest()
        self.start()
        self.grown = self.rest() - before  # what a start appends

    def start(self, kill_at=None):
        self.deployed.end_daemon()
        self.deployed.start_daemon(kill_at, self.settings)
        self.deployed.wait_ready()

    def rest(self):
        self.deployed.quiet()
        return self.deployed.sequence()

    def sent(self):
        return bool(self.nodes.bitcoin.getrawmempool())

    def records(self):
        lines = (line.split() for line in self.journal(self.deployed.root / "data/journal"))
        return [(int(seq), kind) for seq, kind, _ in lines]

    def end_payment(self, transfer):
        self.deployed.wait("the payment", lambda: len(self.nodes.bitcoin.getrawmempool()) == 1)
        self.nodes.mine("bitcoin", 4)
        self.deployed.wait("its end", lambda: state_of(self.deployed, transfer) == "final")

    def killed(self, point):
        """Ended there while it pays; the record that the journal ends with."""
        self.start(f"{self.rest() + self.grown + self.offset}:{point}")
        before = self.rest()
        try:
            pay(self.deployed)
        except (OSError, HttpError):
            pass  # in `group` it may end before it answers
        status = self.deployed.daemon.wait(10)
        assert status == KILLED, f"{point}: ended with {status}"
        records = self.records()
        if self.sent() and (records[-1][0] <= before or records[-1][1] == "intent"):
            raise AssertionError(f"{self.settings}: ended at {point}, the node has a payment that the journal has not")
        return records[-1][1]

    def check(self, point, last, sent):
        for _ in range(ATTEMPTS):
            if self.killed(point) == last:
                break
            self.finish()
        else:
            raise AssertionError(f"{self.settings}: {point} was not met")
        if self.sent() != sent:
            raise AssertionError(f"{self.settings}: ended at {point}, the node {'does not have' if sent else 'has'} the payment")
        self.finish()

    def finish(self):
        self.start()
        for transfer in self.deployed.ask("/v1/transfers")["transfers"]:
            if transfer["state"] != "final":
                self.end_payment(transfer["id"])
        assert not self.sent()


def main(bin_dir, journal_tool, *modes):
    bin_dir = pathlib.Path(bin_dir)
    with nets.open_nets("sim", bin_dir, block_ms={"bitcoin": 0, "rootstock": 0}) as nodes:
        with deployment.Deployment(bin_dir, nodes, settings=QUIET) as deployed:
            deployed.start()
            for _ in range(2):
                nodes.fund("bitcoin", deployed.layers()["bitcoin"]["funding_address"], "1")
            for layer in ("bitcoin", "rootstock"):
                nodes.mine(layer, 4)
            deployed.wait_reconciled()
            deployed.wait_ready()
            for mode in modes or MODES:
                case = Case(deployed, nodes, tool(journal_tool), mode)
                for point in POINTS:
                    case.check(*point)


if __name__ == "__main__":
    main(*sys.argv[1:])
