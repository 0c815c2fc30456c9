#!/usr/bin/env python3
"""The demonstration: a provider and a client swap both ways, with Lightning too where there is any, survive a kill and a
vanished client, and the books are compared with the chains. Run by ./demo.sh, which installs and builds first."""
import argparse
import contextlib
import json
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/live"), str(ROOT / "tools/demo")]

import deployment  # noqa: E402
import nets  # noqa: E402
import peers  # noqa: E402
import provider  # noqa: E402
import taker  # noqa: E402
from screen import Screen, pad  # noqa: E402

FRAME_SECONDS = 0.1
LIMIT_SECONDS = 150
READ_SECONDS = 2
AWAY_SECONDS = 1.5
FINAL = {"bitcoin": 3, "rootstock": 4, "lightning": 1, "liquid": 3, "bob": 4}  # final_depth in *.yaml
NAMES = {"bitcoin": "Bitcoin", "rootstock": "Rootstock", "lightning": "Lightning", "liquid": "Liquid", "bob": "BOB"}
UNITS = {"bitcoin": "BTC", "rootstock": "RBTC", "lightning": "BTC", "liquid": "L-BTC", "bob": "WBTC"}
# Beside Bitcoin and Rootstock. No package has an elementsd; lnd is there where Go is.
BESIDE = {"sim": ("lightning", "liquid", "bob"), "real": ("lightning", "bob") if peers.LND.exists() else ("bob",)}
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five"}
BLOCK_MS = {**nets.DEMO_BLOCK_MS, "lightning": nets.DEMO_BLOCK_MS["bitcoin"]}  # its clock is Bitcoin's
TERMINAL = {"completed", "refunded", "expired", "declined", "breached"}
PENDING, ACTIVE, DONE, LOST = range(4)
BAR_MAX = 8
THERE, BACK, KILLED, VANISHED = 1, 2, 3, 4
TITLES = {THERE: "Bitcoin to Rootstock", BACK: "Rootstock to Bitcoin", KILLED: "the provider is killed half-way",
          VANISHED: "the client vanishes after paying"}
# Those that follow, where both networks are there: from, to, amount.
TOUR = (("bitcoin", "lightning", "0.011"), ("lightning", "rootstock", "0.012"), ("rootstock", "liquid", "0.013"),
        ("liquid", "bob", "0.014"), ("bob", "bitcoin", "0.0125"))
# Nobody here has their keys: what a client is paid stays there.
TO = {"bitcoin": taker.BITCOIN_ADDRESSES[2], "liquid": "ert1qzp9d42vxkmfzg854psyk62acvg33qhnz4drgnp"}
PANEL_LINES = 6  # of one swap


def short(amount):
    """At most eight decimals: satoshis are enough to look at."""
    whole, _, rest = amount.partition(".")
    return whole + ("." + rest[:8] if rest else "")


class View:
    """One swap as it is shown: what the provider's API says of it, and what its client does."""

    def __init__(self, number, title):
        self.number, self.title = number, title
        self.run = self.swap = self.source = self.began = self.ended = None
        self.note = self.result = ""
        self.gone = False          # the client will never claim
        self.client_refund = None  # a stage, once the client takes its own back

    def state(self):
        return self.swap["state"] if self.swap else "asking"

    def over(self):
        return self.state() in TERMINAL

    def seconds(self):
        return (self.ended or time.monotonic()) - self.began


