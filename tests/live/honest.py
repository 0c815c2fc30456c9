"""An honest client of one swap, with wire_tool's keys, on any networks: does what the protocol asks, once each."""
import hashlib
import json
import secrets
import time

from nets import GAS_PRICE, OTHER, units
from peers import RpcError


class Client:
    """The other side of one swap, with wire_tool's client wallet. Does what the protocol asks, once each."""

    def __init__(self, nets, provider, tool, source, amount="0.01"):
        self.nets, self.provider, self.tool = nets, provider, tool
        self.source, self.dest = source, OTHER[source]
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
        nonce = int(self.nets.rootstock.eth_getTransactionCount(self.address, "pending"), 16)
        raw = self.tool("tx", "client", self.nets.chain_id, nonce, GAS_PRICE, gas, self.nets.contract, value, data)[0]
        return self.nets.rootstock.eth_sendRawTransaction("0x" + raw)

    def call(self, kind, s, leg, *more):
        wei = units("rootstock", s[leg]["amount"])
        provider = self.provider_address()
        claim, refund = (self.address, provider) if leg == "destination" else (provider, self.address)
        return wei, self.tool("call", kind, self.nets.contract, self.nets.chain_id, s["preimage_hash"], wei, claim,
                              refund, s[leg]["timelock"], *more)[0]

    def provider_address(self):
        return self.provider.layers()["rootstock"]["funding_address"]

    def pay(self, s):
        self.paid = True
        if self.source == "bitcoin":
            return self.nets.fund("bitcoin", s["source"]["address"], s["source_amount"])
        wei, data = self.call("lock", s, "source")
        return self.send_evm(data, wei, 90_000)

    def claim(self, s):
        self.claimed = True
        if self.dest == "rootstock":
            _, data = self.call("claim", s, "destination", self.preimage.hex())
            return self.send_evm(data, 0, 100_000)
        lock = s["destination"]["lock"]
        tip = self.nets.bitcoin.getblockcount()
        raw = self.tool("btc-spend-terms", "claim", "client", s["destination"]["terms"], lock["transaction"],
                        lock["index"], 2000, tip, self.preimage.hex())[0]
        return self.nets.bitcoin.sendrawtransaction(raw)

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
            for layer in OTHER:
                self.nets.mine(layer)
            time.sleep(0.06)
        raise AssertionError(f"the swap did not end: {json.dumps(self.swap())}")
