#!/usr/bin/env python3
"""sluiced at rest, as it is set up by default, on networks that stand still: its threads sleep.

    rest.py BIN_DIR

Fewer than five wake-ups a second for the whole process, and 0.0 % of a processor. Nodes have to be asked (poll_ms), the
signer looked at; nothing else may need the clock. A busy machine only makes it slower: the best of some tries counts.
"""
import pathlib
import sys
import time

import deployment
import nets

SECONDS = 10
WAKES_MAX = 5.0  # a second
CPU_MAX = 0.1  # percent
TRIES = 10
DEFAULTS = (*(f"{layer}.poll_ms=2500" for layer in ("bitcoin", "rootstock", "lightning")), "reconcile_interval_ms=600000",
            "swap.observation_ms=5000")


def account(pid):
    """By thread: times that it went to sleep of its own accord, and nanoseconds of CPU."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        ran = int((task / "schedstat").read_text().split()[0])
        found[f"{status['Name'].strip()} {task.name}"] = int(status["voluntary_ctxt_switches"]), ran
    return found


def measure(pid):
    before, begun = account(pid), time.monotonic()
    time.sleep(SECONDS)
    after, took = account(pid), time.monotonic() - begun
    rows = {name: (wakes - before.get(name, (0, 0))[0], ns - before.get(name, (0, 0))[1])
            for name, (wakes, ns) in after.items()}
    for name, (wakes, ns) in rows.items():
        print(f"{name:24} {wakes / took:5.1f} wake-ups a second, {ns / took / 1e7:.3f} % of a processor")
    wakes, cpu = (sum(column) / took for column in zip(*rows.values()))
    print(f"{'all':24} {wakes:5.1f} wake-ups a second, {cpu / 1e7:.3f} % of a processor", flush=True)
    return wakes, cpu / 1e7


def main(bin_dir):
    bin_dir = pathlib.Path(bin_dir)
    with nets.open_nets("sim", bin_dir, block_ms={"bitcoin": 0, "rootstock": 0}) as nodes:
        with deployment.Deployment(bin_dir, nodes, settings=DEFAULTS) as deployed:
            deployed.start()
            for layer in ("bitcoin", "rootstock"):
                nodes.mine(layer)
                deployed.wait(f"a block of {layer}", lambda name=layer: deployed.layers()[name]["height"] > 0)
            for _ in range(TRIES):
                wakes, cpu = measure(deployed.daemon.pid)
                if wakes < WAKES_MAX and cpu < CPU_MAX:
                    return
            raise AssertionError(f"{wakes:.1f} wake-ups a second, {cpu:.3f} % of a processor")


if __name__ == "__main__":
    main(*sys.argv[1:])