class Demo:
    def __init__(self, options, screen):
        self.options, self.screen = options, screen
        self.kind = "real" if options.real else "sim"
        there = {"bitcoin", "rootstock", *BESIDE[self.kind]}
        tour = [leg for leg in TOUR if there.issuperset(leg[:2])]
        self.tour = dict(enumerate(tour, max(TITLES) + 1))
        titles = {**TITLES, **{n: f"{NAMES[a]} to {NAMES[b]}" for n, (a, b, _) in self.tour.items()}}
        self.views = {number: View(number, title) for number, title in titles.items()}
        self.shown = THERE  # beside VANISHED
        self.heights, self.down = {}, False
        self.scenes = []
        self.completed = self.refunded = 0
        self.began = time.monotonic() - options.elapsed

    # ---- what is drawn ----

    def stage(self, status, label, amount="", have=None, need=None, note=""):
        s = self.screen
        mark, colour = {PENDING: (s.sign("○", "."), "dim"), ACTIVE: (s.sign("◐", ">"), "yellow"),
                        DONE: (s.sign("●", "*"), "green"), LOST: (s.sign("✗", "x"), "red")}[status]
        bar = ""
        if need is not None:
            full, empty = s.sign("▰", "#"), s.sign("▱", "-")
            shown, width = min(have, need), min(need, BAR_MAX)
            bar = s.paint(full * (shown * width // need), colour) + s.paint(
                empty * (width - shown * width // need), "dim")
            bar += f" {shown}/{need}"
        text = f"   {s.paint(mark, colour)} {pad(label, 18)} {pad(amount, 17)} {pad(bar, 14)} {s.paint(note, 'dim')}"
        return status, label, text.rstrip(), note

    def opening(self, leg):
        """When a lock-up's refund opens: height, and how long that is from now."""
        if leg["timelock"] is None:
            return ""
        layer = leg["layer"]
        left = leg["timelock"] - self.heights.get(layer, leg["timelock"])
        if left <= 0:
            return f"refund open since block {leg['timelock']}"
        seconds = left * BLOCK_MS[layer] / 1000
        return f"refund opens at block {leg['timelock']}, in {left} ({seconds:.0f} s)"

    def lock_stage(self, label, leg, running, closed):
        amount = f"{short(leg['amount'])} {UNITS[leg['layer']]}"
        lock = leg["lock"]
        if lock is None:
            return self.stage(ACTIVE if running else PENDING, label, amount, 0, leg["depth"])
        status = DONE if lock["confirmations"] >= leg["depth"] else ACTIVE
        return self.stage(status, label, amount, lock["confirmations"], leg["depth"],
                          "" if closed else self.opening(leg))

    def own_stage(self, label, transactions, layer, running):
        most = max((t["confirmations"] for t in transactions), default=0)
        status = DONE if most >= FINAL[layer] else ACTIVE if running else PENDING
        return self.stage(status, label, "", most, FINAL[layer], "" if transactions or not running else "signing")

    def stages(self, view):
        s = view.swap
        if s is None:
            return [self.stage(ACTIVE, "client asks", note="quote, checks, rescue file")]
        state, source, dest = s["state"], s["source"], s["destination"]
        claimed = state in ("claiming", "completed")
        refunding = state in ("refunding", "refunded")
        out = [self.lock_stage("client locks", source, state == "offered", claimed),
               self.lock_stage("provider locks", dest, state in ("source_locked", "dest_locking"),
                               claimed or state == "refunded")]
        if refunding or view.client_refund is not None:
            out.append(self.own_stage("provider refunds", s["refund_transactions"], dest["layer"], refunding))
            out.append(view.client_refund or self.stage(PENDING, "client refunds"))
        else:
            status = DONE if claimed else LOST if view.gone else ACTIVE if state == "dest_locked" else PENDING
            out.append(self.stage(status, "client claims", note="the preimage is public" if claimed else ""))
            out.append(self.own_stage("provider claims", s["claim_transactions"], source["layer"],
                                      state == "claiming"))
        return out

    def head(self, view):
        s = self.screen
        what = ""
        if view.swap:
            what = (f"{short(view.swap['source_amount'])} {UNITS[view.swap['from']]} {s.sign('→', '->')} "
                    f"{short(view.swap['destination_amount'])} {UNITS[view.swap['to']]}")
        colour = {"completed": "green", "refunded": "yellow", "breached": "red"}.get(view.state(), "cyan")
        return (f" {s.paint(str(view.number), 'bold')} {s.paint(pad(view.title, 34), 'bold')} "
                f"{pad(what, 38)} {s.paint(view.state().replace('_', ' '), colour)}")

    def row(self, view):
        """A swap in the list of all: what is to come, what is on, what came of it."""
        s = self.screen
        mark, colour = {PENDING: (s.sign("○", "."), "dim"), ACTIVE: (s.sign("◐", ">"), "yellow"),
                        DONE: (s.sign("✓", "ok"), "green")}[DONE if view.ended else ACTIVE if view.run else PENDING]
        text = f" {s.paint(mark, colour)} {s.paint(pad(view.title, 34), 'bold' if view.run else 'dim')} "
        plain = None
        if view.ended:
            took = f"{view.seconds():.1f} s"
            plain = text + view.result + " " + s.paint(took, "dim")
            text = plain
        return ("row", view.number), text, plain

    def details(self, view):
        if view.run is None:
            return [(None, "", None)] * PANEL_LINES
        number = view.number
        lines = [((number, "head"), self.head(view), f"[{number}] {view.title}: {view.state().replace('_', ' ')}")]
        for status, label, text, note in self.stages(view):
            plain = f"[{number}] {label}: done" if status == DONE else None
            lines.append(((number, label), text, plain))
        lines += [(None, "", None)] * (PANEL_LINES - 1 - len(lines))
        note = self.screen.paint(view.note, "magenta") if view.note else ""
        return [*lines, ((number, "note"), "   " + note, f"[{number}] {view.note}" if view.note else None)]

    def panel(self, whole=True):
        s = self.screen
        lines = [self.row(view) for view in self.views.values()]
        if not whole:
            return lines
        blocks = "   ".join(f"{NAMES[n]} {s.paint('#' + str(h), 'cyan')}" for n, h in self.heights.items())
        daemon = s.paint("killed", "red") if self.down else s.paint("running", "green")
        clock = f"{time.monotonic() - self.began:.0f} s"
        lines += [(None, "", None), (None, f" {blocks}   provider {pad(daemon, 7)}   {clock}", None), (None, "", None)]
        return lines + self.details(self.views[self.shown]) + self.details(self.views[VANISHED])

    def close(self, view, text):
        self.refresh()
        view.ended, view.result, view.note = time.monotonic(), text, ""

    # ---- what is asked ----

    def refresh(self):
        if self.down:
            return
        with contextlib.suppress(OSError, provider.HttpError):
            self.heights = {n: layer["height"] for n, layer in self.provider.layers().items()}
            for view in self.views.values():
                if view.run and not view.ended and view.run.id():
                    view.swap = self.provider.swap(view.run.id())

    def loop(self):
        """Every scene goes on a little, then the picture is drawn, ten times a second, until all are over."""
        end = time.monotonic() + LIMIT_SECONDS
        while self.scenes:
            begun = time.monotonic()
            self.refresh()
            self.scenes = [scene for scene in self.scenes if next(scene, self) is not self]
            self.screen.show(self.panel())
            if time.monotonic() > end:
                raise TimeoutError(f"not over after {LIMIT_SECONDS} s: " + ", ".join(
                    f"{v.title}: {v.state()}\n{v.run.text() if v.run else ''}"
                    for v in self.views.values() if not v.ended))
            time.sleep(max(0, begun + FRAME_SECONDS - time.monotonic()))

    # ---- scenes: generators; each yield is a frame ----

    def begin(self, number, source, destination, amount, to_address, *more):
        view = self.views[number]
        if number != VANISHED:
            self.shown = number
        view.began, view.source = time.monotonic(), source
        view.run = self.client.swap(f"swap-{number}", source, destination, amount, to_address, *more)
        return view

    def pay(self, view):
        """Somebody's wallet pays the URI that the client printed, once it has checked the terms."""
        while view.run.payment() is None:
            self.begun(view)
            yield
        self.nodes.fund(view.source, *view.run.payment())

    @staticmethod
    def begun(view):
        """A client that ended before there was a swap."""
        if view.run.done() and not view.run.id():
            raise RuntimeError(f"sluice swap ended with {view.run.process.returncode}:\n{view.run.text()}")

    def settle(self, view, address, received=None):
        """Until the provider has finished and the client has what it paid for, by the chain's own word."""
        while not (view.over() and view.run.done()):
            self.begun(view)
            yield
        if view.state() != "completed" or view.run.process.returncode != 0:
            raise RuntimeError(f"{view.title}: {view.state()}, sluice ended with {view.run.process.returncode}:\n"
                               + view.run.text())
        got = received() if received else self.client.balance(view.swap["to"], address)
        if not view.run.worth(view.swap) <= got <= taker.coins(view.swap["destination_amount"]):
            raise RuntimeError(f"{view.title}: {address} has {got}")
        self.completed += 1
        self.close(view, f"{short(view.swap['source_amount'])} {UNITS[view.swap['from']]} paid, "
                         f"{short(str(got))} {UNITS[view.swap['to']]} received")

    def scene_main(self):
        """There, back, and once more with the provider killed in the middle."""
        there = self.client.fresh_account()
        view = self.begin(THERE, "bitcoin", "rootstock", "0.01", there)
        yield from self.pay(view)
        yield from self.settle(view, there)

        back = taker.BITCOIN_ADDRESSES[0]
        yield from self.pause()
        view = self.begin(BACK, "rootstock", "bitcoin", "0.02", back)
        yield from self.settle(view, back)

        yield from self.pause()
        there = self.client.fresh_account()
        view = self.begin(KILLED, "bitcoin", "rootstock", "0.03", there)
        yield from self.pay(view)
        while view.state() not in ("dest_locking", "dest_locked"):
            yield
        self.provider.kill_daemon()
        self.down = True
        view.note = "SIGKILL: sluiced is gone in the middle of locking"
        away = time.monotonic() + AWAY_SECONDS
        while time.monotonic() < away:
            yield
        self.provider.start_daemon()
        while not self.answers():
            yield
        self.down = False
        view.note = "started again: " + self.replayed()
        yield from self.settle(view, there)
        for number in self.tour:
            yield from self.pause()
            yield from self.scene_tour(number)

    def scene_tour(self, number):
        """To Lightning: the client's own node holds the payment until the client says the preimage; from it: the provider's
        node holds what the client pays until it has the preimage from the other chain. From Liquid a wallet pays, from BOB
        the client's own account."""
        source, dest, amount = self.tour[number]
        if dest == "lightning":
            before = self.nodes.lightning.msat("bob")
            address, received = None, lambda: taker.msat_coins(self.nodes.lightning.msat("bob") - before)
        else:
            address, received = self.fresh(dest), None
        view = self.begin(number, source, dest, amount, address)
        if source in taker.COINS:
            yield from self.pay(view)
        yield from self.settle(view, address, received)

    def fresh(self, layer):
        return TO[layer] if layer in TO else self.client.fresh_account()

    def pause(self):
        """So that a person can read what came before."""
        end = time.monotonic() + READ_SECONDS
        while self.screen.live and time.monotonic() < end:
            yield

    def answers(self):
        with contextlib.suppress(OSError, provider.HttpError):
            return bool(self.provider.layers())
        return False

    def replayed(self):
        found = re.findall(r"journal: (\d+ records replayed in \d+ ms)", (self.provider.root / "log").read_text())
        return (found[-1] if found else "journal replayed") + ", nothing is sent twice"

    def scene_vanish(self):
        """The client locks and is never seen again: both sides get their own back."""
        back = taker.BITCOIN_ADDRESSES[1]
        view = self.begin(VANISHED, "bitcoin", "rootstock", "0.04",
                          self.client.fresh_account(), "--refund-address", back)
        yield from self.pay(view)
        view.run.vanish()
        view.gone = True
        view.note = "the client is gone: it locked, and will never claim"
        while not view.over():
            yield
        if view.state() != "refunded":
            raise RuntimeError(f"{view.title}: {view.state()}")
        view.note = "the client comes back with its rescue file, and needs nobody"
        view.run.refund()
        while not view.run.done():
            opening = self.opening(view.swap["source"])
            view.client_refund = self.stage(ACTIVE, "client refunds", note=opening)
            yield
        got = self.client.balance("bitcoin", back)
        if view.run.process.returncode not in (0, 4) or got == 0:
            raise RuntimeError(f"sluice refund ended with {view.run.process.returncode}:\n{view.run.text()}")
        view.client_refund = self.stage(DONE, "client refunds", f"{got} BTC")
        self.refunded += 1
        self.close(view, f"provider refunded; client has {got} BTC back")

    # ---- the whole ----

    def say(self, text=""):
        self.screen.say(text)

    def run(self):
        with contextlib.ExitStack() as stack:
            self.nodes = stack.enter_context(
                nets.open_nets(self.kind, self.options.bin, layers=BESIDE[self.kind]))
            folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-demo-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            for name in ("provider", "client"):
                (folder / name).mkdir(mode=0o700)
            self.provider = stack.enter_context(
                deployment.Deployment(self.options.bin, self.nodes, root=folder / "provider"))
            count = COUNTS[2 + len(self.nodes.beside)]
            self.say(self.screen.paint(f" {count} networks ({self.nodes.title}), a signer, a provider, a client", "dim"))
            self.provider.start()
            self.provider.fund()
            self.client = stack.enter_context(taker.Taker(
                self.options.bin, self.nodes, self.provider.url(), gas="1", root=folder / "client"))
            self.provider.wait("gas for the client", lambda: self.client.balance(
                "rootstock", self.client.gas_address) > 0)
            self.say()
            self.scenes = [self.scene_main(), self.scene_vanish()]
            try:
                self.loop()
                self.screen.show(self.panel(whole=False))
            finally:
                self.screen.keep()
            result = self.reconcile()
            if self.options.stay:
                self.stay()
        return result

    def reconcile(self):
        """Books against chains, by scans of the chains, at blocks after the last swap."""
        s = self.screen
        reconciled = self.provider.wait_reconciled()
        books = self.provider.balances()
        custody = {layer["layer"]: layer["custody"] for layer in self.provider.ask("/v1/accounts")["layers"]}
        differences = {}
        self.say()
        for name, layer in sorted(self.provider.layers().items()):
            said = reconciled[name]
            differences[name] = {layer["asset"]: said["difference"]}
            good = s.paint(s.sign("✓", "ok"), "green") if said["difference"] == "0" else s.paint("DIFFERENCE", "red")
            self.say(f" {good} {pad(NAMES[name], 10)} books and chain at block {said['height']}: {short(custody[name])} "
                     f"{layer['asset']}, difference {said['difference']}")
        earned = [f"{short(books[n]['fees:earned'].lstrip('-'))} {UNITS[n]} on {NAMES[n]}" for n in sorted(books)]
        self.say(s.paint(f"   the provider earned {', '.join(earned)}", "dim"))
        return {"swaps_completed": self.completed, "swaps_refunded": self.refunded,
                "reconciled_difference": differences, "seconds": round(time.monotonic() - self.began, 1)}

    def stay(self):
        self.say(f"\n Still running: API {self.provider.url()}, operator token in {self.provider.root}/tokens,\n"
                 f" client configuration {self.client.config}. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)


def onward(screen, real):
    rows = [] if real else [("./demo.sh --real", "the same on Bitcoin Core, lnd and anvil")]
    rows += [("./demo.sh --stay", "leaves it running, for you to try the API"),
             ("docs/swap.md", "what just happened, and why nobody could lose"),
             ("docs/operating.md", "with your own nodes"), ("./test.sh", "the tests")]
    screen.say("\n Go on:")
    for what, why in rows:
        screen.say(f"   {pad(screen.paint(what, 'bold'), 20)} {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default=str(ROOT / "build/bin"), help="folder of the programs")
    parser.add_argument("--real", action="store_true", help="real nodes instead of simulated networks")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output at the end")
    parser.add_argument("--stay", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument("--elapsed", type=float, default=0, help="seconds that building took")
    options = parser.parse_args()
    # a closed terminal, or a service manager: the programs it started end as with Ctrl-C
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    screen = Screen(sys.stderr if options.json else sys.stdout)
    demo = Demo(options, screen)
    try:
        result = demo.run()
    except KeyboardInterrupt:
        screen.keep()
        return 130
    except (RuntimeError, TimeoutError, AssertionError, OSError, provider.HttpError, peers.RpcError) as e:
        screen.keep()
        print(f"\nThe demonstration failed: {e}", file=sys.stderr)
        return 1
    onward(screen, options.real)
    if options.json:
        print(json.dumps(result))
    good = all(d == "0" for layer in result["reconciled_difference"].values() for d in layer.values())
    return 0 if good and result["swaps_completed"] == len(demo.views) - 1 and result["swaps_refunded"] == 1 else 1


sys.exit(main())
