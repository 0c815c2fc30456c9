#!/usr/bin/env python3
"""Ends the daemon, or the signer, at every point of a swap, and looks at what is left.

    kills.py sim|real|sample|cln FROM TO BIN_DIR WIRE_TOOL JOURNAL_TOOL

FROM, TO: bitcoin, rootstock, lightning, liquid or bob; the client locks on the first. sample: on the simulated
networks, as many points as on real ones; cln: the same, and the provider's Lightning node is a Core Lightning.

A dry run lists the records of one swap. Then, for each record and each point (before the write; written, not synced;
synced, no effect sent; effect sent, nothing recorded; observation recorded), a swap runs in lockstep with hand-mined
blocks until the process ends there; it is started again, and the swap must end, be paid once, and leave books that equal
the chains. A point that is never reached fails. On the real nodes ten points are taken instead of all.
"""
import sys
import time
from decimal import Decimal

from honest import BOB_CHAIN, Client
from nets import BY_HAND, OTHER, open_nets, units
from peers import RpcError, tool
from provider import KILLED, WAIT_SECONDS, HttpError, Provider

JOURNAL_POINTS = ("before_write", "written", "synced")
EFFECT_POINTS = ("effect_sent", "observed")
# The others at the pace of the first two, as provider.py has them
PACE = ("poll_ms=20", "block_interval_ms=1000", "funding_blocks=30", "swap_max=1")
REAL_SAMPLE = 10
NO_REPEATED_RECORDS = ("reconcile_interval_ms=3600000",)  # so that a swap's records are the same each time


SHIFTS = (0, 0, 1, -1)  # a record more or less before the point moves it: then it is tried again, and where it may be now
COINS = ("bitcoin", "liquid")
# Blocks until a lock-up is answered, and until it is final: a rollup's have to be written to the chain below.
DEEP, FINAL = {"bob": 6}, {"bob": 10}


def amount_of(way):
    return "0.0006" if "lightning" in way else "0.01"  # what the real nodes' channel has is enough for so many


class Died(Exception):
    pass


class NotReached(AssertionError):
    pass


def alive(provider):
    return provider.daemon.poll() is None and provider.signer.poll() is None


def rest(provider):
    if not provider.quiet(lambda: alive(provider)):
        raise Died


def until(provider, what):
    """A Lightning node takes its time between two records: rest alone would not wait for it."""
    end = time.monotonic() + WAIT_SECONDS
    while not what():
        if not alive(provider):
            raise Died
        assert time.monotonic() < end, "never came"
        time.sleep(0.02)


def lockstep(nets, provider, client):
    """One swap, each step only after the daemon has nothing left to do: the same records every time."""
    client.begin()
    rest(provider)
    client.pay(client.swap())
    if client.source == "lightning":
        until(provider, lambda: client.swap()["state"] != "offered")
    rest(provider)
    chains = [layer for layer in (client.source, client.dest) if layer in nets.chains]
    for layer in chains:
        for _ in range(DEEP.get(layer, 2)):
            nets.mine(layer)
            rest(provider)
    if client.dest == "lightning":
        until(provider, lambda: client.may_claim(client.swap()))
    client.claim(client.swap())
    if client.dest == "lightning":
        until(provider, lambda: client.swap()["state"] != "dest_locking")
    rest(provider)
    if client.dest in chains:
        nets.mine(client.dest)
        rest(provider)
    for layer in chains:
        for _ in range(FINAL.get(layer, 4)):
            nets.mine(layer)
            rest(provider)
    return client.swap()


def settled(provider):
    """Start afresh: what the ledger says is reconciled with the chains before anything else happens."""
    provider.wait_ready()
    provider.wait_reconciled()
    rest(provider)


def restart(provider, daemon_kill=None, signer_kill=None):
    provider.end_daemon()
    if signer_kill is not None or provider.signer.poll() is not None:
        provider.end_signer()
        provider.start_signer(signer_kill)
    provider.start_daemon(daemon_kill, NO_REPEATED_RECORDS)


def finish(nets, provider, client):
    """After the death: everything up again, and the swap must end."""
    if provider.daemon.poll() is not None:
        assert provider.daemon.returncode in (KILLED, 0), provider.daemon.returncode
        provider.start_daemon(None, NO_REPEATED_RECORDS)
    if provider.signer.poll() is not None:
        provider.start_signer()
    provider.wait_ready()
    if client.id is None:
        provider.wait("the swap", client.begin)
    return client.run()


def one_kill(nets, provider, tools, way, daemon_kill=None, signer_kill=None):
    restart(provider, daemon_kill, signer_kill)
    try:
        settled(provider)
    except (AssertionError, Died, OSError, HttpError):
        if alive(provider):
            raise
        restart(provider)  # a start may leave a record more than the last one did
        settled(provider)
        raise NotReached(f"{way}: {daemon_kill or signer_kill} was reached before the swap")
    client = Client(nets, provider, tools, *way, amount=amount_of(way))
    try:
        lockstep(nets, provider, client)
        reached = False
    except (Died, OSError, HttpError):
        time.sleep(0.05)
        reached = not alive(provider)
    if not reached:
        raise NotReached(f"{way}: {daemon_kill or signer_kill} was never reached")
    dead = provider.daemon if daemon_kill else provider.signer
    assert dead.returncode == KILLED, dead.returncode
    s = finish(nets, provider, client)
    assert s["state"] == "completed", (daemon_kill, signer_kill, s)
    check_paid_once(nets, client, s)
    for layer in nets.chains:
        nets.mine(layer, FINAL.get(layer, 4))
    rest(provider)


