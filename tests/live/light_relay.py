#!/usr/bin/env python3
"""Headers and a retarget of Bitcoin's main chain, proven to the contract LightRelay on an EVM node.

usage: light_relay.py RELAY_TOOL

The headers are real ones, around the retarget at 554,400, whose epoch began at 552,384. What the contract says of good
and of spoiled ones must be what our own check says.
"""
import json
import pathlib
import subprocess
import sys
import time

import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROOF_LENGTH = 9


class Relay:
    def __init__(self, rpc, run, bytecode):
        self.rpc, self.run = rpc, run
        self.owner = rpc.eth_accounts()[0]
        sent = self.send(data=bytecode)
        self.at = sent["contractAddress"]

    def send(self, **transaction):
        """Its receipt."""
        sent = self.rpc.eth_sendTransaction({"from": self.owner, "gas": hex(5_000_000), **transaction})
        while (receipt := self.rpc.eth_getTransactionReceipt(sent)) is None:
            time.sleep(0.02)
        return receipt

    def tell(self, *call):
        """Status and gas of a transaction; what our own check says before it."""
        *said, data = self.run(*call)
        receipt = self.send(to=self.at, data="0x" + data)
        return said, int(receipt["status"], 16), int(receipt["gasUsed"], 16)

    def ask(self, *call):
        """What our own check says, and the contract's answer; None: it refuses."""
        *said, data = self.run(*call)
        try:
            return said, self.rpc.eth_call({"to": self.at, "data": "0x" + data}, "latest")
        except peers.RpcError as e:
            assert e.code == 3, e
            return said, None

    def range(self):
        _, answer = self.ask("range")
        return [int(n) for n in self.run("range", answer.removeprefix("0x"))]


def spoiled(headers, index):
    """A header's nonce is another: neither it nor what follows it is good."""
    digit = "1" if headers[index][-1] == "0" else "0"
    return headers[:index] + [headers[index][:-1] + digit] + headers[index + 1:]


def main():
    folder = subprocess.run([ROOT / "tools/peers/light_relay.sh"], stdout=subprocess.PIPE, text=True)
    if folder.returncode != 0:
        sys.exit(peers.SKIP)
    folder = pathlib.Path(folder.stdout.strip())
    told = json.loads((folder / "headersWithRetarget.json").read_text())
    chain = [c["hex"].removeprefix("0x") for c in told["chain"]]
    start = told["oldPeriodStart"]["hex"].removeprefix("0x")
    first_time = int.from_bytes(bytes.fromhex(start)[68:72], "little")
    border = [c["height"] for c in told["chain"]].index(554_400)
    proof = chain[border - PROOF_LENGTH:border + PROOF_LENGTH]
    node = peers.BobNode(None)
    try:
        node.start()
        relay = Relay(node.rpc, peers.tool(sys.argv[1]), json.loads((folder / "LightRelay.json").read_text())["bytecode"])
        assert relay.tell("genesis", start, told["oldPeriodStart"]["height"], PROOF_LENGTH)[1] == 1
        assert relay.range() == [552_384, 554_399]

        said, answer = relay.ask("validate", "".join(chain[:border]))
        assert said == ["OK"] and int(answer[66:130], 16) == border, (said, answer)
        said, answer = relay.ask("validate", "".join(spoiled(chain[:border], 3)))
        assert said == ["ERR_CHECKSUM"] and answer is None
        # over the border: the work is right, and the relay does not know it to be due yet
        assert relay.ask("validate", "".join(chain[:border + 3])) == (["OK"], None)

        for index in (0, PROOF_LENGTH - 1, PROOF_LENGTH, 2 * PROOF_LENGTH - 1):
            said, status, _ = relay.tell("retarget", "".join(spoiled(proof, index)), first_time)
            assert said == ["ERR_CHECKSUM"] and status == 0, (index, said, status)
        # all good headers, but no retarget among them
        said, status, _ = relay.tell("retarget", "".join(chain[:border - border % 2]), first_time)
        assert said == ["ERR_RANGE"] and status == 0, (said, status)
        assert relay.run("retarget", "".join(proof), first_time - 86_400)[0] == "ERR_RANGE"
        assert relay.range() == [552_384, 554_399]

        said, status, gas = relay.tell("retarget", "".join(proof), first_time)
        assert said == ["OK"] and status == 1, (said, status)
        assert relay.range() == [552_384, 556_415]
        said, answer = relay.ask("validate", "".join(chain[:border + 3]))
        assert said == ["OK"] and int(answer[66:130], 16) == border + 3
        said, answer = relay.ask("validate", "".join(spoiled(chain, border + 1)))
        assert said == ["ERR_CHECKSUM"] and answer is None
        print(f"a retarget with {PROOF_LENGTH} headers on each side: {gas} gas")
    finally:
        node.stop()


main()
