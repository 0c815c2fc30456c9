#!/usr/bin/env python3
"""The journal's mode, switched while the daemon runs: what each loses when the daemon is killed right after an answer.

    journal_mode.py BIN_DIR

The answer is that of POST /v1/latch. In `group` and `strict` the latch is there after kill -9, whatever the mode was
before; in `interval` it may not be, and is not, killed within the window; what is older than the window is there.
"""
import pathlib
import subprocess
import sys
import time

import deployment
import nets

WINDOW_MS = 1000  # the longest there is: the kill comes well within it


def mode(deployed, *words):
    got = subprocess.run([deployed.bin / "sluice", "journal", "mode", *words, "--provider", f"http://127.0.0.1:{deployed.port}",
                          "--token-file", deployed.root / "tokens"], stdout=subprocess.PIPE, text=True, check=True)
    return got.stdout.strip()


def set_latch(deployed, on):
    deployed.ask("/v1/latch", {"on": on, "reason": "for the test"})


def latched(deployed):
    return deployed.ask("/v1/layers")["latch"]["on"]


def killed_after_answer(deployed, switches, on):
    """Is what was answered right before the kill still there?"""
    for word in switches:
        if mode(deployed, word) != word:
            raise AssertionError(f"not in {word}")
    deployed.quiet()
    sequence = deployed.sequence()
    time.sleep(WINDOW_MS / 1000 + 0.2)  # all of that is older than the window
    set_latch(deployed, on)
    deployed.kill_daemon()
    deployed.start_daemon()
    deployed.wait_ready()
    if deployed.sequence() < sequence:
        raise AssertionError("something older than the window is lost")
    return latched(deployed) == on


def main(bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    interval = f"interval:{WINDOW_MS}"
    with nets.open_nets("sim", bin_dir, block_ms={"bitcoin": 0, "rootstock": 0}) as nodes:
        with deployment.Deployment(bin_dir, nodes, settings=("reconcile_interval_ms=600000",)) as deployed:
            deployed.start()
            for layer in ("bitcoin", "rootstock"):
                nodes.mine(layer)
            deployed.wait_reconciled()
            on = True
            for switches in (["group"], ["strict"], [interval, "group"], [interval, "strict"]):
                if not killed_after_answer(deployed, switches, on):
                    raise AssertionError(f"an answer is lost after {switches}")
                if mode(deployed) != "group":
                    raise AssertionError("a start goes back to the configuration's mode")
                on = not on
            if killed_after_answer(deployed, [interval], on):
                raise AssertionError("nothing was lost within the window: does an answer wait after all?")


if __name__ == "__main__":
    main(*sys.argv[1:])
