"""Two real lnds on regtest with a channel between them: alice has opened it."""
import contextlib
import json
import os
import pathlib
import ssl
import subprocess
import time
import urllib.request

import peers

SECONDS = 90
CHANNEL_SAT, PUSH_SAT = 5_000_000, 1_000_000


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


class Lnd:
    """A node of Bitcoin Core's; its own REST calls are for what ours do not do: peers, channels, funds."""

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
            "--bitcoind.rpcpass=p", "--bitcoind.rpcpolling", "--bitcoind.blockpollinginterval=20ms",
            "--bitcoind.txpollinginterval=20ms", f"--listen=127.0.0.1:{self.p2p}",
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
        self.process = None

    def rest(self, method, path, body=None, stream=False):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None, method=method)
        request.add_header("Grpc-Metadata-macaroon", self.macaroon.read_bytes().hex())
        with urllib.request.urlopen(request, timeout=30, context=ssl.create_default_context(cafile=self.cert)) as answer:
            return json.loads(answer.readline()) if stream else json.load(answer)

    def synced(self, height):
        info = self.rest("GET", "/v1/getinfo")
        return info["synced_to_chain"] and info["block_height"] == height

    def channel(self):
        """Its only channel, when both sides can use it."""
        channels = self.rest("GET", "/v1/channels?active_only=true")["channels"]
        return channels and channels[0]

    def routes(self, key):
        """A payment of one satoshi would find a way to that node: a channel counts as active some time before."""
        return self.rest("GET", f"/v1/graph/routes/{key}/1")["routes"]


class Pair:
    def __init__(self, core, alice, bob):
        self.core, self.alice, self.bob = core, alice, bob
        self.both = (alice, bob)

    def mine(self, count):
        self.core.wallet.generatetoaddress(count, self.core.wallet.getnewaddress())

    def synced(self):
        height = self.core.rpc.getblockcount()
        return all(node.synced(height) for node in self.both)

    def open_channel(self):
        self.mine(1)  # without a recent block they don't count as synced
        until(self.synced)
        address = self.alice.rest("GET", "/v1/newaddress?type=TAPROOT_PUBKEY")["address"]
        self.core.wallet.sendtoaddress(address, 1)
        self.mine(6)
        until(self.synced)
        until(lambda: int(self.alice.rest("GET", "/v1/balance/blockchain")["confirmed_balance"]) > 0)
        key = self.bob.rest("GET", "/v1/getinfo")["identity_pubkey"]
        self.alice.rest(
            "POST", "/v1/peers", {"addr": {"pubkey": key, "host": f"127.0.0.1:{self.bob.p2p}"}, "perm": True})
        until(lambda: self.alice.rest("POST", "/v1/channels", {
            "node_pubkey_string": key, "local_funding_amount": str(CHANNEL_SAT), "push_sat": str(PUSH_SAT),
            "sat_per_vbyte": "2"}))
        self.mine(6)
        until(self.synced)
        until(lambda: all(node.channel() for node in self.both))
        until(lambda: self.alice.routes(key))
        back = self.alice.rest("GET", "/v1/getinfo")["identity_pubkey"]
        until(lambda: self.bob.routes(back))


@contextlib.contextmanager
def on(core):
    """Two of them on a Bitcoin Core of somebody else's."""
    peers.need(peers.LND)
    with peers.folder("lnd") as work:
        nodes = [Lnd(os.path.join(work, name), core.url.split("@")[1]) for name in ("alice", "bob")]
        try:
            for node in nodes:
                node.start()
            for node in nodes:
                until(lambda n=node: n.macaroon.exists() and n.rest("GET", "/v1/getinfo"))
            both = Pair(core, *nodes)
            both.open_channel()
            yield both
        finally:
            for node in nodes:
                node.stop()


@contextlib.contextmanager
def pair():
    peers.need(peers.LND)
    with peers.restartable("bitcoin") as core, on(core) as both:
        yield both
