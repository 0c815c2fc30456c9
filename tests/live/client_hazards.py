#!/usr/bin/env python3
"""The client against bad input, bad nodes and bad luck (docs/testing.md, "Hazards of the taker").

    client_hazards.py sim|real BIN_DIR [NAME...]

Before anything is paid every trouble has its exit status, and nothing is paid; afterwards the swap completes or comes
back, whatever happened in between. What each side has is asked of the chains.
"""
import contextlib
import decimal
import functools
import http.server
import json
import pathlib
import secrets
import socket
import subprocess
import sys
import threading
import time

import deployment
import nets
import taker

SECONDS = 90
FEE_MAX = decimal.Decimal("0.00005")
OK, USAGE, REFUSED, REFUNDED, PENDING, UNREACHABLE, MISMATCH = 0, 2, 3, 4, 5, 6, 7


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Bad(http.server.BaseHTTPRequestHandler):
    """A node, or a provider, that answers nonsense: `answer` is a body, or does all of it."""
    answer = b""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if callable(self.answer):
            self.close_connection = True
            self.answer()
            return
        self.reply(self.answer)

    do_GET = do_POST

    def reply(self, body, status=200, length=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def endless(handler):
    handler.reply(b"[", length=1 << 40)
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b" " * 65536)


ESCAPES = "\x1b]0;mine\x07\x1b[2J\x9b31m"
BAD_ANSWERS = {
    "empty": b"", "html": b"<html>", "brackets": b"[" * (1 << 20), "half JSON": b'{"result": 1',
    "null": b'{"id": 1, "result": null}', "binary": b"\xff" * 100, "deep": b'{"id":1,"result":' + b'{"a":' * 100000,
    "status 500": lambda handler: handler.reply(b"error", 500), "redirected": lambda handler: handler.reply(b"", 302),
    "half": lambda handler: handler.reply(b'{"id":1,', length=1000), "cut": lambda handler: None,
    "no HTTP": lambda handler: handler.wfile.write(b"\0\1garbage\r\n\r\n"), "endless": endless,
    "never": lambda handler: time.sleep(SECONDS),
    # what a terminal would obey
    "escapes": lambda handler: handler.reply(json.dumps({"title": ESCAPES, "detail": ESCAPES, "error": {
        "code": -1, "message": ESCAPES}}, ensure_ascii=False).encode(), 400),
}


def bad_server(answer):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("B", (Bad,), {"answer": answer}))
    server.daemon_threads, server.handle_error = True, lambda *error: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}"


