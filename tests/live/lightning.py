#!/usr/bin/env python3
"""Our asking of Lightning nodes against two lnds with a channel, over TLS and with macaroons.

usage: lightning.py LN_TOOL
Exit status 77: no lnd here (tools/peers/lnd.sh).
"""
import hashlib
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading

import lnds
import peers
from lnds import CHANNEL_SAT, PUSH_SAT, SECONDS, until

TOOL = sys.argv[1]


def ask(node, what, credential=None, cert=None, **values):
    return Asked(node, what, credential, cert, values).all()


class Asked:
    """A question under way: its answers, as they come."""

    def __init__(self, node, what, credential=None, cert=None, values=()):
        self.what = what
        self.process = subprocess.Popen(
            [TOOL, "lnd", "regtest", node.url, str(credential or node.macaroon), str(cert or node.cert), what,
             *(f"{name}={value}" for name, value in dict(values).items())], stdout=subprocess.PIPE, text=True)
        self.answers = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))
        self.answers.put(None)

    def next(self):
        return self.answers.get(timeout=SECONDS)

    def until(self, fits):
        """The first answer that fits; the others are forgotten."""
        while True:
            answer = self.next()
            assert answer is not None, f"{self.what}: ended without it"
            if fits(answer):
                return answer

    def all(self):
        """The last answer; the tool has ended well."""
        last = None
        while (answer := self.next()) is not None:
            last = answer
        assert self.process.wait(SECONDS) == 0
        return last

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def state(name):
    return lambda answer: answer.get("state") == name


def new_hash():
    preimage = os.urandom(32)
    return preimage.hex(), hashlib.sha256(preimage).hexdigest()


def hold(node, amount):
    preimage, digest = new_hash()
    made = ask(node, "hold", hash=digest, amount=amount, expiry=3600, cltv=80)
    assert made["err"] == "OK", made
    return preimage, digest, made["request"]


def pay(node, digest, request, **more):
    values = {"hash": digest, "request": request, "fee": 10000, "timeout": 30, "limit": 500, **more}
    return Asked(node, "follow-pay", values=values)


def who_may(alice, bob, work):
    """Each thing that can be wrong with a connection, told apart."""
    info = ask(alice, "info")
    assert info["err"] == "OK" and info["network"] == "regtest" and "0.21" in info["version"], info
    wrong = pathlib.Path(work, "wrong.macaroon")
    wrong.write_bytes(b"\0")
    assert ask(alice, "info", credential=wrong)["err"] == "ERR_DENIED"
    assert ask(alice, "info", credential=bob.macaroon)["err"] == "ERR_DENIED"
    # one that may not do everything
    baked = bob.rest("POST", "/v1/macaroon", {"permissions": [{"entity": "info", "action": "read"}]})
    reader = pathlib.Path(work, "reader.macaroon")
    reader.write_bytes(bytes.fromhex(baked["macaroon"]))
    assert ask(bob, "info", credential=reader)["err"] == "OK"
    for what in ("balance", "payment", "invoice", "cancel"):
        refused = ask(bob, what, credential=reader, **({} if what == "balance" else {"hash": "11" * 32}))
        assert refused["err"] == "ERR_DENIED", (what, refused)
    assert ask(bob, "limbo")["limbo"] == 0
    # another's certificate: nothing was sent
    assert ask(alice, "info", cert=bob.cert)["err"] == "ERR_UNAVAILABLE"
    assert ask(alice, "info", cert="/etc/ssl/certs/ca-certificates.crt")["err"] == "ERR_UNAVAILABLE"


