#!/usr/bin/env python3
"""kill -9 of sluiced, and now and then of its signer, at random moments under load.

    kills_random.py BIN_DIR WIRE_TOOL KILLS [SEED]

Swaps in both directions and payouts go on all the time, each request repeated with its key until it is answered. After
every death both programs are started again, and everything that was acknowledged must be there, as it was. At the end
all swaps and payouts end, each payout arrived once and to the unit, each swap was locked once, and books equal chains.
"""
import random
import sys
import threading
import time
from decimal import Decimal

from honest import Client
from kills import check_paid_once, rest
from nets import BY_HAND, OTHER, open_nets
from peers import RpcError, tool
from provider import HttpError, Provider

AT_ONCE = 3  # swaps under way
SIGNER_EVERY = 4
SETTINGS = ("reconcile_interval_ms=1000", "snapshots.every_bytes=4096", "snapshots.keep=2")
ENDS = ("completed", "refunded", "declined", "expired")


class Payout:
    def __init__(self, draw):
        self.to = "0x" + draw.randbytes(20).hex()
        self.amount = Decimal(draw.randrange(1000, 90000)) / 10 ** 8
        self.key, self.id = draw.randbytes(16).hex(), None

    def ask(self, provider):
        body = {"layer": "rootstock", "to": self.to, "amount": f"{self.amount:f}"}
        self.id = provider.ask("/v1/transfers", body, key=self.key)["id"]


class Load:
    def __init__(self, nets, provider, tools, draw):
        self.nets, self.provider, self.tools, self.draw = nets, provider, tools, draw
        self.clients, self.ended, self.payouts, self.grows = [], [], [], True

    def step(self):
        """One round of everybody; a daemon that is not there is for the next one."""
        if self.grows and len(self.clients) < AT_ONCE:
            self.clients.append(Client(self.nets, self.provider, self.tools, self.draw.choice(sorted(OTHER))))
        if self.grows and all(p.id for p in self.payouts):
            self.payouts.append(Payout(self.draw))
        for payout in self.payouts:
            if payout.id is None:
                self.attempt(lambda p=payout: p.ask(self.provider))
        for client in list(self.clients):
            self.attempt(lambda c=client: self.advance(c))
        for layer in OTHER:
            self.nets.mine(layer)

    def advance(self, client):
        s = client.begin() if client.id is None else client.swap()
        if s["state"] in ENDS:
            self.clients.remove(client)
            self.ended.append(client)
        else:
            client.step(s)

    def attempt(self, what):
        try:
            what()
        except HttpError as e:
            if e.status == 422 or e.problem.get("code") in ("quote_expired", "quote_invalid"):
                raise
        except (OSError, RpcError, ValueError):
            pass  # dead, or cut off in the middle of an answer

    def check_acknowledged(self):
        for payout in self.payouts:
            if payout.id is not None:
                t = self.provider.ask("/v1/transfers/" + payout.id)
                assert (t["to"].lower(), Decimal(t["amount"])) == (payout.to, payout.amount), t
        for client in self.clients + self.ended:
            if client.id is not None:
                s = self.provider.swap(client.id)
                assert client not in self.ended or s["state"] in ENDS, s

    def finish(self, seconds=120):
        self.grows, end = False, time.monotonic() + seconds
        while self.clients or not self.all_paid():
            assert time.monotonic() < end, ("not settled", [c.swap()["state"] for c in self.clients])
            self.step()
            time.sleep(0.05)
        for payout in self.payouts:
            has = self.nets.balance("rootstock", payout.to)
            assert has == payout.amount, (payout.id, has, payout.amount)
        for client in self.ended:
            s = client.swap()
            assert s["state"] == "completed", s
            check_paid_once(self.nets, client, s)

    def all_paid(self):
        if any(p.id is None for p in self.payouts):
            return False
        return all(self.provider.ask("/v1/transfers/" + p.id)["state"] == "final" for p in self.payouts)


def one_kill(load, provider, draw, number):
    signer = number % SIGNER_EVERY == SIGNER_EVERY - 1
    timer = threading.Timer(draw.uniform(0.05, 0.8), provider.signer.kill if signer else provider.daemon.kill)
    victim = provider.signer if signer else provider.daemon
    timer.start()
    while victim.poll() is None:
        load.step()
        time.sleep(draw.uniform(0, 0.03))
    victim.wait()
    if signer:
        provider.start_signer()
    else:
        provider.start_daemon(None, SETTINGS)
    provider.wait_ready()
    load.check_acknowledged()


def main():
    bin_dir, wire_tool, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(10 ** 6)
    print(f"again with: {' '.join(sys.argv[:4])} {seed}", flush=True)
    draw, tools = random.Random(seed), tool(wire_tool)
    with open_nets("sim", bin_dir, block_ms=BY_HAND) as nets, \
            Provider(bin_dir, nets.bitcoin.url, nets.rootstock.url, nets.contract, nets.network, nets.auth) as provider:
        provider.start_signer()
        provider.start_daemon(None, SETTINGS)
        provider.wait_ready()
        where = provider.layers()
        for _ in range(8):
            nets.fund("bitcoin", where["bitcoin"]["funding_address"], "0.5")
        nets.fund("rootstock", where["rootstock"]["funding_address"], "9")
        nets.fund("rootstock", tools("address", "client", nets.chain_id)[0], "9")
        for layer in OTHER:
            nets.mine(layer, 4)
        rest(provider)
        load = Load(nets, provider, tools, draw)
        for number in range(kills):
            one_kill(load, provider, draw, number)
        load.finish()
        snapshots = list((provider.root / "data/journal").glob("*.snap"))
        assert kills < 5 or snapshots, "no snapshot was made"
        provider.wait_reconciled()
        print(f"{kills} kills, {len(load.ended)} swaps completed, {len(load.payouts)} payouts paid once, books equal chains")


if __name__ == "__main__":
    main()