class Proxy:
    """Between the client and its node; can be cut."""

    def __init__(self, url):
        host, port = url.split("//")[1].split(":")
        self.upstream, self.cut, self.open = (host, int(port.rstrip("/"))), False, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            down, _ = self.listener.accept()
            if self.cut:
                down.close()
                continue
            up = socket.create_connection(self.upstream)
            self.open |= {up, down}
            for a, b in ((up, down), (down, up)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def sever(self):
        self.cut = True
        for s in self.open:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open.clear()


class Case:
    def __init__(self, deployed, client, real):
        self.p, self.client, self.nodes, self.real = deployed, client, deployed.nodes, real
        self.count = 0

    # ---- helpers ----

    def run(self, *more, source="bitcoin", amount="0.01", to=None, **options):
        self.count += 1
        dest = {"bitcoin": "rootstock", "rootstock": "bitcoin"}.get(source, "bitcoin")
        to = to or (self.client.fresh_account() if dest == "rootstock" else taker.BITCOIN_ADDRESSES[0])
        run = self.client.swap(f"run{self.count}", source, dest, amount, to, *more, **options)
        run.to = to
        return run

    def ends(self, run, status, *words):
        self.p.wait("the client's end", run.done, SECONDS)
        check(run.process.returncode == status, f"exit {run.process.returncode}, not {status}: {run.text()}")
        for word in words:
            check(word in run.text(), f"no '{word}' in {run.text()}")
        check(run.payment() is None or status in (OK, REFUNDED, PENDING), f"asked for money: {run.text()}")

    def pays(self, run, pay=None):
        self.p.wait("a payment to make", lambda: run.payment() or run.done(), SECONDS)
        check(not run.done(), run.text())
        return (pay or functools.partial(self.nodes.fund, "bitcoin"))(*run.payment())

    def completes(self, run):
        self.ends(run, OK)
        swap = self.p.swap(run.id())
        got, want = self.client.balance(swap["to"], run.to), decimal.Decimal(swap["destination_amount"])
        check(want - FEE_MAX <= got <= want, f"got {got} of {want}")

    def phase(self, run, *phases):
        self.p.wait("/".join(phases), lambda: run.rescue().get("phase") in phases, SECONDS)

    # ---- before anything is paid ----

    def bad_input(self):
        """Amounts, layers, addresses: usage, and nobody is asked."""
        good = self.client.fresh_account()
        for amount in ("0", "-1", "NaN", "1e3", "0.000000001", str(2 ** 128), "", "0x1", "1,5", "21000001"):
            self.ends(self.run(amount=amount), USAGE)
        for to in ("0x00", good[:-1], "0x" + "0" * 40, taker.BITCOIN_ADDRESSES[0],
                   "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"):  # the check sum of another chain
            self.ends(self.run(to=to), USAGE)
        for to in (good, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081"):
            self.ends(self.run(source="rootstock", to=to), USAGE)
        self.ends(self.run(source="dogecoin"), USAGE)
        self.ends(self.run("--refund-address", good), USAGE)
        self.ends(self.run("--set", "bitcoin.nothing=1"), USAGE)
        self.ends(self.run("--bitcoin-network", "mainnet"), USAGE)
        self.ends(self.run("--no-such-flag"), USAGE)
        self.ends(self.run("--max-fee"), USAGE, "value is missing")  # the next word is an option
        file = self.key_file("file", "")
        self.ends(self.run("--rescue-dir", file), USAGE, "no folder")
        self.ends(self.run(f"--rescue-dir={file}/no/where"), USAGE, "parent")

    def key_file(self, name, text, mode=0o600):
        path = self.client.root / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def rescue_dir(self):
        """Made where it is not there, for its owner alone; found out before anybody is asked."""
        path = self.client.root / "rescue-files"
        run = self.run(f"--rescue-dir={path}")
        run.folder = path
        self.p.wait("a payment to make", lambda: run.payment() or run.done(), SECONDS)
        check(path.stat().st_mode & 0o777 == 0o700, oct(path.stat().st_mode))
        check(run.rescue_file().stat().st_mode & 0o777 == 0o600, run.text())
        self.pays(run)
        self.completes(run)

    def bad_gas(self):
        """No gas key, none that is one, an empty account: refused before anybody pays."""
        empty = self.key_file("empty.key", secrets.token_hex(32))
        broken = self.key_file("broken.key", "no key\n")
        public = self.key_file("public.key", secrets.token_hex(32), 0o644)
        for source in ("bitcoin", "rootstock"):
            self.ends(self.run("--gas-key", empty, source=source), REFUSED, "gas account")
            self.ends(self.run("--gas-key", broken, source=source), REFUSED, "hexadecimal")
            self.ends(self.run("--gas-key", "/nowhere", source=source), REFUSED)
        self.ends(self.run("--gas-key", public), USAGE, "chmod 600")
        self.ends(self.run("--max-fee", "0"), REFUSED, "--max-fee")
        self.ends(self.run(amount="0.00000001"), REFUSED)
        self.ends(self.run(amount="20999999"), REFUSED)

    def bad_nodes(self):
        """Nodes that are not there, on another network, answer nonsense, refuse the password; another contract."""
        nowhere, password = "http://127.0.0.1:1", self.client.root / "wrong"
        password.write_text("wrong\n")
        self.ends(self.run("--bitcoin-rpc", nowhere), UNREACHABLE)
        self.ends(self.run("--rootstock-rpc", nowhere), UNREACHABLE)
        self.ends(self.run("--provider", nowhere), UNREACHABLE)
        self.ends(self.run("--bitcoin-rpc-password-file", password), UNREACHABLE, "refuses user")
        self.ends(self.run("--bitcoin-rpc", self.nodes.rootstock.url), UNREACHABLE)
        self.ends(self.run("--rootstock-network", "testnet", "--bitcoin-network", "testnet", "--rootstock-contract",
                           self.nodes.contract.lower()), MISMATCH, "wrong network")
        self.ends(self.run("--rootstock-contract", self.client.fresh_account()), MISMATCH, "code")
        for name, answer in BAD_ANSWERS.items():
            server, url = bad_server(answer)
            runs = {flag: self.run(flag, url, "--set", "bitcoin.rpc_timeout_ms=1000", "--set",
                                   "rootstock.rpc_timeout_ms=1000", json_lines=False)
                    for flag in ("--bitcoin-rpc", "--rootstock-rpc", "--provider")}
            for flag, run in runs.items():
                self.p.wait("an end", run.done, SECONDS)
                allowed = (UNREACHABLE, MISMATCH) + ((REFUSED,) if name == "escapes" else ())
                check(run.process.returncode in allowed, f"{flag} {name}: {run.process.returncode}: {run.text()}")
                check(run.payment() is None and len(run.text()) > 20, f"{flag} {name}: {run.text()}")
                check(not set(run.text()) & set("\x1b\x07\x9b"), f"{flag} {name}: {run.text()!r}")
            server.shutdown()
            server.server_close()
        self.ends(self.run("--rootstock-rpc", self.nodes.bitcoin.url), UNREACHABLE)

    # ---- afterwards ----

    def called_off(self):
        """SIGINT while a payment is awaited: what it is, and that it goes on."""
        run = self.run("--refund-address", taker.BITCOIN_ADDRESSES[1])
        self.p.wait("a payment to make", run.payment, SECONDS)
        run.process.send_signal(2)
        self.ends(run, PENDING, "sluice resume --rescue")
        other = subprocess.run([self.client.bin / "sluice", "status", "--rescue", run.rescue_file()], text=True,
                               capture_output=True, check=True)
        check("paying" in other.stdout, other.stdout)
        run.resume()
        self.pays(run)
        self.completes(run)

    def locked_file(self):
        """Two clients on one rescue file."""
        run = self.run()
        self.p.wait("a payment to make", run.payment, SECONDS)
        second = subprocess.run([self.client.bin / "sluice", "resume", "--config", self.client.config, "--json",
                                 "--rescue", run.rescue_file()], text=True, capture_output=True)
        check(second.returncode == USAGE and "another sluice" in second.stdout + second.stderr, second)
        self.pays(run)
        self.completes(run)

    def cut(self, source):
        """Our own nodes are away for a while, in the middle (HAZARDS 15)."""
        proxies = {layer: Proxy(getattr(self.nodes, layer).url) for layer in ("bitcoin", "rootstock")}
        run = self.run("--bitcoin-rpc", proxies["bitcoin"].url, "--rootstock-rpc", proxies["rootstock"].url,
                       source=source)
        if source == "bitcoin":
            self.pays(run)
        self.phase(run, "paying")
        for proxy in proxies.values():
            proxy.sever()
        time.sleep(1.5)
        check(not run.done() and run.rescue()["phase"] in ("paying", "revealed"), run.text())
        for proxy in proxies.values():
            proxy.cut = False
        self.completes(run)

    def provider_gone(self):
        """The provider vanishes when we have locked: our money comes back."""
        back = taker.BITCOIN_ADDRESSES[1]
        before = self.client.balance("bitcoin", back)
        runs = [self.run("--refund-address", back), self.run(source="rootstock", amount="0.02")]
        self.p.wait("an offer", lambda: runs[1].rescue().get("phase") == "paying", SECONDS)
        self.p.wait("a payment to make", runs[0].payment, SECONDS)
        self.p.kill_daemon()
        self.pays(runs[0])
        for run in runs:
            self.ends(run, REFUNDED)
            check(run.rescue()["revealed"] is False, run.text())
        got = self.client.balance("bitcoin", back) - before
        check(decimal.Decimal("0.01") - FEE_MAX <= got < decimal.Decimal("0.01"), f"{got} back")
        self.p.start_daemon()
        self.p.wait_ready()

    # ---- with a wallet of Bitcoin Core ----

    def wallet_pays(self):
        run = self.run("--pay-with-wallet", "w")
        self.completes(run)
        purposes = [e["transaction"]["purpose"] for e in run.events() if e["event"] == "transaction"]
        check(purposes == ["lock-up", "claim"], purposes)
        self.ends(self.run("--pay-with-wallet", "no/body"), USAGE)
        self.ends(self.run("--pay-with-wallet", "nobody"), REFUSED)

    def replaced(self):
        """The payment is replaced before it confirms (HAZARDS 17)."""
        run = self.run()
        with self.nodes.paused("bitcoin"):
            txid = self.pays(run, lambda address, amount: self.nodes.wallet(
                "sendtoaddress", address, amount, "", "", False, True, None, "unset", None, 2))
            time.sleep(0.5)
            self.nodes.wallet.bumpfee(txid, {"fee_rate": 20})
        self.completes(run)

    def reorganised(self):
        """The block with our lock-up is taken back, and the payment confirms again elsewhere (HAZARDS 14, 16)."""
        run = self.run()
        with self.nodes.paused("bitcoin"):
            self.pays(run)
            sink = self.nodes.wallet.getnewaddress()
            block = self.nodes.bitcoin.generatetoaddress(1, sink)[0]
            self.p.wait("a confirmation", lambda: '"confirmations":1' in run.text(), SECONDS)
            self.nodes.bitcoin.invalidateblock(block)
            for _ in range(2):
                self.nodes.bitcoin.generateblock(sink, [])
            time.sleep(0.5)
        self.completes(run)


COMMON = {"bad_input": Case.bad_input, "bad_gas": Case.bad_gas, "bad_nodes": Case.bad_nodes,
          "rescue_dir": Case.rescue_dir, "called_off": Case.called_off, "locked_file": Case.locked_file,
          "cut_bitcoin": lambda c: c.cut("bitcoin"), "cut_rootstock": lambda c: c.cut("rootstock"),
          "provider_gone": Case.provider_gone}
REAL = {"wallet_pays": Case.wallet_pays, "replaced": Case.replaced, "reorganised": Case.reorganised}


def main(kind, bin_dir, *names):
    bin_dir, real = pathlib.Path(bin_dir), kind == "real"
    nodes = nets.open_nets(kind, bin_dir)
    cases = {**COMMON, **(REAL if real else {})}
    with nodes, deployment.Deployment(bin_dir, nodes, settings=deployment.PATIENT) as deployed:
        deployed.start()
        deployed.fund(bitcoin=("1",) * 4)
        with taker.Taker(bin_dir, nodes, deployed.url(), gas="1") as client:
            deployed.wait("gas", lambda: client.balance("rootstock", client.gas_address) > 0)
            case = Case(deployed, client, real)
            for name in names or cases:
                start = time.monotonic()
                cases[name](case)
                print(f"{name}: as it should be, {time.monotonic() - start:.1f} s", flush=True)
            deployed.wait_reconciled()


if __name__ == "__main__":
    main(*sys.argv[1:])
