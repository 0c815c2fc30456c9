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
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import peers

TOOL = sys.argv[1]
SECONDS = 90
CHANNEL_SAT, PUSH_SAT = 5_000_000, 1_000_000


class Lnd:
    """A node on regtest; its own REST calls are for what ours do not do: peers, channels, funds."""

    def __init__(self, path, core):
        self.path = pathlib.Path(path)
        self.p2p, self.port = peers.free_port(), peers.free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.cert = self.path / "tls.cert"
        self.macaroon = self.path / "data/chain/bitcoin/regtest/admin.macaroon"
        self.command = [
            str(peers.LND), "--configfile=/dev/null", f"--lnddir={path}", "--noseedbackup", "--nobootstrap",
            "--debuglevel=error", "--trickledelay=50", "--bitcoin.regtest", "--bitcoin.node=bitcoind",
            "--bitcoin.defaultchanconfs=1", f"--bitcoind.rpchost={core}", "--bitcoind.rpcuser=u",
            "--bitcoind.rpcpass=p", "--bitcoind.rpcpolling", "--bitcoind.blockpollinginterval=200ms",
            "--bitcoind.txpollinginterval=200ms", f"--listen=127.0.0.1:{self.p2p}",
            f"--rpclisten=127.0.0.1:{peers.free_port()}", f"--restlisten=127.0.0.1:{self.port}"]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)

    def stop(self):
        if self.process:
            peers.stop(self.process)
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def rest(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None, method=method)
        request.add_header("Grpc-Metadata-macaroon", self.macaroon.read_bytes().hex())
        with urllib.request.urlopen(request, timeout=30, context=ssl.create_default_context(cafile=self.cert)) as answer:
            return json.load(answer)

    def ask(self, what, credential=None, cert=None, **values):
        return Asked(self, what, credential, cert, values).all()


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


def until(what, seconds=SECONDS):
    end = time.monotonic() + seconds
    while True:
        try:
            if result := what():
                return result
        except (OSError, KeyError, ValueError):  # HTTP errors are OSErrors
            pass
        assert time.monotonic() < end, "never came"
        time.sleep(0.1)


def state(name):
    return lambda answer: answer.get("state") == name


def new_hash():
    preimage = os.urandom(32)
    return preimage.hex(), hashlib.sha256(preimage).hexdigest()


def open_channel(wallet, alice, bob):
    mine = lambda n: wallet.generatetoaddress(n, wallet.getnewaddress())
    both = (alice, bob)

    def synced():
        height = wallet.getblockcount()
        return all((i := n.ask("info")).get("synced") and i["height"] == height for n in both)

    mine(1)
    until(synced)
    wallet.sendtoaddress(alice.rest("GET", "/v1/newaddress?type=TAPROOT_PUBKEY")["address"], 1)
    mine(6)
    until(synced)
    until(lambda: int(alice.rest("GET", "/v1/balance/blockchain")["confirmed_balance"]) > 0)
    key = bob.rest("GET", "/v1/getinfo")["identity_pubkey"]
    alice.rest("POST", "/v1/peers", {"addr": {"pubkey": key, "host": f"127.0.0.1:{bob.p2p}"}, "perm": True})
    until(lambda: alice.rest("POST", "/v1/channels", {
        "node_pubkey_string": key, "local_funding_amount": str(CHANNEL_SAT), "push_sat": str(PUSH_SAT),
        "sat_per_vbyte": "2"}))
    mine(6)
    until(synced)
    until(lambda: all(n.ask("channels").get("active") for n in both))


def hold(node, amount):
    preimage, digest = new_hash()
    made = node.ask("hold", hash=digest, amount=amount, expiry=3600, cltv=80)
    assert made["err"] == "OK", made
    return preimage, digest, made["request"]


def pay(node, digest, request, **more):
    values = {"hash": digest, "request": request, "fee": 10000, "timeout": 30, "limit": 500, **more}
    return Asked(node, "follow-pay", values=values)


def who_may(alice, bob, work):
    """Each thing that can be wrong with a connection, told apart."""
    info = alice.ask("info")
    assert info["err"] == "OK" and info["network"] == "regtest" and "0.21" in info["version"], info
    wrong = pathlib.Path(work, "wrong.macaroon")
    wrong.write_bytes(b"\0")
    assert alice.ask("info", credential=wrong)["err"] == "ERR_DENIED"
    assert alice.ask("info", credential=bob.macaroon)["err"] == "ERR_DENIED"
    # another's certificate: nothing was sent
    assert alice.ask("info", cert=bob.cert)["err"] == "ERR_UNAVAILABLE"
    assert alice.ask("info", cert="/etc/ssl/certs/ca-certificates.crt")["err"] == "ERR_UNAVAILABLE"