def check_paid_once(nets, client, s):
    """The destination's lock-up was for the agreed amount, was claimed, and there was no other."""
    if client.dest == "lightning":
        assert client.settled() == ("SETTLED", units("bitcoin", s["destination_amount"])), (client.settled(), s)
        return
    if client.source == "lightning":
        assert client.settled() == ("SETTLED", units("bitcoin", s["source_amount"])), (client.settled(), s)
    assert len(s["lock_transactions"]) >= 1, s
    confirmed = 0
    for txid in s["lock_transactions"]:
        txid = txid["id"] if isinstance(txid, dict) else txid
        try:
            if client.dest in COINS:
                confirmed += nets.rpc(client.dest).getrawtransaction(txid, 1).get("confirmations", 0) > 0
            else:
                receipt = nets.rpc(client.dest).eth_getTransactionReceipt(txid)
                confirmed += receipt is not None and receipt["status"] == "0x1"
        except RpcError:
            pass  # a replaced variant is nowhere
    assert confirmed == 1, (s["id"], confirmed)
    assert Decimal(s["destination"]["lock"]["amount"]) == Decimal(s["destination_amount"]), s


def records_of(journal, provider, after):
    lines = [line.split() for line in journal(provider.root / "data/journal")]
    return [(int(seq), kind) for seq, kind, _ in lines if int(seq) > after]


def plan(nets, provider, tools, journal, way):
    """[(offset of the record from the swap's first, point)], from a swap that nobody disturbs."""
    restart(provider)
    settled(provider)
    before = provider.sequence()
    client = Client(nets, provider, tools, *way, amount=amount_of(way))
    s = lockstep(nets, provider, client)
    assert s["state"] == "completed", s
    points = []
    for seq, kind in records_of(journal, provider, before):
        points += [(seq - before, p) for p in JOURNAL_POINTS]
        if kind == "prepared":
            points += [(seq - before, p) for p in EFFECT_POINTS]
    print(f"{' to '.join(way)}: {points[-1][0]} records, {len(points)} points")
    return points


def sample(points, count):
    effects = [p for p in points if p[1] in EFFECT_POINTS]
    others = [p for p in points if p[1] not in EFFECT_POINTS]
    step = max(1, len(others) // (count - len(effects)))
    return effects + others[::step][:count - len(effects)]


def stock(nets, name, net, where, tools):
    """What provider and client begin with on a network beside the first two."""
    for amount in net.stock:
        nets.fund(name, where[name]["funding_address"], amount)
    if name == "bob":
        net.provide(where[name]["funding_address"])
        client = tools("address", "client", BOB_CHAIN)[0]
        net.gas(client, "2")
        net.fund(client, "3")


def run(nets, bin_dir, tools, journal, few, way):
    with Provider(bin_dir, nets.bitcoin.url, nets.rootstock.url, nets.contract, nets.network, nets.auth,
                  settings=[f"{layer}.{pace}" for layer in nets.beside for pace in PACE], more=nets.beside.values()) as provider:
        for layer in nets.chains:
            nets.mine(layer, 4)  # a rollup's first block says nothing of the chain below
        provider.start_signer()
        provider.start_daemon(None, NO_REPEATED_RECORDS)
        provider.wait_ready()
        where = provider.layers()
        for _ in range(6):
            nets.fund("bitcoin", where["bitcoin"]["funding_address"], "0.5")
        nets.fund("rootstock", where["rootstock"]["funding_address"], "9")
        nets.fund("rootstock", tools("address", "client", nets.chain_id)[0], "9")
        for name, net in nets.beside.items():
            stock(nets, name, net, where, tools)
        for layer in nets.chains:
            nets.mine(layer, FINAL.get(layer, 4))
        rest(provider)
        if way[1] == "bob":  # the first lock there is preceded by an approval for all
            plan(nets, provider, tools, journal, way)
        points = plan(nets, provider, tools, journal, way)
        points = sample(points, REAL_SAMPLE) if few else points
        # a restart appends what it always appends, a reconciliation of each layer, before the swap begins
        before = provider.sequence()
        restart(provider)
        settled(provider)
        grown = provider.sequence() - before
        for offset, point in points:
            for attempt, shift in enumerate(SHIFTS):
                rest(provider)
                try:
                    one_kill(nets, provider, tools, way, f"{provider.sequence() + grown + offset + shift}:{point}")
                    break
                except NotReached:
                    if attempt == len(SHIFTS) - 1:
                        raise
        requests = [(n, p) for n in (1, 2) for p in ("before_write", "written", "synced", "effect_sent")]
        # Lightning's commands are not signed: a swap has one signature, of the other side
        requests = [r for r in requests if not nets.lightning or r[0] == 1]
        for request, point in requests[::4] if few else requests:
            one_kill(nets, provider, tools, way, signer_kill=f"{request}:{point}")
        restart(provider)
        settled(provider)
        print(f"{' to '.join(way)}: {len(points)} kills of the daemon, every swap completed, paid once, books equal chains")


def main():
    kind, source, dest, bin_dir, wire_tool, journal_tool = sys.argv[1:7]
    tools, journal = tool(wire_tool), tool(journal_tool)
    layers = [layer for layer in (source, dest) if layer not in OTHER]
    options = {"cln": "alice"} if kind == "cln" else {}
    with open_nets(kind, bin_dir, block_ms=BY_HAND, layers=layers, **options) as nets:
        run(nets, bin_dir, tools, journal, kind != "sim", (source, dest))


if __name__ == "__main__":
    main()
