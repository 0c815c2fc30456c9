"""An honest client of one swap, with wire_tool's keys, on any networks: does what the protocol asks, once each."""
import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time

from beside import word
from nets import GAS_PRICE, OTHER, units
from peers import RpcError

BOB_CHAIN = 31337  # of the simulated one, and of anvil


def b64(data):
    return base64.b64encode(data).decode()


class Client:
    """The other side of one swap, with wire_tool's client wallet. Does what the protocol asks, once each."""

    def __init__(self, nets, provider, tool, source, dest=None, amount="0.01"):
        self.nets, self.provider, self.tool = nets, provider, tool
        self.source, self.dest = source, dest or OTHER[source]
        self.amount, self.preimage = amount, secrets.token_bytes(32)
        self.address = tool("address", "client", nets.chain_id)[0]
        self.key, self.id, self.quote = secrets.token_hex(16), None, None
        self.paid = self.claimed = False
        self.request = None  # its own invoice

    def begin(self):
        """Retries with the same idempotency key make the same swap."""
        if self.quote is None:
            quoted = self.provider.ask("/v1/quotes", {"from": self.source, "to": self.dest, "source_amount": self.amount})
            self.quote, self.gets = quoted["quote"], quoted["destination_amount"]
        body = {"quote": self.quote, "preimage_hash": self.hash().hex(), **self.party("source", "refund"),
                **self.party("destination", "claim")}
        self.id = self.provider.ask("/v1/swaps", body, key=self.key)["id"]
        return self.swap()

    def hash(self):
        return hashlib.sha256(self.preimage).digest()

    def party(self, leg, what):
        """Who the client is there: a key, an address, or the invoice that it is paid by."""
        layer = self.source if leg == "source" else self.dest
        if layer in ("bitcoin", "liquid"):
            return {leg: {f"{what}_key": self.tool("btc-key", "client")[0]}}
        if layer == "rootstock":
            return {leg: {f"{what}_address": self.address}}
        if layer == "bob":
            return {leg: {f"{what}_address": self.token_address()}}
        return {leg: {}, **({"client_invoice": self.invoice()} if leg == "destination" else {})}

    # ---- a Lightning node of its own ----

    def node(self, method, path, body=None):
        return self.nets.lightning.rest("bob", method, path, body)

    def invoice(self):
        """Made once; its hash is the swap's."""
        if self.request is None:
            self.request = self.node("POST", "/v2/invoices/hodl", {
                "hash": b64(self.hash()), "value_msat": str(1000 * units("bitcoin", self.gets)), "expiry": "86400",
                "cltv_expiry": "40"})["payment_request"]
        return self.request

    def pay_invoice(self, request):
        """As long as it is held, the answer does not end."""
        def send():
            with contextlib.suppress(OSError, ValueError):
                self.node("POST", "/v2/router/send", {
                    "payment_request": request, "timeout_seconds": 60, "fee_limit_sat": "1000", "cltv_limit": 2000,
                    "no_inflight_updates": True})
        threading.Thread(target=send, daemon=True).start()

    def settled(self):
        """What the payee's node says of the swap's invoice: (state, satoshi that came)."""
        name = "bob" if self.dest == "lightning" else "alice"
        if self.nets.lightning.is_cln(name):
            said, = self.nets.lightning.rest(name, "POST", "/v1/listholdinvoices",
                                             {"payment_hash": self.hash().hex()})["holdinvoices"]
            came = sum(part["msat"] for part in said["htlcs"] if part["state"] == "paid")
            return "SETTLED" if said["state"] == "paid" else said["state"], came // 1000
        hashed = base64.urlsafe_b64encode(self.hash()).decode()
        said = self.nets.lightning.rest(name, "GET", f"/v2/invoices/subscribe/{hashed}", stream=True)["result"]
        came = sum(int(part["amt_msat"]) for part in said["htlcs"] if part["state"] == "SETTLED")
        return said["state"], came // 1000

    # ---- what it does ----

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

    # ---- tokens on BOB ----

    def token_address(self):
        return self.tool("address", "client", BOB_CHAIN)[0]

    def send_bob(self, to, data, ahead=0):
        """ahead: of its transactions that were sent and are in no block."""
        rpc = self.nets.rpc("bob")
        nonce = int(rpc.eth_getTransactionCount(self.token_address().lower(), "latest"), 16) + ahead
        raw = self.tool("tx", "client", BOB_CHAIN, nonce, 2 * int(rpc.eth_gasPrice(), 16), 150_000, to, 0, data)[0]
        return rpc.eth_sendRawTransaction("0x" + raw)

    def token_call(self, kind, s, leg, *more):
        bob, amount = self.nets.beside["bob"], units("bob", s[leg]["amount"])
        claim, refund = self.token_address(), self.provider.layers()["bob"]["funding_address"]
        if leg == "source":
            claim, refund = refund, claim
        return self.tool("token-call", bob.token, kind, bob.contract, BOB_CHAIN, s["preimage_hash"], amount, claim, refund,
                         s[leg]["timelock"], *more)[0]

    def lock_tokens(self, s, lock):
        """An approval of so many, and the lock that needs it."""
        bob = self.nets.beside["bob"]
        approve = f"095ea7b3{word(bob.contract)}{units('bob', s['source']['amount']):064x}"
        self.send_bob(bob.token, approve)
        return self.send_bob(bob.contract, lock, ahead=1)

    def provider_address(self):
        return self.provider.layers()["rootstock"]["funding_address"]

    def made(self, kind, s, leg, layer, *more):
        """What is sent to a contract there, which the provider is asked for; elsewhere nothing."""
        make = {"rootstock": self.call, "bob": self.token_call}.get(layer)
        return make and make(kind, s, leg, *more)

    def pay(self, s):
        call = self.made("lock", s, "source", self.source)
        self.paid = True  # from here on it may have been: what was asked of the provider can be asked again
        if self.source == "lightning":
            return self.pay_invoice(s["source"]["address"])
        if self.source in ("bitcoin", "liquid"):
            return self.nets.fund(self.source, s["source"]["address"], s["source_amount"])
        if self.source == "bob":
            return self.lock_tokens(s, call)
        wei, data = call
        return self.send_evm(data, wei, 90_000)

    def claim(self, s):
        call = self.made("claim", s, "destination", self.dest, self.preimage.hex())
        self.claimed = True
        if self.dest == "lightning":
            return self.node("POST", "/v2/invoices/settle", {"preimage": b64(self.preimage)})
        if self.dest == "rootstock":
            return self.send_evm(call[1], 0, 100_000)
        if self.dest == "bob":
            return self.send_bob(self.nets.beside["bob"].contract, call)
        lock = s["destination"]["lock"]
        if self.dest == "liquid":
            raw = self.tool("coin-claim", self.dest, s["destination"]["terms"], lock["transaction"], lock["index"],
                            units(self.dest, lock["amount"]), 1000, self.nets.rpc(self.dest).getblockcount(),
                            self.preimage.hex())[0]
            return self.nets.rpc(self.dest).sendrawtransaction(raw)
        tip = self.nets.bitcoin.getblockcount()
        raw = self.tool("btc-spend-terms", "claim", "client", s["destination"]["terms"], lock["transaction"],
                        lock["index"], 2000, tip, self.preimage.hex())[0]
        return self.nets.bitcoin.sendrawtransaction(raw)

    def may_claim(self, s):
        if self.dest == "lightning":
            return s["state"] == "dest_locking" and self.settled()[0] == "ACCEPTED"
        return s["state"] == "dest_locked"

    def step(self, s):
        """Act on what the provider's swap looks like; errors of a node are for the next step."""
        try:
            if s["state"] == "offered" and not self.paid:
                self.pay(s)
            elif not self.claimed and self.may_claim(s):
                self.claim(s)
        except (RpcError, OSError) as e:
            print("client:", e)

    def run(self, seconds=60, until=("completed", "refunded", "declined", "expired")):
        """Mine both chains and act until the swap ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            s = self.swap()
            if s["state"] in until:
                return s
            self.step(s)
            for layer in self.nets.chains:
                self.nets.mine(layer)
            time.sleep(0.3 if self.nets.lightning else 0.06)  # a Lightning node has to keep up
        raise AssertionError(f"the swap did not end: {json.dumps(self.swap())}")
