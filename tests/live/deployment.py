"""A whole deployment: two networks with blocks that come by a clock, and a provider on them, funded and ready.

Used by ./demo.sh and by the end-to-end tests, so that what is shown is what is tested. The networks are Bitcoin Core
and anvil (RealNodes) or sluice-devnet (SimNodes); both are told apart by nothing else.
"""
import contextlib
import decimal
import json
import pathlib
import subprocess
import threading
import time

import peers
import provider

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEI = 10 ** 18
GAS_PRICE = hex(60000000)  # legacy, as on Rootstock
# As tools/demo/sluice.yaml has them. Time locks are so many blocks; faster blocks make shorter ones, and leave a loaded
# machine less time to stall.
BLOCK_MS = {"bitcoin": 200, "rootstock": 100}


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


class Nodes:
    """Both networks: their calls (peers.Rpc), the contract, and how one is paid. Amounts are text in whole coins."""
    bitcoin = rootstock = contract = None
    auth = ("u", "p")

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.open(stack)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        self.stack.close()

    def balance_bitcoin(self, address):
        """What is unspent there, in the chain's own words."""
        found = self.bitcoin.scantxoutset("start", [f"addr({address})"])["total_amount"]
        return decimal.Decimal(str(found)).normalize()

    def balance_rootstock(self, address):
        return decimal.Decimal(int(self.rootstock.eth_getBalance(address.lower(), "latest"), 16)) / WEI


class RealNodes(Nodes):
    """Bitcoin Core on regtest and anvil."""
    title = "Bitcoin Core on regtest and anvil"

    def open(self, stack):
        self.rootstock = stack.enter_context(peers.anvil("--no-mining", chain_id=33))
        self.bitcoin, self.wallet = stack.enter_context(peers.bitcoind())
        self.rich = self.rootstock.eth_accounts()[0]
        self.contract, self.tickers = self.deploy(), {}
        sink = self.wallet.getnewaddress()
        for mine, layer in ((lambda: self.bitcoin.generatetoaddress(1, sink), "bitcoin"),
                            (self.rootstock.evm_mine, "rootstock")):
            ticker = self.tickers[layer] = Ticker(mine, BLOCK_MS[layer])
            ticker.start()
            stack.callback(ticker.stop)

    def paused(self, layer):
        """No blocks by the clock, as long as it is held."""
        return self.tickers[layer].mining

    def send(self, **transaction):
        return self.rootstock.eth_sendTransaction({"from": self.rich, "gasPrice": GAS_PRICE, **transaction})

    def deploy(self):
        code = json.loads((ROOT / "contracts/HashTimeLock.json").read_text())["bytecode"]
        tx = self.send(data="0x" + code.removeprefix("0x"))
        while True:
            self.rootstock.evm_mine()
            receipt = self.rootstock.eth_getTransactionReceipt(tx)
            if receipt:
                return receipt["contractAddress"]

    def fund_bitcoin(self, address, amount):
        return self.wallet.sendtoaddress(address, amount)

    def fund_rootstock(self, address, amount):
        return self.send(to=address.lower(), value=hex(int(decimal.Decimal(amount) * WEI)))


class SimNodes(Nodes):
    """sluice-devnet."""
    title = "simulated by sluice-devnet"

    def __init__(self, devnet, latency="0-0", seed=1):
        self.command = [str(devnet), "--json", "--seed", str(seed), "--latency", latency,
                        "--bitcoin-port", "0", "--rootstock-port", "0", "--bitcoin-auth", "u:p",
                        "--bitcoin-block-ms", str(BLOCK_MS["bitcoin"]),
                        "--rootstock-block-ms", str(BLOCK_MS["rootstock"])]

    def open(self, stack):
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        stack.callback(peers.stop, process)
        told = json.loads(process.stdout.readline())
        self.bitcoin = peers.Rpc(told["bitcoin"]["url"], "u:p")
        self.rootstock = peers.Rpc(told["rootstock"]["url"])
        self.contract = told["rootstock"]["contract"]

    def fund_bitcoin(self, address, amount):
        return self.bitcoin.sim_fund(address, amount)

    def fund_rootstock(self, address, amount):
        return self.rootstock.sim_fund(address.lower(), hex(int(decimal.Decimal(amount) * WEI)))


class Deployment(provider.Provider):
    """The provider as tools/demo configures it."""
    config = (ROOT / "tools/demo/sluice.yaml").read_text()
    policy = (ROOT / "tools/demo/policy.yaml").read_text()

    def __init__(self, bin_dir, nodes, **options):
        self.nodes = nodes
        super().__init__(bin_dir, nodes.bitcoin.url, nodes.rootstock.url, nodes.contract, auth=nodes.auth, **options)

    def __exit__(self, kind, *error):
        interrupted = kind is KeyboardInterrupt  # no failure: no log is shown
        super().__exit__(None if interrupted else kind, *error)

    def start(self):
        self.start_signer()
        self.start_daemon()
        self.wait("both networks followed", lambda: (self.root / "log").read_text().count(": following from block") >= 2)

    def fund(self, bitcoin=("2", "2", "2"), rootstock=("5",)):
        """Pays, waits until the books have it and the provider is ready to swap."""
        layers = self.layers()
        want = {"bitcoin": bitcoin, "rootstock": rootstock}
        for layer, amounts in want.items():
            for amount in amounts:
                getattr(self.nodes, "fund_" + layer)(layers[layer]["funding_address"], amount)
        for layer, amounts in want.items():
            total = sum(map(decimal.Decimal, amounts))
            self.wait(f"{total} on {layer} in the books", lambda: self.available(layer) >= total)
        self.wait_ready()

    def wait_reconciled(self):
        """As above, at blocks from now on: tips do not stand still here."""
        heights = {name: layer["height"] for name, layer in self.layers().items()}

        def check():
            answer = self.ask("/v1/layers")
            assert not answer["latch"]["on"], answer["latch"]
            said = {layer["layer"]: layer["reconciliation"] for layer in answer["layers"]}
            if any(r is None or r["height"] < heights[name] for name, r in said.items()):
                return False
            assert all(r["difference"] == "0" for r in said.values()), said
            return said
        return self.wait("reconciliation", check)

    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def available(self, layer):
        return decimal.Decimal(self.balances()[layer].get("available", "0"))
