"""The other side of a swap: the command line `sluice`, with nodes, keys and a folder of its own."""
import contextlib
import decimal
import json
import pathlib
import re
import secrets
import shutil
import subprocess
import tempfile

import account
import nets

# Addresses that nobody here has a key of (BIP-173's examples): what a client is paid can only stay there.
BITCOIN_ADDRESSES = ("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
                     "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
                     "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6")

COINS = ("bitcoin", "liquid")  # a wallet pays a URI there, and a claim its own fee


class Swap:
    """One run of `sluice swap`. The rescue file is the client's memory: what it says is where the client stands."""

    def __init__(self, taker, name, arguments, json_lines=True):
        self.taker, self.name, self.json = taker, name, ["--json"] if json_lines else []
        self.folder = taker.root / name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.arguments = [*arguments, "--rescue-dir", self.folder]
        self.start()

    def start(self):
        self.process = self.taker.spawn(self.log, "swap", "--yes", *self.json, *self.arguments)

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def rescue_file(self):
        found = [f for f in self.folder.iterdir() if f.suffix == ".json"]
        return found[0] if found else None

    def rescue(self):
        """The rescue file, {} before there is one."""
        path = self.rescue_file()
        with contextlib.suppress(ValueError, OSError):
            return json.loads(path.read_text()) if path else {}
        return {}

    def id(self):
        return self.rescue().get("swap_id")

    def payment(self):
        """(address, amount) that the client asks to be paid on Bitcoin; None before it does."""
        found = re.search(r"(?:bitcoin|liquidnetwork):(\w+)\?\S*?amount=([\d.]+)", self.text(), re.IGNORECASE)
        return (found.group(1), found.group(2)) if found else None

    def done(self):
        return self.process.poll() is not None

    def events(self):
        """What the client printed, line by line."""
        out = []
        for line in self.text().split("\n"):
            with contextlib.suppress(ValueError):
                out.append(json.loads(line))
        return [e for e in out if isinstance(e, dict)]

    def worth(self, swap):
        """What must reach the client at least: where value is coins its claim pays its fee out of the amount."""
        fees = [coins(e["transaction"]["fee_at_most"]) for e in self.events()
                if e["event"] == "transaction" and e["transaction"]["purpose"] == "claim"]
        return coins(swap["destination_amount"]) - (max(fees) if swap["to"] in COINS else 0)

    def vanish(self):
        self.process.kill()
        self.process.wait()

    def resume(self):
        self.again("resume")

    def refund(self):
        """Takes the lock-up back, from the rescue file alone."""
        self.again("refund", "--wait")

    def again(self, command, *arguments):
        self.process = self.taker.spawn(self.log, command, *self.json, "--rescue", self.rescue_file(), *arguments)


class Taker:
    def __init__(self, bin_dir, nodes, provider_url, gas=None, root=None, settings=()):
        """settings: "key=value" for --set."""
        self.settings = [word for s in settings for word in ("--set", s)]
        self.bin, self.nodes = pathlib.Path(bin_dir), nodes
        self.root = pathlib.Path(root or tempfile.mkdtemp(prefix="sluice-taker-"))
        self.config = self.root / "client.yaml"
        user, password = nodes.auth
        self.write("bitcoin.password", password + "\n")
        key = secrets.token_hex(32)
        self.write("gas.key", key + "\n")
        self.gas_address = account.address(key)
        template = (nets.ROOT / "tools/demo/client.yaml").read_text()
        text = template.format(root=self.root, provider=provider_url, user=user, bitcoin=nodes.bitcoin.url,
                               rootstock=nodes.rootstock.url)
        self.config.write_text(text + "".join(net.section("client", self.root) for net in nodes.beside.values()))
        self.processes = []
        if gas:
            nodes.fund("rootstock", self.gas_address, gas)
            for net in nodes.beside.values():
                net.equip(self.gas_address)

    def write(self, name, text):
        path = self.root / name
        path.write_text(text)
        path.chmod(0o600)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def spawn(self, log, command, *arguments):
        words = [self.bin / "sluice", command, "--config", self.config, *self.settings, *arguments]
        with open(log, "ab") as out:
            process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        return process

    def swap(self, name, source, destination, amount, to_address, *more, **options):
        """to_address None: the taker's Lightning node is paid."""
        to = ["--to-address", to_address] if to_address else []
        return Swap(self, name, ["--from", source, "--to", destination, "--amount", amount, *to, *more], **options)

    def fresh_account(self):
        return "0x" + secrets.token_hex(20)

    def balance(self, layer, address):
        return self.nodes.balance(layer, address)


def coins(text):
    return decimal.Decimal(text)


def msat_coins(msat):
    return decimal.Decimal(msat) / 10 ** 11
