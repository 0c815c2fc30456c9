#!/usr/bin/env python3
"""The sluice-devnet program: it says where it is, answers there, and ends when asked.

usage: devnet.py SLUICE_DEVNET
"""
import base64
import hashlib
import http.client
import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

DEVNET = sys.argv[1]
NODES = ("bitcoin", "rootstock", "lightning-alice", "lightning-bob", "liquid", "bob")
ANY = [word for net in NODES for word in (f"--{net}-port", "0")] + ["--latency", "0-0"]


def start(*options):
    process = subprocess.Popen([DEVNET, *ANY, *options], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline()


def call(url, method, *params, auth=None):
    request = urllib.request.Request(url, json.dumps({"id": 1, "method": method, "params": params}).encode())
    if auth:
        request.add_header("Authorization", auth)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["result"]


def lnd(node, method, path, body=None, macaroon=True):
    """Every line of the answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(node["url"] + path, data, method=method)
    if macaroon:
        request.add_header("Grpc-Metadata-macaroon", node["macaroon"])
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return [json.loads(line) for line in answer]
    except urllib.error.HTTPError as e:
        return [{"status": e.code, **json.loads(e.read() or "{}")}]


def lightning(alice, bob, bitcoin):
    """Two nodes with a channel, on the Bitcoin node's chain, over sockets; a hold invoice paid, and held, and settled."""
    preimage = bytes(range(32))
    digest = hashlib.sha256(preimage).digest()
    text, path = base64.b64encode(digest).decode(), base64.urlsafe_b64encode(digest).decode()
    assert lnd(alice, "GET", "/v1/getinfo")[0]["block_height"] == call(bitcoin["url"], "getblockcount")
    assert lnd(bob, "GET", "/v1/getinfo", macaroon=False)[0]["status"] == 500
    before = call(alice["url"], "sim_balance")["local_msat"]
    made = lnd(alice, "POST", "/v2/invoices/hodl", {"hash": text, "value_msat": "5000000", "cltv_expiry": "40"})[0]
    call(bob["url"], "sim_parts", 2)
    lines = []
    payer = threading.Thread(target=lambda: lines.extend(lnd(
        bob, "POST", "/v2/router/send", {"payment_request": made["payment_request"], "fee_limit_msat": "0"})))
    payer.start()
    held = {}
    while held.get("state") != "ACCEPTED":
        held = lnd(alice, "GET", f"/v1/invoice/{digest.hex()}")[0]
    height = call(bitcoin["url"], "getblockcount")
    assert [h["expiry_height"] for h in held["htlcs"]] == [height + 43] * 2, held
    assert call(bob["url"], "sim_balance")["sent_msat"] == 5000000
    # the answer is lost after it was carried out; asked again, it is done
    call(alice["url"], "sim_fault", "/v2/invoices/settle", "lost_reply")
    settle = {"preimage": base64.b64encode(preimage).decode()}
    try:
        lnd(alice, "POST", "/v2/invoices/settle", settle)
        raise AssertionError("an answer came")
    except (OSError, http.client.HTTPException, ValueError):
        pass
    assert lnd(alice, "POST", "/v2/invoices/settle", settle) == [{}]
    payer.join(20)
    assert lines[-1]["result"]["status"] == "SUCCEEDED", lines
    assert lines[-1]["result"]["payment_preimage"] == preimage.hex()
    tracked = lnd(bob, "GET", f"/v2/router/track/{path}")
    assert tracked[-1]["result"]["status"] == "SUCCEEDED", tracked
    assert call(alice["url"], "sim_balance")["local_msat"] == before + 5000000
    call(bob["url"], "sim_down")
    assert lnd(alice, "GET", "/v1/channels")[0]["channels"][0]["active"] is False
    assert lnd(bob, "GET", "/v1/getinfo")[0]["status"] == 503
    call(bob["url"], "sim_down", False)
    assert lnd(alice, "GET", "/v1/channels")[0]["channels"][0]["active"] is True


def tokens(bob):
    """The network BOB: coins for gas and tokens from the faucet, a token's balance by a call, safe below the tip."""
    url, someone = bob["url"], "0x" + "11" * 20
    assert int(call(url, "eth_chainId"), 16) == int(bob["chain_id"])
    call(url, "sim_fund", someone, "0.25")
    call(url, "sim_fund_gas", someone, "0.5")
    call(url, "sim_mine", 1)
    balance = call(url, "eth_call", {"to": bob["token"].lower(), "data": "0x70a08231" + someone[2:].rjust(64, "0")}, "latest")
    assert int(balance, 16) == 25_000_000 and int(call(url, "eth_getBalance", someone, "latest"), 16) == 5 * 10**17
    call(url, "sim_mine", 8)
    latest, safe, final = (int(call(url, "eth_getBlockByNumber", tag, False)["number"], 16)
                           for tag in ("latest", "safe", "finalized"))
    assert final < safe < latest


def finish(process):
    process.send_signal(signal.SIGTERM)
    rest = process.stdout.read()
    assert process.wait(20) == 0, process.returncode
    return rest


process, line = start("--json", "--state-hash", "--bitcoin-block-ms", "0", "--rootstock-block-ms", "0", "--liquid-block-ms", "0",
                      "--bob-block-ms", "0")
where = json.loads(line)
bitcoin, rootstock = where["bitcoin"], where["rootstock"]
assert call(bitcoin["url"], "getblockcount") == bitcoin["height"]
assert int(call(rootstock["url"], "eth_chainId"), 16) == where["chain_id"] == 33
assert len(call(rootstock["url"], "eth_getCode", rootstock["contract"].lower(), "latest")) > 1000
txid = call(bitcoin["url"], "sim_fund", bitcoin["faucet"], "0.25")
assert call(bitcoin["url"], "getrawmempool") == [txid]
assert call(bitcoin["url"], "sim_mine", 2) == bitcoin["height"] + 2
lightning(where["lightning-alice"], where["lightning-bob"], bitcoin)
liquid = where["liquid"]
assert call(liquid["url"], "getblockhash", 0).startswith("00902a6b70c2ca83") and call(liquid["url"], "getblockcount") == liquid["height"]
txid = call(liquid["url"], "sim_fund", liquid["faucet"], "0.25")
assert call(liquid["url"], "getrawmempool") == [txid] and call(liquid["url"], "sim_mine", 1) == liquid["height"] + 1
tokens(where["bob"])
hashes = {name: call(where[name]["url"], "sim_state_hash") for name in NODES}
port = bitcoin["url"].rsplit(":", 1)[1]
taken = subprocess.run([DEVNET, *ANY, "--bitcoin-port", port], capture_output=True, text=True)
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
