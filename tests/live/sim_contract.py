#!/usr/bin/env python3
"""The simulated networks against the real nodes: the same blocks, transactions and questions, the same answers.

usage: sim_contract.py bitcoin|evm|bob|machine RECORDER
RECORDER is a test program of src/sim that writes every exchange of its run into a file. What the simulation
answered is then asked of Bitcoin Core or anvil. Exit status 77: no such node here.
"""
import base64
import contextlib
import decimal
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import peers


def loads(text):
    return json.loads(text, parse_float=decimal.Decimal)  # 0.00001000 is not 0.00001


def dumps(v):
    return json.dumps(v, default=str)


class Node:
    def __init__(self, url, auth=None):
        self.url, self.auth = url, auth

    def __call__(self, method, params):
        body = dumps({"jsonrpc": "1.0" if self.auth else "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(self.url, body.encode(), {"content-type": "application/json"})
        if self.auth:
            request.add_header("Authorization", "Basic " + base64.b64encode(self.auth.encode()).decode())
        try:
            text = urllib.request.urlopen(request, timeout=60).read()
        except urllib.error.HTTPError as e:
            text = e.read()
        return loads(text)


@contextlib.contextmanager
def bitcoin_core(work):
    """On an empty regtest chain; our blocks are older than a day, and it takes them for the newest all the same."""
    peers.need(peers.BITCOIND)
    port = peers.free_port()
    process = subprocess.Popen([str(peers.BITCOIND), "-regtest", f"-datadir={work}", "-txindex", "-listen=0",
                                f"-rpcport={port}", "-rpcuser=u", "-rpcpassword=p", "-maxtipage=9999999999"],
                               stdout=subprocess.DEVNULL)
    node = Node(f"http://127.0.0.1:{port}/", "u:p")
    try:
        def up():
            if node("getblockcount", []).get("error"):
                raise ValueError("warming up")
        peers.wait_for(process, up)
        yield node
    finally:
        peers.stop(process)


def shape(v):
    """The keys and types of a value; of a list, its first element."""
    if isinstance(v, dict):
        return {k: shape(x) for k, x in v.items()}
    if isinstance(v, list):
        return [shape(x) for x in v[:1]]
    return "number" if isinstance(v, (int, decimal.Decimal)) and not isinstance(v, bool) else type(v).__name__


def without(v, names):
    if isinstance(v, dict):
        return {k: without(x, names) for k, x in v.items() if k not in names}
    return [without(x, names) for x in v] if isinstance(v, list) else v


# ---- bitcoin ----

SHAPE_ONLY = {"getnetworkinfo", "uptime", "getindexinfo"}
IGNORED = {
    "getblockchaininfo": {"size_on_disk", "warnings", "verificationprogress"},
    "getnetworkinfo": {"networks", "warnings", "localservicesnames"},
    "getmempoolentry": {"time", "unbroadcast", "height"},
    "getmempoolinfo": {"usage", "unbroadcastcount"},
}
# The help text follows in Bitcoin Core, ours says how many parameters there are.
CODE_ONLY = {"getblockhash []"}
# Details that depend on what the mempool's bookkeeping counts first.
PREFIX_ONLY = ["too-long-mempool-chain"]


def normal(method, v):
    v = without(v, IGNORED.get(method, set()))
    if method == "getrawmempool" and isinstance(v, list):
        return sorted(v)
    if method == "scantxoutset":
        v["unspents"].sort(key=lambda u: (u["txid"], u["vout"]))
    return v


def same_error(name, code, message, other):
    if code != other["code"]:
        return False
    if name in CODE_ONLY or message == other["message"]:
        return True
    return any(message.startswith(p) and other["message"].startswith(p) for p in PREFIX_ONLY)


def compare(line, answer, bad):
    method, params = line["call"], line["params"]
    name = f"{method} {dumps(params)[:90]}"
    error = answer.get("error")
    if "code" in line:
        if not error or not same_error(name, line["code"], line["message"], error):
            bad.append(f"{name}\n  sim:  {line['code']} {line['message']}\n  node: {error or answer.get('result')}")
        return
    if error:
        bad.append(f"{name}\n  sim:  {dumps(line['result'])[:300]}\n  node: {error}")
        return
    ours, theirs = normal(method, line["result"]), normal(method, answer["result"])
    if method in SHAPE_ONLY:
        ours, theirs = shape(ours), shape(theirs)
    if ours != theirs:
        bad.append(f"{name}\n  sim:  {dumps(ours)[:1500]}\n  node: {dumps(theirs)[:1500]}")


def bitcoin(record, work):
    bad, count, blocks = [], 0, 0
    with bitcoin_core(work) as node:
        for line in record:
            if "block" in line:
                said = node("submitblock", [line["block"]])
                if said.get("error") or said["result"] not in (None, "inconclusive"):
                    bad.append(f"block {blocks}: {said}")
                blocks += 1
                continue
            if line["call"] == "getrawtransaction":  # the index follows in its own time
                while not node("getindexinfo", [])["result"]["txindex"]["synced"]:
                    time.sleep(0.05)
            compare(line, node(line["call"], line["params"]), bad)
            count += 1
    return bad, f"{blocks} blocks, {count} exchanges"


# ---- evm ----

EVM_IGNORED = {"hash", "blockHash", "parentHash", "stateRoot", "transactionsRoot", "receiptsRoot", "timestamp", "size",
               "mixHash", "blockTimestamp"}
# Said by the node of a rollup only; what it comes to is in the balances.
EVM_IGNORED |= {"l1Fee", "l1GasPrice", "l1BaseFeeScalar", "l1BlobBaseFee", "l1BlobBaseFeeScalar"}


def as_ours(ours, theirs):
    """What the other node says of the members that we have; hashes of blocks and what follows from them left out."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return {k: as_ours(v, theirs[k]) for k, v in ours.items() if k not in EVM_IGNORED and k in theirs}
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [as_ours(a, b) for a, b in zip(ours, theirs)]
    return theirs


def evm_compare(line, answer, bad):
    name = f"{line['call']} {dumps(line['params'])[:120]}"
    error = answer.get("error")
    if "code" in line:
        # a revert is told by its data: anvil takes selectors for text where they look like it
        what = "data" if line["code"] == 3 else "message"
        if not error or (error["code"], error.get(what)) != (line["code"], line[what]):
            bad.append(f"{name}\n  sim:  {line['code']} {line[what]}\n  node: {error or answer.get('result')}")
        return
    if error:
        bad.append(f"{name}\n  sim:  {dumps(line['result'])[:300]}\n  node: {error}")
        return
    ours, theirs = as_ours(line["result"], line["result"]), as_ours(line["result"], answer["result"])
    if ours != theirs:
        bad.append(f"{name}\n  sim:  {dumps(ours)[:1500]}\n  node: {dumps(theirs)[:1500]}")


def evm(record, work):
    with peers.anvil("--no-mining") as rpc:
        return evm_play(record, rpc.url)


BOB_BASE_FEE = 5000000  # SIM_EVM_BASE_FEE


def bob(record, work):
    node = peers.BobNode(None, "--no-mining", "--base-fee", str(BOB_BASE_FEE))
    try:
        node.start()
        return evm_play(record, node.url)
    finally:
        node.stop()


def evm_play(record, url):
    bad, count = [], 0
    node = Node(url)
    node("anvil_mine", ["0x1"])  # where ours has the contract that it comes with
    for line in record:
        answer = node(line["call"], line["params"])
        for _ in range(100):  # anvil may know a block before its receipts
            if line["call"] != "eth_getTransactionReceipt" or answer.get("result") or not line.get("result"):
                break
            time.sleep(0.02)
            answer = node(line["call"], line["params"])
        evm_compare(line, answer, bad)
        count += 1
    return bad, f"{count} exchanges"


def main():
    network, recorder = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "record")
        subprocess.run([recorder, path], check=True)
        with open(path) as f:
            record = [loads(line) for line in f]
        bad, said = {"bitcoin": bitcoin, "evm": evm, "bob": bob, "machine": bob}[network](record, work)
    for b in bad:
        print(b)
    print(f"{network}: {said}, {len(bad)} differ")
    return 1 if bad or not record else 0


sys.exit(main())