def settled(alice, bob):
    before = alice.ask("balance"), bob.ask("balance")
    preimage, digest, request = hold(bob, 20_000_000)
    invoice = Asked(bob, "follow-invoice", values={"hash": digest})
    assert invoice.next()["state"] == "open"
    payment = pay(alice, digest, request)
    held = invoice.until(state("held"))
    assert held["held"] == 20_000_000 and held["held_count"] == 1, held
    assert bob.ask("invoice", hash=digest)["state"] == "held"
    flying = payment.until(lambda a: a.get("in_flight"))
    assert flying["state"] == "in flight" and flying["expiry_height"] == held["expiry_height"], (flying, held)
    assert alice.ask("payment", hash=digest)["state"] == "in flight"
    assert alice.ask("balance")["unsettled_local"] == 20_000_000
    assert bob.ask("balance")["unsettled_remote"] == 20_000_000
    assert bob.ask("settle", preimage=new_hash()[0])["err"] == "ERR_NOT_FOUND"
    for _ in range(2):  # the second changes nothing
        assert bob.ask("settle", preimage=preimage)["err"] == "OK"
    paid = payment.all()
    assert paid["state"] == "succeeded" and paid["preimage"] == preimage and paid["fee"] == 0, paid
    assert invoice.all()["state"] == "settled"
    assert alice.ask("payment", hash=digest)["state"] == "succeeded"
    assert bob.ask("cancel", hash=digest)["err"] == "ERR_STATE"
    assert bob.ask("hold", hash=digest, amount=1000, expiry=3600, cltv=80)["err"] == "ERR_EXISTS"
    # paid already: not again, and told by its hash
    assert pay(alice, digest, request).all()["state"] == "succeeded"
    until(lambda: bob.ask("balance")["local"] - before[1]["local"] == 20_000_000)
    after = alice.ask("balance")
    assert before[0]["local"] - after["local"] == 20_000_000 and after["unsettled_local"] == 0, (before, after)


def cancelled(alice, bob):
    before = alice.ask("balance")
    _, digest, request = hold(bob, 30_000_000)
    payment = pay(alice, digest, request)
    until(lambda: bob.ask("invoice", hash=digest)["state"] == "held")
    for _ in range(2):
        assert bob.ask("cancel", hash=digest)["err"] == "OK"
    failed = payment.all()
    assert failed["state"] == "failed" and failed["failure"] == "refused", failed
    assert bob.ask("invoice", hash=digest)["state"] == "cancelled"
    until(lambda: alice.ask("balance") == before)


def unknown(alice, bob):
    digest = new_hash()[1]
    assert alice.ask("payment", hash=digest)["err"] == "ERR_NOT_FOUND"
    assert alice.ask("follow-payment", hash=digest)["err"] == "ERR_NOT_FOUND"
    assert bob.ask("invoice", hash=digest)["err"] == "ERR_NOT_FOUND"
    assert bob.ask("cancel", hash=digest)["err"] == "ERR_NOT_FOUND"
    # more than there is in the channel
    _, digest, request = hold(bob, (CHANNEL_SAT - PUSH_SAT) * 1000)
    assert pay(alice, digest, request, timeout=5).all()["state"] == "failed"


def killed(alice, bob):
    """The payer's node is killed with a payment in flight: it is not failed, and not paid twice."""
    preimage, digest, request = hold(bob, 40_000_000)
    payment = pay(alice, digest, request)
    until(lambda: bob.ask("invoice", hash=digest)["state"] == "held")
    payment.until(lambda a: a.get("in_flight"))
    alice.kill()
    gone = payment.until(lambda a: a["err"] != "OK")
    assert gone["err"] == "ERR_UNAVAILABLE", gone
    assert bob.ask("settle", preimage=preimage)["err"] == "OK"
    alice.start()
    paid = payment.all()
    assert paid["state"] == "succeeded" and paid["preimage"] == preimage, paid


def main():
    peers.need(peers.LND)
    with peers.folder("lnd") as work, peers.restartable("bitcoin") as core:
        nodes = [Lnd(os.path.join(work, name), core.url.split("@")[1]) for name in ("alice", "bob")]
        alice, bob = nodes
        try:
            for node in nodes:
                node.start()
            for node in nodes:
                until(node.macaroon.exists)
                until(lambda n=node: n.ask("info")["err"] == "OK")
            open_channel(core.wallet, alice, bob)
            who_may(alice, bob, work)
            settled(alice, bob)
            cancelled(alice, bob)
            unknown(alice, bob)
            killed(alice, bob)
        finally:
            for node in nodes:
                node.stop()
    print("as recorded: held, settled, cancelled, refused, killed")


main()
