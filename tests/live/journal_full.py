#!/usr/bin/env python3
"""A daemon whose disk has no room for another segment: journal_full.py BIN_DIR FAULT_FS

What must hold: nothing new is taken, and clients are told so (503 storage_full, retryable, nothing was done), as /readyz and the metrics say;
what is under way goes on and ends; what was acknowledged is there after a kill in the middle of it; when the disk has room
again, everything is taken again without a restart. Exits with 77 where no file system can be mounted.
"""
import errno
import pathlib
import secrets
import sys
import tempfile

import deployment
import nets
from journal_faults import FaultyFolder, start_again
from journal_upkeep import Book, metric
from provider import HttpError

FULL = ("fallocate", errno.ENOSPC, 1 << 30)
BATCHES_MAX = 20  # more than a segment of 1 MiB holds
PAYOUT = "0.001"
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def refusal(ask):
    """(status, problem), or None where it was taken."""
    try:
        ask()
    except HttpError as e:
        return e.status, e.problem
    return None


def is_ready(deployed):
    try:
        return deployed.ask("/readyz")["journal_room"]
    except HttpError as e:
        return e.problem["journal_room"]


def fill(deployed, book):
    """Until nothing more is taken; what was, counts."""
    for _ in range(BATCHES_MAX):
        said = refusal(book.move)
        if said is not None:
            return said
    raise AssertionError("everything is taken")


def check_refused(deployed, book, said):
    status, problem = said
    assert status == 503 and problem["code"] == "storage_full" and problem["retryable"], said
    assert problem["funds_state"] == "none", problem
    again = refusal(lambda: pay(deployed))
    assert again is not None and again[1]["code"] == "storage_full", again
    assert metric(deployed, "sluice_journal_full") == 1 and not is_ready(deployed)
    assert metric(deployed, "sluice_journal_free_bytes") > 0
    book.check()


def pay(deployed):
    return deployed.ask("/v1/transfers", {"layer": "bitcoin", "amount": PAYOUT, "to": STRANGER},
                        key=secrets.token_hex(16))["id"]


def state_of(deployed, transfer):
    return deployed.ask("/v1/transfers/" + transfer)["state"]


def run(deployed, nodes, folder):
    book = Book(deployed)
    transfer = pay(deployed)
    deployed.wait("the payout", lambda: state_of(deployed, transfer) == "sent")
    waiting = pay(deployed)  # its intent is new: it waits for room where there was no time for it
    deployed.end_daemon()
    (folder.behind / "spare").unlink()
    folder.order(*FULL)
    start_again(deployed)
    deployed.wait("a full disk", lambda: metric(deployed, "sluice_journal_full") == 1)

    check_refused(deployed, book, fill(deployed, book))
    # what was taken before goes on, on the bytes that are left
    for _ in range(4):
        nodes.mine("bitcoin")
    deployed.wait("the payout's end", lambda: state_of(deployed, transfer) == "final")

    deployed.kill_daemon()
    start_again(deployed)
    book.check()
    assert state_of(deployed, transfer) == "final"
    check_refused(deployed, book, fill(deployed, book))

    folder.order("none")
    deployed.wait("room", lambda: metric(deployed, "sluice_journal_full") == 0)
    deployed.wait_ready()
    for _ in range(BATCHES_MAX):
        book.move()
    deployed.wait("the payout that waited", lambda: state_of(deployed, waiting) != "pending")
    pay(deployed)
    book.check()
    log = (deployed.root / "log").read_text()
    assert "has no room for another segment" in log and "has room again" in log


def main(bin_dir, program):
    bin_dir, root = pathlib.Path(bin_dir), pathlib.Path(tempfile.mkdtemp(prefix="sluice-full-"))
    folder = FaultyFolder(program, root / "data/journal")
    try:
        with nets.open_nets("sim", bin_dir, block_ms={"bitcoin": 0, "rootstock": 0}) as nodes:
            with deployment.Deployment(bin_dir, nodes, root=root, settings=("reconcile_interval_ms=600000",)) as deployed:
                try:
                    deployed.start()
                    for _ in range(2):
                        nodes.fund("bitcoin", deployed.layers()["bitcoin"]["funding_address"], "1")
                    for layer in ("bitcoin", "rootstock"):
                        nodes.mine(layer, 4)
                    deployed.wait_reconciled()
                    run(deployed, nodes, folder)
                finally:
                    deployed.end_daemon()
                    deployed.end_signer()
                    folder.close()
    finally:
        if folder.process.poll() is None:
            folder.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
