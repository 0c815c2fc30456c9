#!/usr/bin/env python3
"""The contract of layers of channels against two real lnds: blocks, stops and starts when the test asks for them.

usage: channel_contract.py CHANNEL_CONTRACT
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "live"))
import lnds

with lnds.pair() as pair:
    nodes = {"alice": pair.alice, "bob": pair.bob}
    where = [str(part) for node in pair.both for part in (node.url, node.macaroon, node.cert)]
    test = subprocess.Popen([sys.argv[1], *where], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for line in test.stdout:
        word, name, count = line.split()
        if word == "mine":
            pair.mine(int(count))
        else:
            {"stop": nodes[name].stop, "start": nodes[name].start}[word]()
        test.stdin.write("done\n")
        test.stdin.flush()
    code = test.wait()
sys.exit(code)
