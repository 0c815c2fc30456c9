"""Two networks to test on, behind one set of levers: Bitcoin Core and anvil (RealNets), or sluice-devnet (SimNets).

Blocks come by a clock, or when a test says so. Everything that runs on networks gets them here: the demonstration, the
end-to-end tests, the hazards, the kills and the benchmark.
"""
import contextlib
import decimal
import json
import pathlib
import subprocess
import threading
import time

import beside
import lnds
import peers
from beside import COIN, ROOT, WEI

UNIT = {"bitcoin": COIN, "rootstock": WEI, "bob": COIN, "rootstock_erc20": COIN, "liquid": COIN}
OTHER = {"bitcoin": "rootstock", "rootstock": "bitcoin"}
GAS_PRICE = 60000000  # legacy, as on Rootstock
# As tools/demo/sluice.yaml has them. Time locks are so many blocks; faster blocks make shorter ones, and leave a loaded
# machine less time to stall.
DEMO_BLOCK_MS = {"bitcoin": 200, "rootstock": 100, "liquid": 100, "bob": 100}
ON_CHAINS = tuple(DEMO_BLOCK_MS)  # with a clock of their own; Lightning's is Bitcoin's
BY_HAND = dict.fromkeys(ON_CHAINS, 0)
# What Rootstock's network is called by its chain id; anvil takes any.
CHAIN_IDS = {"testnet": 31, "regtest": 33}


def units(layer, text):
    """An amount of the API in the layer's smallest unit."""
    value = decimal.Decimal(text) * UNIT[layer]
    assert value == int(value), text
    return int(value)


class Ticker(threading.Thread):
    """Mines at a fixed interval. A block missed is not made up for."""

    def __init__(self, mine, interval_ms):
        super().__init__(daemon=True)
        self.mine, self.interval = mine, interval_ms / 1000
        self.ending, self.mining = threading.Event(), threading.Lock()

    def run(self):
        due = time.monotonic()
        while not self.ending.wait(max(0, due - time.monotonic())):
            due = max(due + self.interval, time.monotonic())
            with self.mining, contextlib.suppress(OSError, ValueError):
                self.mine()

    def stop(self):
        self.ending.set()
        self.join()


class Nets:
    """bitcoin, rootstock: their calls (peers.Rpc). contract, chain_id, network: of Rootstock. auth: of Bitcoin's node.
    beside: {name: beside.Beside}. block_ms: the clock's interval by layer, 0: by hand. Amounts are text in whole coins."""
    bitcoin = rootstock = contract = chain_id = None
    network, auth = "regtest", ("u", "p")

    def __init__(self, block_ms=None, layers=()):
        """layers: names of those beside Bitcoin and Rootstock."""
        self.block_ms, self.wanted, self.beside = block_ms or DEMO_BLOCK_MS, layers, {}

    @property
    def lightning(self):
        return self.beside.get("lightning")

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.open(stack)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self.stack.close()

    @property
    def chains(self):
        """Names of those that have blocks."""
        return tuple(layer for layer in ON_CHAINS if layer in OTHER or layer in self.beside)

    def rpc(self, layer):
        return self.beside[layer].rpc if layer in self.beside else getattr(self, layer)

    def fund(self, layer, address, amount):
        if layer in self.beside:
            return self.beside[layer].fund(address, amount)
        return self.fund_bitcoin(address, amount) if layer == "bitcoin" else self.fund_rootstock(address, amount)

    def balance(self, layer, address):
        """What is there, in the chain's own words."""
        if layer in self.beside:
            return self.beside[layer].balance(address)
        if layer == "rootstock":
            return decimal.Decimal(int(self.rootstock.eth_getBalance(address.lower(), "latest"), 16)) / WEI
        found = self.bitcoin.scantxoutset("start", [f"addr({address})"])["total_amount"]
        return decimal.Decimal(str(found)).normalize()


