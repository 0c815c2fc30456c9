#!/usr/bin/env python3
"""A journal that grows while the daemon runs: read again and found damaged, freed behind snapshots, proven and started from all the same.

    journal_upkeep.py BIN_DIR

1. A bit of a full segment is flipped on the disk: the scrubber says so within seconds, /readyz and the metrics with it; put right, the next
   reading finds nothing.
2. Snapshots are made, and the first segment is freed while transfers go on: the head that was kept from before is still proven to be continued.
3. Killed and started again, from a snapshot and what is behind it: nothing is missing. `sluice journal verify --fold` finds nothing wrong: what is
   left of the records gives the state of each snapshot.
"""
import json
import os
import pathlib
import secrets
import subprocess
import sys
import urllib.request

import deployment
import nets
import provider

FIRST, SECOND = "0000000001.seg", "0000000002.seg"
BATCH = 1500  # transfers of 72 bytes: a first segment of 1 MiB holds nine such batches
BATCHES_MAX = 40
SETTINGS = ("reconcile_interval_ms=600000", "limits.request_cpu_us=5000000", "journal.scrub_bytes_per_second=1073741824",
            "journal.scrub_pause_ms=1000")
UPKEEP = ("snapshots.every_bytes=131072", "snapshots.keep=2", "snapshots.collect_after=1")


class Book:
    """One customer who owes and one who is owed, and how much by now."""

    def __init__(self, deployed):
        self.deployed, self.moved = deployed, 0
        self.debtor, self.creditor = ("%032x" % n for n in (10, 11))
        deployed.ask("/v1/book/accounts", {"accounts": [
            {"id": self.debtor, "layer": "bitcoin", "overdraft": True},
            {"id": self.creditor, "layer": "bitcoin"}]}, key=secrets.token_hex(16))

    def move(self):
        transfers = [{"id": secrets.token_hex(16), "from": self.debtor, "to": self.creditor, "amount": "0.00000001"}
                     for _ in range(BATCH)]
        answer = self.deployed.ask("/v1/book/transfers", {"layer": "bitcoin", "transfers": transfers}, key=secrets.token_hex(16))
        assert all(r["result"] == "done" for r in answer["results"]), answer["results"][0]
        self.moved += BATCH

    def move_until(self, what, done):
        for _ in range(BATCHES_MAX):
            if done():
                return
            self.move()
        self.deployed.wait(what, done)

    def check(self):
        balance = self.deployed.ask("/v1/book/accounts/" + self.creditor)["balance"]
        assert round(float(balance) * 1e8) == self.moved, (balance, self.moved)


def metric(deployed, name):
    request = urllib.request.Request(deployed.url() + "/metrics", headers={"Authorization": "Bearer " + provider.TOKEN})
    with urllib.request.urlopen(request, timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
    raise AssertionError(f"no {name}")


def is_ready(deployed):
    try:
        return deployed.ask("/readyz").get("ready", False)
    except provider.HttpError:
        return False


def flip(path):
    """One bit in the middle, on the disk; the same again puts it right."""
    with open(path, "r+b") as file:
        at = path.stat().st_size // 2
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
        file.flush()
        os.fsync(file.fileno())


def check_scrub(deployed, journal):
    damaged = "sluice_journal_damaged_segments"
    passes = metric(deployed, "sluice_journal_scrubs_total")
    deployed.wait("a whole reading", lambda: metric(deployed, "sluice_journal_scrubs_total") >= passes + 2)
    assert metric(deployed, damaged) == 0 and metric(deployed, "sluice_journal_scrubbed_bytes_total") > 0 and is_ready(deployed)
    flip(journal / FIRST)
    deployed.wait("the flipped bit", lambda: metric(deployed, damaged) == 1)
    assert not is_ready(deployed)
    log = (deployed.root / "log").read_text()
    assert "segment 1, offset" in log and "1 damaged segments" in log, "the log does not say where"
    flip(journal / FIRST)
    deployed.wait("a sound journal", lambda: metric(deployed, damaged) == 0)
    deployed.wait_ready()


def check_consistent(deployed, old):
    new = deployed.ask("/v1/log/root")
    proof = deployed.ask(f"/v1/log/consistency?from={old['size']}&to={new['size']}")
    assert new["size"] > old["size"] and len(proof["proof"]) > 0, proof


def restart(deployed, settings):
    deployed.kill_daemon()
    deployed.start_daemon(settings=settings)
    deployed.wait_ready()


def run(deployed):
    journal = deployed.root / "data" / "journal"
    book = Book(deployed)
    book.move_until("a second segment", (journal / SECOND).exists)
    old = deployed.wait("the log's head", lambda: deployed.ask("/v1/log/root"))
    check_scrub(deployed, journal)

    restart(deployed, UPKEEP)
    book.check()
    book.move_until("a freed segment", lambda: metric(deployed, "sluice_journal_segments_freed_total") > 0)
    assert not (journal / FIRST).exists() and metric(deployed, "sluice_snapshots_total") >= 2
    check_consistent(deployed, old)
    book.check()

    restart(deployed, UPKEEP)
    book.check()
    book.move()
    book.check()
    check_consistent(deployed, old)
    deployed.end_daemon()
    got = subprocess.run([deployed.bin / "sluice", "journal", "verify", journal, "--fold", deployed.root / "sluice.yaml", "--json"],
                         stdout=subprocess.PIPE)
    said = json.loads(got.stdout)
    fold = said["fold"]
    assert got.returncode == 0 and said["verdict"] == "good" and fold["agrees"] and fold["snapshots"] == 2, said
    assert 1 < fold["first_sequence"] < fold["last_sequence"] == said["last_sequence"], said


def main(bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    with nets.open_nets("sim", bin_dir, block_ms={"bitcoin": 0, "rootstock": 0}) as nodes:
        with deployment.Deployment(bin_dir, nodes, settings=SETTINGS) as deployed:
            deployed.start()
            for layer in ("bitcoin", "rootstock"):
                nodes.mine(layer)
            deployed.wait_reconciled()
            deployed.wait_ready()
            run(deployed)


if __name__ == "__main__":
    main(*sys.argv[1:])
