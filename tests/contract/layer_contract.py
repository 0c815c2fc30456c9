#!/usr/bin/env python3
"""The layer's contract against a real node, which is stopped and started again when the test asks for it.

usage: layer_contract.py KIND LAYER_CONTRACT
"""
import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "live"))
import engine
import peers

kind, binary = sys.argv[1:]
ROOT = pathlib.Path(__file__).parents[2]


def deploy_token(rpc):
    """The address of a token that anybody may mint."""
    code = json.loads((ROOT / "contracts/TestToken.json").read_text())["bytecode"]
    sent = rpc.eth_sendTransaction({"from": rpc.eth_accounts()[0], "data": code, "gas": hex(2_000_000),
                                    "gasPrice": rpc.eth_gasPrice()})
    rpc.anvil_mine(1)
    while (receipt := rpc.eth_getTransactionReceipt(sent)) is None:
        time.sleep(0.05)
    return receipt["contractAddress"]


NODES = {"geth": engine.geth, "op-geth": engine.op_geth}
TOKENS = ("bob", "op-geth", "rootstock_erc20")
with NODES.get(kind, lambda: peers.restartable(kind.removesuffix("_erc20")))() as node:
    token = [deploy_token(node.rpc)] if kind in TOKENS else []
    test = subprocess.Popen([binary, kind, node.url, *token], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for word in test.stdout:
        {"stop": node.stop, "start": node.start}[word.strip()]()
        test.stdin.write("done\n")
        test.stdin.flush()
    sys.exit(test.wait())
