#!/usr/bin/env python3
"""Our JSON-RPC client against real nodes: their errors, passwords, a full work queue, restarts."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import peers

TOOL = sys.argv[1]


class Client:
    def __init__(self, url, version, *cookie):
        self.process = subprocess.Popen([TOOL, url, str(version), *cookie], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, method, *params, count=1):
        self.process.stdin.write(f"{count} {method} {json.dumps(params)}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


def start_core(folder, port, *options):
    return subprocess.Popen([str(peers.BITCOIND), "-regtest", f"-datadir={folder}", "-server", "-listen=0",
                             "-dnsseed=0", f"-rpcport={port}", *options], stdout=subprocess.DEVNULL)


def until(what, seconds=30):
    """Calls until the answer is OK; gives every answer on the way."""
    end, seen = time.monotonic() + seconds, []
    while time.monotonic() < end:
        seen.append(what())
        if "OK" in seen[-1]:
            return seen
        time.sleep(0.02)
    sys.exit(f"never came up: {seen[-3:]}")


def core():
    peers.need(peers.BITCOIND)
    folder, port = tempfile.mkdtemp(prefix="sluice-upstream-"), peers.free_port()
    cookie = pathlib.Path(folder) / "regtest/.cookie"
    url = f"http://127.0.0.1:{port}/"
    client, modern = Client(url, 1, str(cookie)), Client(url, 2, str(cookie))
    answer = client("getblockcount")
    assert answer["ERR_UNAVAILABLE"] == 1, answer
    node = start_core(folder, port)
    try:
        # on the way up: nobody there, no cookie yet, warming up (-28): each says so
        seen = until(lambda: client("getblockcount"))
        assert all(a.get("ERR_UNAVAILABLE") or a.get("ERR_DENIED") or a["code"] == "-28" for a in seen[:-1]), seen
        assert seen[-1]["result"] == 0, seen[-1]

        for method, params, code in [("nosuchmethod", [], "-32601"), ("getblockhash", [5], "-8"),
                                     ("getblock", ["zz"], "-8"), ("sendrawtransaction", ["00"], "-22"),
                                     ("getrawtransaction", ["00" * 32], "-5"), ("getblockhash", ["x"], "-3"),
                                     ("getblockcount", [1, 2, 3], "-1")]:
            for c in client, modern:
                answer = c(method, *params)
                assert answer.get("ERR_REJECTED") == 1 and answer["code"] == code and answer["message"], answer
        many = client("getblockhash", 0, count=1000)
        assert many["OK"] == 1000, many

        wrong = Client(f"http://u:wrong@127.0.0.1:{port}/", 1)
        answer = wrong("getblockcount")
        assert answer.get("ERR_DENIED") == 1 and "401" in answer["message"], answer
        wrong.close()

        # killed and started again: another cookie, the same client
        before = cookie.read_text()
        node.kill()
        node.wait()
        answer = client("getblockcount")
        assert answer.get("ERR_UNAVAILABLE") == 1, answer
        node = start_core(folder, port, "-rpcthreads=1", "-rpcworkqueue=1")
        seen = until(lambda: client("getblockcount"))
        assert cookie.read_text() != before

        # more at once than its queue holds: each call ends, with its result or with "nothing was done"
        many = client("getblockhash", 0, count=60)
        assert many.get("OK", 0) + many.get("ERR_UNAVAILABLE", 0) == 60 and many.get("OK", 0) > 0, many
        until(lambda: client("getblockcount"))

        # stopped in the middle of a long call
        slow = client.process
        slow.stdin.write('3 waitfornewblock [20000]\n')
        slow.stdin.flush()
        time.sleep(0.5)
        node.kill()
        node.wait()
        answer = json.loads(slow.stdout.readline())
        assert sum(v for k, v in answer.items() if k in ("ERR_IO", "ERR_TIMEOUT")) >= 1, answer
        assert "OK" not in answer, answer
        client.close()
        modern.close()
    finally:
        peers.stop(node)
        shutil.rmtree(folder, ignore_errors=True)


def evm():
    with peers.anvil() as rpc:
        client = Client(rpc.url, 2)
        answer = client("eth_chainId")
        assert answer.get("OK") == 1 and answer["result"] == "0x1f", answer
        assert client("eth_getTransactionReceipt", "0x" + "00" * 32)["OK"] == 1  # a null result
        answer = client("nosuchmethod")
        assert answer.get("ERR_REJECTED") == 1 and answer["code"] == "-32601", answer
        answer = client("eth_sendRawTransaction", "0x00")
        assert answer.get("ERR_REJECTED") == 1 and answer["code"] == "-32602", answer
        many = client("eth_blockNumber", count=2000)
        assert many["OK"] == 2000, many
        client.close()


core()
evm()