class RealNets(Nets):
    """Bitcoin Core on regtest and anvil with our contract on it. nodes: {layer: peers.Node}, which can be started again.
    Beside them there may be two lnds on this Bitcoin Core, and BOB on an anvil of its own."""
    title = "Bitcoin Core on regtest and anvil"

    def __init__(self, block_ms=None, network="regtest", bitcoin_options=(), layers=()):
        super().__init__(block_ms, layers)
        self.network, self.chain_id, self.bitcoin_options = network, CHAIN_IDS[network], bitcoin_options

    def open(self, stack):
        self.nodes = {
            "bitcoin": stack.enter_context(peers.restartable("bitcoin", *self.bitcoin_options)),
            "rootstock": stack.enter_context(peers.restartable("rootstock", "--no-mining", chain_id=self.chain_id))}
        self.bitcoin, self.rootstock = (self.nodes[layer].rpc for layer in OTHER)
        self.wallet = self.nodes["bitcoin"].wallet
        self.rich, self.sink = self.rootstock.eth_accounts()[0], self.wallet.getnewaddress()
        self.contract, self.tickers = self.deploy(), {}
        if "lightning" in self.wanted:
            pair = stack.enter_context(lnds.on(self.nodes["bitcoin"]))
            self.beside["lightning"] = beside.RealLightning({"alice": pair.alice, "bob": pair.bob})
        if "bob" in self.wanted:
            self.nodes["bob"] = stack.enter_context(peers.restartable("bob", "--no-mining"))
            self.beside["bob"] = beside.RealBob(self.nodes["bob"])
        if "rootstock_erc20" in self.wanted:
            self.beside["rootstock_erc20"] = beside.RealRootstockErc20(self)
        for layer, interval in self.block_ms.items():
            if interval and layer in self.nodes:
                ticker = self.tickers[layer] = Ticker(lambda layer=layer: self.mine(layer), interval)
                ticker.start()
                stack.callback(ticker.stop)

    def paused(self, layer):
        """No blocks by the clock, as long as it is held."""
        return self.tickers[layer].mining

    def mine(self, layer, count=1):
        if layer in self.beside:
            self.beside[layer].mine(count)
        elif layer == "bitcoin":
            self.bitcoin.generatetoaddress(count, self.sink)
        else:
            self.rootstock.anvil_mine(hex(count))

    def send(self, **transaction):
        return self.rootstock.eth_sendTransaction({"from": self.rich, "gasPrice": hex(GAS_PRICE), **transaction})

    def deploy(self, name="HashTimeLock"):
        tx = self.send(data=beside.creation(name), gas=hex(2000000))
        self.mine("rootstock")
        return self.rootstock.eth_getTransactionReceipt(tx)["contractAddress"]

    def fund_bitcoin(self, address, amount):
        return self.wallet.sendtoaddress(address, amount)

    def fund_rootstock(self, address, amount):
        return self.send(to=address.lower(), value=hex(units("rootstock", amount)), gas=hex(21000))


class SimNets(Nets):
    """sluice-devnet, which has them all. latency: of a call, in milliseconds, "LOW-HIGH"; cln: "alice", "bob" or
    "both" Lightning nodes are Core Lightnings."""
    title = "simulated by sluice-devnet"
    BESIDE = {
        "lightning": lambda nets: beside.SimLightning({name: nets.told[f"lightning-{name}"] for name in ("alice", "bob")}),
        "liquid": lambda nets: beside.SimLiquid(nets.told["liquid"]), "bob": lambda nets: beside.SimBob(nets.told["bob"]),
        "rootstock_erc20": beside.SimRootstockErc20}

    def __init__(self, devnet, block_ms=None, latency="0-0", seed=1, auth=Nets.auth, loop_backend="auto",
                 layers=("lightning",), cln=None):
        super().__init__(block_ms, layers)
        self.auth, password = auth, ["--bitcoin-auth", ":".join(auth)] if auth else []
        self.command = [str(devnet), "--json", "--seed", str(seed), "--latency", latency, "--bitcoin-port", "0",
                        "--rootstock-port", "0", "--lightning-alice-port", "0", "--lightning-bob-port", "0",
                        "--liquid-port", "0", "--bob-port", "0", "--loop-backend", loop_backend, *password]
        self.command += ["--lightning-cln", cln] if cln else []
        self.command += [word for layer in ON_CHAINS if layer in self.block_ms
                         for word in (f"--{layer}-block-ms", str(self.block_ms[layer]))]

    def open(self, stack):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        stack.callback(peers.stop, self.process)
        told = self.told = json.loads(self.process.stdout.readline())
        self.bitcoin = peers.Rpc(told["bitcoin"]["url"], ":".join(self.auth) if self.auth else None)
        self.rootstock = peers.Rpc(told["rootstock"]["url"])
        self.contract, self.chain_id = told["rootstock"]["contract"], told["chain_id"]
        self.beside = {name: self.BESIDE[name](self) for name in self.wanted}

    def mine(self, layer, count=1):
        self.rpc(layer).sim_mine(count)

    def fund_bitcoin(self, address, amount):
        return self.bitcoin.sim_fund(address, amount)

    def fund_rootstock(self, address, amount):
        return self.rootstock.sim_fund(address.lower(), hex(units("rootstock", amount)))


def open_nets(kind, bin_dir, **options):
    """kind: "sim" or "real"."""
    return RealNets(**options) if kind == "real" else SimNets(pathlib.Path(bin_dir) / "sluice-devnet", **options)
