#!/usr/bin/env python3
"""The sluice-devnet program: it says where it is, answers there, and ends when asked.

usage: devnet.py SLUICE_DEVNET
"""
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

DEVNET = sys.argv[1]
ANY = ["--bitcoin-port", "0", "--rootstock-port", "0", "--latency", "0-0"]


def start(*options):
    process = subprocess.Popen([DEVNET, *ANY, *options], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline()


def call(url, method, *params, auth=None):
    request = urllib.request.Request(url, json.dumps({"id": 1, "method": method, "params": params}).encode())
    if auth:
        request.add_header("Authorization", auth)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["result"]


def finish(process):
    process.send_signal(signal.SIGTERM)
    rest = process.stdout.read()
    assert process.wait(20) == 0, process.returncode
    return rest


process, line = start("--json", "--state-hash", "--bitcoin-block-ms", "0", "--rootstock-block-ms", "0")
where = json.loads(line)
bitcoin, rootstock = where["bitcoin"], where["rootstock"]
assert call(bitcoin["url"], "getblockcount") == bitcoin["height"]
assert int(call(rootstock["url"], "eth_chainId"), 16) == where["chain_id"] == 33
assert len(call(rootstock["url"], "eth_getCode", rootstock["contract"].lower(), "latest")) > 1000
txid = call(bitcoin["url"], "sim_fund", bitcoin["faucet"], "0.25")
assert call(bitcoin["url"], "getrawmempool") == [txid]
assert call(bitcoin["url"], "sim_mine", 2) == bitcoin["height"] + 2
hashes = {name: call(n["url"], "sim_state_hash") for name, n in (("bitcoin", bitcoin), ("rootstock", rootstock))}
port = bitcoin["url"].rsplit(":", 1)[1]
taken = subprocess.run([DEVNET, "--rootstock-port", "0", "--bitcoin-port", port], capture_output=True, text=True)
assert taken.returncode == 1 and "in use" in taken.stderr, taken
assert dict(row.split() for row in finish(process).splitlines()) == hashes

process, line = start("--bitcoin-auth", "user:pass", "--bitcoin-block-ms", "20", "--seed", "7")
words = line.split()
url = words[words.index("bitcoin") + 1]
try:
    call(url, "getblockcount")
    raise AssertionError("nobody asked for the password")
except urllib.error.HTTPError as e:
    assert e.code == 401
first = call(url, "getblockcount", auth="Basic dXNlcjpwYXNz")
while call(url, "getblockcount", auth="Basic dXNlcjpwYXNz") < first + 3:
    pass
finish(process)

for wrong in (["--latency", "5"], ["--latency", "9-5"], ["--seed", "x"], ["--nope"], ["word"], ["--bitcoin-port", "65536"],
              ["--rootstock-chain-id", "0"], ["--bitcoin-auth", "no-colon"]):
    done = subprocess.run([DEVNET, *wrong], capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr, (wrong, done)
