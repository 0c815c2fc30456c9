#!/usr/bin/env python3
"""The layer's contract against a real node, which is stopped and started again when the test asks for it.

usage: layer_contract.py KIND LAYER_CONTRACT
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "live"))
import peers

kind, binary = sys.argv[1:]
with peers.restartable(kind) as node:
    test = subprocess.Popen([binary, kind, node.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for word in test.stdout:
        {"stop": node.stop, "start": node.start}[word.strip()]()
        test.stdin.write("done\n")
        test.stdin.flush()
    sys.exit(test.wait())