def settled(alice, bob):
    before = ask(alice, "balance"), ask(bob, "balance")
    preimage, digest, request = hold(bob, 20_000_000)
    invoice = Asked(bob, "follow-invoice", values={"hash": digest})
    assert invoice.next()["state"] == "open"
    payment = pay(alice, digest, request)
    held = invoice.until(state("held"))
    assert held["held"] == 20_000_000 and held["held_count"] == 1, held
    assert ask(bob, "invoice", hash=digest)["state"] == "held"
    flying = payment.until(lambda a: a.get("in_flight"))
    assert flying["state"] == "in flight" and flying["expiry_height"] == held["expiry_height"], (flying, held)
    assert ask(alice, "payment", hash=digest)["state"] == "in flight"
    assert ask(alice, "balance")["unsettled_local"] == 20_000_000
    assert ask(bob, "balance")["unsettled_remote"] == 20_000_000
    assert ask(bob, "settle", preimage=new_hash()[0])["err"] == "ERR_NOT_FOUND"
    for _ in range(2):  # the second changes nothing
        assert ask(bob, "settle", preimage=preimage)["err"] == "OK"
    paid = payment.all()
    assert paid["state"] == "succeeded" and paid["preimage"] == preimage and paid["fee"] == 0, paid
    assert invoice.all()["state"] == "settled"
    assert ask(alice, "payment", hash=digest)["state"] == "succeeded"
    assert ask(bob, "cancel", hash=digest)["err"] == "ERR_STATE"
    assert ask(bob, "hold", hash=digest, amount=1000, expiry=3600, cltv=80)["err"] == "ERR_EXISTS"
    # paid already: not again, and told by its hash
    assert pay(alice, digest, request).all()["state"] == "succeeded"
    until(lambda: ask(bob, "balance")["local"] - before[1]["local"] == 20_000_000)
    after = ask(alice, "balance")
    assert before[0]["local"] - after["local"] == 20_000_000 and after["unsettled_local"] == 0, (before, after)


def cancelled(alice, bob):
    before = ask(alice, "balance")
    _, digest, request = hold(bob, 30_000_000)
    payment = pay(alice, digest, request)
    until(lambda: ask(bob, "invoice", hash=digest)["state"] == "held")
    for _ in range(2):
        assert ask(bob, "cancel", hash=digest)["err"] == "OK"
    failed = payment.all()
    assert failed["state"] == "failed" and failed["failure"] == "refused", failed
    assert ask(bob, "invoice", hash=digest)["state"] == "cancelled"
    until(lambda: ask(alice, "balance") == before)


def unknown(alice, bob):
    digest = new_hash()[1]
    assert ask(alice, "payment", hash=digest)["err"] == "ERR_NOT_FOUND"
    assert ask(alice, "follow-payment", hash=digest)["err"] == "ERR_NOT_FOUND"
    assert ask(bob, "invoice", hash=digest)["err"] == "ERR_NOT_FOUND"
    assert ask(bob, "cancel", hash=digest)["err"] == "ERR_NOT_FOUND"
    # more than there is in the channel
    _, digest, request = hold(bob, (CHANNEL_SAT - PUSH_SAT) * 1000)
    assert pay(alice, digest, request, timeout=5).all()["state"] == "failed"


def killed(alice, bob):
    """The payer's node is killed with a payment in flight: it is not failed, and not paid twice."""
    preimage, digest, request = hold(bob, 40_000_000)
    payment = pay(alice, digest, request)
    until(lambda: ask(bob, "invoice", hash=digest)["state"] == "held")
    payment.until(lambda a: a.get("in_flight"))
    alice.kill()
    gone = payment.until(lambda a: a["err"] != "OK")
    assert gone["err"] == "ERR_UNAVAILABLE", gone
    assert ask(bob, "settle", preimage=preimage)["err"] == "OK"
    alice.start()
    paid = payment.all()
    assert paid["state"] == "succeeded" and paid["preimage"] == preimage, paid


def main():
    with lnds.pair() as pair, peers.folder("ln") as work:
        alice, bob = pair.both
        who_may(alice, bob, work)
        settled(alice, bob)
        cancelled(alice, bob)
        unknown(alice, bob)
        killed(alice, bob)
    print("as recorded: held, settled, cancelled, refused, killed")


main()
