"""Two networks to test on, simulated or real, behind one set of levers; and an honest client of swaps."""
import contextlib
import hashlib
import json
import secrets
import subprocess
import time
from decimal import Decimal

from peers import Rpc, RpcError, anvil, bitcoind, stop

GAS_PRICE = 60_000_000
WEI = 10**18


class Nets:
    """btc, evm: RPC. contract, chain_id, network (of Rootstock), auth (of Bitcoin)."""

    def __init__(self, btc, evm, contract, chain_id, network, auth=None):
        self.btc, self.evm, self.contract, self.chain_id = btc, evm, contract, chain_id
        self.network, self.auth = network, auth


class SimNets(Nets):
    def pay(self, address, amount):
        return self.btc.sim_fund(address, str(amount))

    def fund(self, address, amount):
        return self.evm.sim_fund(address, str(amount))

    def mine(self, layer, count=1):
        (self.btc if layer == "bitcoin" else self.evm).sim_mine(count)


class RealNets(Nets):
    wallet = None

    def pay(self, address, amount):
        return self.wallet.sendtoaddress(address, str(amount))

    def fund(self, address, amount):
        rich = self.evm.eth_accounts()[0]
        return self.evm.eth_sendTransaction({"from": rich, "to": address.lower(), "gas": hex(21000),
                                             "value": hex(int(Decimal(amount) * WEI)), "gasPrice": hex(GAS_PRICE)})

    def mine(self, layer, count=1):
        if layer == "bitcoin":
            self.wallet.generatetoaddress(count, self.wallet.getnewaddress())
        else:
            self.evm.anvil_mine(hex(count))


@contextlib.contextmanager
def sim_nets(devnet, *options):
    process = subprocess.Popen([devnet, "--json", "--bitcoin-port", "0", "--rootstock-port", "0", "--latency", "0-0",
                                "--bitcoin-block-ms", "0", "--rootstock-block-ms", "0", *options],
                               stdout=subprocess.PIPE, text=True)
    try:
        where = json.loads(process.stdout.readline())
        nets = SimNets(Rpc(where["bitcoin"]["url"]), Rpc(where["rootstock"]["url"]), where["rootstock"]["contract"],
                       where["chain_id"], "regtest")
        yield nets
    finally:
        stop(process)


@contextlib.contextmanager
def real_nets(tool):
    """Bitcoin Core on regtest, anvil as Rootstock's test network with our contract on it."""
    with bitcoind() as (node, wallet), anvil("--no-mining") as evm:
        rich = evm.eth_accounts()[0]
        creation = tool("code")[0]
        tx = evm.eth_sendTransaction({"from": rich, "data": "0x" + creation, "gas": hex(2_000_000),
                                      "gasPrice": hex(GAS_PRICE)})
        evm.anvil_mine("0x1")
        contract = evm.eth_getTransactionReceipt(tx)["contractAddress"]
        nets = RealNets(node, evm, contract, 31, "testnet", ("u", "p"))
        nets.wallet = wallet
        yield nets


class Client:
    """The other side of one swap, with wire_tool's client wallet. Does what the protocol asks, once each."""

    def __init__(self, nets, provider, tool, source, amount="0.01"):
        self.nets, self.provider, self.tool = nets, provider, tool
        self.source, self.dest = source, "rootstock" if source == "bitcoin" else "bitcoin"
        self.amount, self.preimage = amount, secrets.token_bytes(32)
        self.address = tool("address", "client", nets.chain_id)[0]
        self.key, self.id, self.quote = secrets.token_hex(16), None, None
        self.paid = self.claimed = False

    def begin(self):
        """Retries with the same idempotency key make the same swap."""
        if self.quote is None:
            self.quote = self.provider.ask("/v1/quotes", {"from": self.source, "to": self.dest,
                                                          "source_amount": self.amount})["quote"]
        key = self.tool("btc-key", "client")[0]
        bitcoin_source = self.source == "bitcoin"
        body = {"quote": self.quote, "preimage_hash": hashlib.sha256(self.preimage).hexdigest(),
                "source": {"refund_key": key} if bitcoin_source else {"refund_address": self.address},
                "destination": {"claim_address": self.address} if bitcoin_source else {"claim_key": key}}
        self.id = self.provider.ask("/v1/swaps", body, key=self.key)["id"]
        return self.swap()

    def swap(self):
        return self.provider.swap(self.id)

    def send_evm(self, data, value, gas):
        nonce = int(self.nets.evm.eth_getTransactionCount(self.address, "pending"), 16)
        raw = self.tool("tx", "client", self.nets.chain_id, nonce, GAS_PRICE, gas, self.nets.contract, value, data)[0]
        return self.nets.evm.eth_sendRawTransaction("0x" + raw)

    def call(self, kind, s, leg, *more):
        wei = int(Decimal(s[leg]["amount"]) * WEI)
        provider = self.provider_address()
        claim, refund = (self.address, provider) if leg == "destination" else (provider, self.address)
        return wei, self.tool("call", kind, self.nets.contract, self.nets.chain_id, s["preimage_hash"], wei, claim,
                              refund, s[leg]["timelock"], *more)[0]

    def provider_address(self):
        return self.provider.layers()["rootstock"]["funding_address"]

    def pay(self, s):
        self.paid = True
        if self.source == "bitcoin":
            return self.nets.pay(s["source"]["address"], s["source_amount"])
        wei, data = self.call("lock", s, "source")
        return self.send_evm(data, wei, 90_000)

    def claim(self, s):
        self.claimed = True
        if self.dest == "rootstock":
            _, data = self.call("claim", s, "destination", self.preimage.hex())
            return self.send_evm(data, 0, 100_000)
        lock = s["destination"]["lock"]
        tip = self.nets.btc.getblockcount()
        raw = self.tool("btc-spend-terms", "claim", "client", s["destination"]["terms"], lock["transaction"],
                        lock["index"], 2000, tip, self.preimage.hex())[0]
        return self.nets.btc.sendrawtransaction(raw)

    def step(self, s):
        """Act on what the provider's swap looks like; errors of a node are for the next step."""
        try:
            if s["state"] == "offered" and not self.paid:
                self.pay(s)
            elif s["state"] == "dest_locked" and not self.claimed:
                self.claim(s)
        except RpcError as e:
            print("client:", e)

    def run(self, seconds=60, until=("completed", "refunded", "declined", "expired")):
        """Mine both chains and act until the swap ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            s = self.swap()
            if s["state"] in until:
                return s
            self.step(s)
            for layer in ("bitcoin", "rootstock"):
                self.nets.mine(layer)
            time.sleep(0.06)
        raise AssertionError(f"the swap did not end: {json.dumps(self.swap())}")
