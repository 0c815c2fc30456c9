"""Real nodes for tests: where they are, how they are started on free ports in a folder of their own, and cleaned up."""
import base64
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SKIP = 77
PEERS = pathlib.Path(os.environ.get("SLUICE_PEERS") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sluice/peers")
ANVIL = PEERS / "anvil/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
BITCOIND = PEERS / "bitcoind-28.99/bitcoind"
BTCD = PEERS / "btcd-0.24.2/btcd"
GETH = PEERS / "geth-1.17.8/geth"
OP_GETH = PEERS / "op-geth-1.101702.3/geth"
LND = PEERS / "lnd-0.21.0-beta/lnd"
# Of the contract test's miner (tests/contract/rig.c): its key is 32 bytes of 3.
BTCD_MINER = "bcrt1pzcfglm69zcea8p7uxc2yunyrq6as895l76g9ktx4dadz469vylmsdaz89h"
START_SECONDS = 30


class RpcError(Exception):
    def __init__(self, error):
        super().__init__(error.get("message"))
        self.code, self.message, self.data = error.get("code"), error.get("message", ""), error.get("data")


class Rpc:
    """JSON-RPC over HTTP: rpc.getblockcount(), rpc("eth_chainId")."""

    def __init__(self, url, auth=None, bearer=None):
        self.url, self.auth, self.bearer = url, auth, bearer

    def __call__(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        if self.auth:
            request.add_header("Authorization", "Basic " + base64.b64encode(self.auth.encode()).decode())
        if self.bearer:
            request.add_header("Authorization", "Bearer " + self.bearer)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                reply = json.load(answer)
        except urllib.error.HTTPError as e:  # Bitcoin Core states its errors with status 500
            if e.code == 503:  # its work queue is full
                time.sleep(0.05)
                return self(method, *params)
            reply = json.load(e)
        error = reply.get("error")
        if error and "Scan already in progress" in error.get("message", ""):
            time.sleep(0.05)  # the daemon's: a node makes one scan at a time
            return self(method, *params)
        if error:
            raise RpcError(error)
        return reply["result"]

    def __getattr__(self, method):
        return lambda *params: self(method, *params)


def need(path):
    if not path.exists():
        print(f"{path} is not there: skipped")
        sys.exit(SKIP)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(process, ask):
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return ask()
        except (OSError, RpcError, ValueError):
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.05)


def stop(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Node:
    """A node in a folder of its own, which can be stopped and started again with what it had."""

    def __init__(self, rpc, url, command):
        self.rpc, self.url, self.command, self.process = rpc, url, command, None

    def start(self, ready):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        wait_for(self.process, ready)

    def stop(self):
        if self.process:
            stop(self.process)
        self.process = None

    def kill(self):
        """As a power cut would."""
        self.process.kill()
        self.process.wait()
        self.process = None


@contextlib.contextmanager
def folder(name):
    path = tempfile.mkdtemp(prefix=f"sluice-{name}-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class AnvilNode(Node):
    """An EVM node with Rootstock's rules as far as it can: no base fee, legacy transactions only."""

    def __init__(self, path, *options, chain_id=31):
        need(ANVIL)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        keep = ["--state", f"{path}/state"] if path else []
        super().__init__(Rpc(url), url, [
            str(ANVIL), "--port", str(port), "--chain-id", str(chain_id), "--hardfork", "berlin", "--gas-price",
            "60000000", "--silent", *keep, *options])

    def start(self):
        super().start(self.rpc.eth_chainId)


class BobNode(Node):
    """An EVM node with the rules of an OP stack chain as far as it can: a base fee, safe and finalized blocks."""

    def __init__(self, path, *options, chain_id=31337):
        need(ANVIL)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        keep = ["--state", f"{path}/state"] if path else []
        super().__init__(Rpc(url), url, [
            str(ANVIL), "--port", str(port), "--chain-id", str(chain_id), "--optimism", "--slots-in-an-epoch", "1",
            "--silent", *keep, *options])

    def start(self):
        super().start(self.rpc.eth_chainId)


class BitcoinNode(Node):
    """Bitcoin Core on regtest with a wallet that has coins."""

    def __init__(self, path, *options):
        need(BITCOIND)
        port = free_port()
        self.made = False
        super().__init__(Rpc(f"http://127.0.0.1:{port}", "u:p"), f"http://u:p@127.0.0.1:{port}", [
            str(BITCOIND), "-regtest", f"-datadir={path}", "-server", "-listen=0", "-dnsseed=0", f"-rpcport={port}",
            "-rpcuser=u", "-rpcpassword=p", "-fallbackfee=0.00001", "-txindex", *options])
        self.wallet = Rpc(f"http://127.0.0.1:{port}/wallet/w", "u:p")

    def start(self):
        super().start(self.rpc.getblockcount)
        if not self.made:
            self.rpc.createwallet("w", False, False, "", False, True, True)
            self.wallet.generatetoaddress(101, self.wallet.getnewaddress())
            self.made = True


class BtcdNode(Node):
    """btcd on regtest: no wallet, mines to one address, and starts with an empty chain each time."""

    def __init__(self, path, *options):
        need(BTCD)
        port = free_port()
        pathlib.Path(path, "btcd.conf").touch()
        super().__init__(Rpc(f"http://127.0.0.1:{port}", "u:p"), f"http://u:p@127.0.0.1:{port}", [
            str(BTCD), "--regtest", f"--configfile={path}/btcd.conf", f"--datadir={path}/data", f"--logdir={path}/log",
            "--rpcuser=u", "--rpcpass=p", "--notls", f"--rpclisten=127.0.0.1:{port}", "--nolisten", "--txindex",
            "--rejectnonstd", f"--miningaddr={BTCD_MINER}", *options])

    def start(self):
        super().start(self.rpc.getblockcount)


@contextlib.contextmanager
def restartable(kind, *options, **more):
    """A started node of that kind ("bitcoin", "btcd", "rootstock", "bob"): stop() and start() keep its chain."""
    with folder(kind) as path:
        node = {"bitcoin": BitcoinNode, "btcd": BtcdNode, "rootstock": AnvilNode, "bob": BobNode}[kind](path, *options, **more)
        try:
            node.start()
            yield node
        finally:
            node.stop()


@contextlib.contextmanager
def anvil(*options, chain_id=31):
    """An EVM node: its calls."""
    node = AnvilNode(None, *options, chain_id=chain_id)
    try:
        node.start()
        yield node.rpc
    finally:
        node.stop()


@contextlib.contextmanager
def bitcoind(*options):
    """Bitcoin Core: (node, wallet)."""
    with restartable("bitcoin", *options) as node:
        yield node.rpc, node.wallet


def tool(binary):
    """A function that runs the binary with arguments and gives the lines that it prints."""

    def run(*args):
        done = subprocess.run([binary, *map(str, args)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, args))[:200]}: {done.stderr.strip()}")
        return done.stdout.split("\n")[:-1]

    return run
