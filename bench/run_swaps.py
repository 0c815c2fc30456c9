#!/usr/bin/env python3
"""Many swaps at once, both ways, on sluice-devnet: all have to settle, books and chains to agree.

    bench/run_swaps.py BUILD [--count N] [--seed N] [--json]

Starts sluice-devnet (50 to 500 ms a call), sluice-signer and sluiced from BUILD, gives the provider coins, lets
bench_swaps be the other side, and measures. Rows go to standard output, one JSON object each with --json; exit status 1
when a swap did not settle or the books differ.
"""
import argparse
import decimal
import itertools
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/live"))
import nets  # noqa: E402
import provider as providers  # noqa: E402

LATENCY_MS = (50, 500)
BLOCK_MS = {"bitcoin": 1000, "rootstock": 500}
COIN = "0.003"  # of the provider, each enough for one lock-up
COINS_OF_ONE_CALL, COINS_OF_ONE_BLOCK = 400, 2000
# Blocks come 600 times as fast as on mainnet, nodes answer no faster: what is counted in blocks is stretched.
SETTINGS = ("http.connections=4096", "reconcile_interval_ms=1000", "signer.timeout_ms=15000",
            "bitcoin.poll_ms=200", "rootstock.poll_ms=200",
            f"bitcoin.block_interval_ms={BLOCK_MS['bitcoin']}", f"rootstock.block_interval_ms={BLOCK_MS['rootstock']}",
            "bitcoin.lock_blocks=600", "rootstock.lock_blocks=1200", "bitcoin.funding_blocks=300",
            "rootstock.funding_blocks=600", "bitcoin.bump_blocks=30", "rootstock.bump_blocks=60")
TICKS = os.sysconf("SC_CLK_TCK")


def devnet(build, seed, block_ms=None):
    return nets.SimNets(build / "bin/sluice-devnet", block_ms or BLOCK_MS, "%d-%d" % LATENCY_MS, seed, None)


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(process, what="VmHWM"):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().split("\n"):
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def fund(p, bitcoin, rootstock, count, coins):
    """Coins of the size of one lock-up, so that none waits for another's change; or `coins` larger ones."""
    addresses = {name: layer["funding_address"] for name, layer in p.layers().items()}
    left = coins or count * 6 // 5 + 10
    value = str(decimal.Decimal(COIN) * count / coins) if coins else COIN
    want = decimal.Decimal(0)
    rootstock.sim_fund(addresses["rootstock"].lower(), hex(10 ** 16 * count))

    def there():
        have = p.balances()
        return decimal.Decimal(have["bitcoin"]["available"]) >= want and \
            decimal.Decimal(have["rootstock"]["available"]) > 0
    while left > 0:
        one_block = min(left, COINS_OF_ONE_BLOCK)
        left -= one_block
        want += decimal.Decimal(value) * one_block
        while one_block > 0:
            bitcoin.sim_fund(addresses["bitcoin"], value, min(one_block, COINS_OF_ONE_CALL))
            one_block -= COINS_OF_ONE_CALL
        p.wait("funds", there, 60)


def row(name, ours, unit, theirs=None, goal=None, peer=None):
    ratio = None
    if theirs is not None:
        ratio = ours / theirs if theirs else 0.0
    return {"name": name, "peer": peer, "peer_version": None, "ours": ours, "theirs": theirs, "unit": unit,
            "ratio": ratio, "goal": goal, "met": None if goal is None else ratio is not None and ratio >= goal}


def measure(build, count, seed, timeout_s, coins=0):
    """{what: value} of one run; raises where it fails."""
    with devnet(build, seed) as net, providers.Provider(
            build / "bin", net.bitcoin.url, net.rootstock.url, net.contract, auth=net.auth, settings=SETTINGS) as p:
        p.start()
        fund(p, net.bitcoin, net.rootstock, count, coins)
        if os.environ.get("BENCH_PROFILE"):  # a command; %d: the process
            subprocess.Popen(os.environ["BENCH_PROFILE"].replace("%d", str(p.daemon.pid)), shell=True)
        running = {"sluiced": p.daemon, "signer": p.signer, "devnet": net.process}
        before = {name: cpu_seconds(process) for name, process in running.items()}
        load = subprocess.run(
            [build / "bench/bench_swaps", "--url", f"http://127.0.0.1:{p.port}", "--bitcoin", net.bitcoin.url,
             "--rootstock", net.rootstock.url, "--contract", net.contract, "--count", str(count), "--seed", str(seed),
             "--timeout-s", str(timeout_s)], stdout=subprocess.PIPE, text=True)
        if not load.stdout:
            raise AssertionError(f"bench_swaps ended with {load.returncode}")
        said = json.loads(load.stdout)
        said["cpu_s"] = {name: cpu_seconds(process) - before[name] for name, process in running.items()}
        said["resident_mib"] = {name: resident_mib(process) for name, process in running.items()}
        said["journal_records"] = p.sequence()
        # books and chains are compared at one block: none may come meanwhile
        for node in (net.bitcoin, net.rootstock):
            node.sim_mine(4)
            node.sim_auto_mine(0)
        begun = time.monotonic()
        p.wait_reconciled()
        said["reconciled_s"] = time.monotonic() - begun
        said["balances"] = p.balances()
        return said


def adapters(build, seed):
    """Rows: what each operation makes of the nodes' latency."""
    with devnet(build, seed, nets.BY_HAND) as net:
        done = subprocess.run(
            [build / "bench/bench_adapters", "--bitcoin", net.bitcoin.url, "--rootstock", net.rootstock.url, "--contract",
             net.contract, "--low", str(LATENCY_MS[0]), "--high", str(LATENCY_MS[1])], stdout=subprocess.PIPE, text=True)
        for line in done.stdout.splitlines():
            yield json.loads(line)


def rows(said):
    count, daemon = said["count"], said["cpu_s"]["sluiced"]
    yield row(f"{count} swaps at once: settled", said["settled"], "swaps", theirs=count, goal=1.0)
    yield row("swaps settled a second", said["settled"] / said["seconds"], "1/s")
    for name, text in (("locked_ms", "offer to counter-lock"), ("completed_ms", "offer to completed")):
        for quantile in ("p50", "p99"):
            yield row(f"{text}, {quantile}", said[name][quantile] / 1000, "s")
    yield row("sluiced, resident memory at most", said["resident_mib"]["sluiced"], "MiB")
    yield row("sluiced, CPU", daemon, "s")
    yield row("sluiced, CPU of one swap", daemon / count * 1000, "ms")
    yield row("sluice-signer, CPU", said["cpu_s"]["signer"], "s")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("build", type=pathlib.Path)
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--timeout-s", type=int, default=300)
    options.add_argument("--coins", type=int, default=0, help="of the provider; 0: enough that no lock-up waits")
    options.add_argument("--raw", action="store_true", help="everything that was measured, as one object")
    options.add_argument("--no-adapters", action="store_true", help="swaps only")
    o = options.parse_args()
    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs; {o.count} swaps at once, calls of "
          f"{LATENCY_MS[0]} to {LATENCY_MS[1]} ms, blocks each {BLOCK_MS['bitcoin']} and {BLOCK_MS['rootstock']} ms",
          file=sys.stderr)
    build = o.build.resolve()
    said = measure(build, o.count, o.seed, o.timeout_s, o.coins)
    if o.raw:
        print(json.dumps(said))
    met = said["settled"] == said["count"]
    for line in itertools.chain([] if o.raw else rows(said), [] if o.no_adapters else adapters(build, o.seed)):
        met = met and line["met"] is not False
        print(json.dumps(line), flush=True)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
