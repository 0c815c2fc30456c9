"""Two real nodes, a provider between them behind proxies, and its client: scripted, honest or not.

Nothing is mined unless a test says so. Money is counted on the chains: what the provider's scripts and account hold,
what the client got, and what miners got; the provider's own books are compared with that, never taken for it.
"""
import contextlib
import hashlib
import secrets
import sys
import time

import peers
from nets import BY_HAND, CHAIN_IDS, COIN, GAS_PRICE, OTHER, RealNets, units
from provider import HttpError, Provider
from proxy import SENDS, Proxy, refused

SECP_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NETWORK = "testnet"  # of Rootstock; Bitcoin's is regtest
CHAIN_ID = CHAIN_IDS[NETWORK]

SETTINGS = ["bitcoin.depth=0:2", "bitcoin.final_depth=3", "bitcoin.bump_blocks=3", "bitcoin.drift_permille=0",
            "bitcoin.claim_blocks=1", "bitcoin.fee_rate_max=100000", "rootstock.depth=0:2", "rootstock.final_depth=4",
            "rootstock.bump_blocks=3", "rootstock.drift_permille=0", "rootstock.claim_blocks=1",
            "bitcoin.lock_blocks=45", "rootstock.lock_blocks=45", "bitcoin.funding_blocks=10",
            "rootstock.funding_blocks=10", "swap.observation_ms=100", "payouts.wait_ms=50", "swap.offer_ttl_ms=600000",
            "reconcile_interval_ms=1000", "rootstock.swap_max=60", "capacity.swaps=1024", "capacity.transfers=1024",
            "capacity.effects=4096", "capacity.coins=4096"]


def address20(text):
    return text.lower().removeprefix("0x")


class HazardProvider(Provider):
    policy = """
bitcoin: {{network: regtest, payout_max: 100, lock_max: 100, day_max: 10000}}
rootstock: {{network: {network}, payout_max: 100, lock_max: 100, day_max: 10000, contracts: ["{contract}"]}}
"""


class BitcoinSide:
    """Bitcoin Core on regtest; the client's coins are its wallet's, what it gets goes to a script of its own."""
    layer = "bitcoin"

    def __init__(self, nets, run):
        self.node, self.rpc, self.wallet, self.run = nets.nodes["bitcoin"], nets.bitcoin, nets.wallet, run
        self.nets, self.sink = nets, nets.sink
        self.client_key = run("btc-key", "client")[0]
        self.client_script = run("btc-wallet", "client", 1)[1]

    def height(self):
        return self.rpc.getblockcount()

    def tip(self):
        return self.rpc.getbestblockhash()

    def mine(self, count=1):
        self.nets.mine(self.layer, count)

    def mine_empty(self, count=1):
        """Blocks without anything from the mempool."""
        return [self.rpc.generateblock(self.sink, [])["hash"] for _ in range(count)]

    def mine_only(self, *transactions):
        return self.rpc.generateblock(self.sink, list(transactions))["hash"]

    def holds(self, *scripts):
        while True:
            try:
                found = self.rpc.scantxoutset("start", [f"raw({s})" for s in scripts])
                assert found["success"]
                return round(found["total_amount"] * COIN)
            except peers.RpcError as e:  # one at a time: the daemon scans, too
                if "in progress" not in e.message:
                    raise
                time.sleep(0.01)

    def fees_of(self, scripts, first, legs):
        """What the owner of the scripts paid to miners from block `first` on: in transactions that spend them, and in
        spends of the lock-ups in `legs` that pay to them."""
        paid = 0
        for height in range(first, self.height() + 1):
            for tx in self.rpc.getblock(self.rpc.getblockhash(height), 3)["tx"]:
                spent = {v["prevout"]["scriptPubKey"]["hex"] for v in tx["vin"] if "prevout" in v}
                made = {v["scriptPubKey"]["hex"] for v in tx["vout"]}
                if spent & scripts or (spent & legs and made & scripts):
                    paid += round(tx["fee"] * COIN)
        return paid

    def receipt_of(self, txid):
        """None: not in a block."""
        try:
            return self.rpc.getrawtransaction(txid, 1).get("blockhash")
        except peers.RpcError:
            return None

    def pool(self):
        return set(self.rpc.getrawmempool())

    def lose_pool(self):
        """As if the node had been started again without its mempool."""
        self.node.stop()
        self.node.command = [c for c in self.node.command if c != "-persistmempool=0"] + ["-persistmempool=0"]
        self.node.start()

    def pay(self, outputs, inputs=None, rate=5):
        """A transaction with exactly these outputs (satoshi, script), in order, twice the same script if so; its id.
        inputs: (txid, index) to spend, instead of what the wallet chooses."""
        coins = [(c["txid"], c["vout"], round(c["amount"] * COIN)) for c in self.wallet.listunspent(1)
                 if inputs is None or (c["txid"], c["vout"]) in inputs]
        if inputs is not None and len(coins) < len(inputs):
            for txid, index in inputs:  # spent in the mempool: to be replaced
                out = self.rpc.gettxout(txid, index, False)
                coins.append((txid, index, round(out["value"] * COIN)))
        coins.sort(key=lambda c: -c[2])
        need, chosen = sum(v for v, _ in outputs) + 200 * rate + 100 * rate * len(outputs), []
        for coin in coins:
            if sum(c[2] for c in chosen) >= need and inputs is None:
                break
            chosen.append(coin)
        change = sum(c[2] for c in chosen) - need
        assert change > 1000
        outputs = [*outputs, (change, self.rpc.validateaddress(self.sink)["scriptPubKey"])]
        raw = b"\x02\0\0\0" + bytes([len(chosen)])
        for txid, index, _ in chosen:
            raw += bytes.fromhex(txid)[::-1] + index.to_bytes(4, "little") + b"\0" + b"\xfd\xff\xff\xff"
        raw += bytes([len(outputs)])
        for value, script in outputs:
            raw += value.to_bytes(8, "little") + bytes([len(script) // 2]) + bytes.fromhex(script)
        signed = self.wallet.signrawtransactionwithwallet((raw + bytes(4)).hex())
        assert signed["complete"], signed
        return self.rpc.sendrawtransaction(signed["hex"])


class RootstockSide:
    """anvil; the client has unlocked accounts, what it gets goes to a fresh address for each swap."""
    layer = "rootstock"

    def __init__(self, nets, run):
        self.node, self.rpc, self.run = nets.nodes["rootstock"], nets.rootstock, run
        self.rich, self.me, self.stranger, self.locker = self.rpc.eth_accounts()[:4]
        self.nets, self.contract = nets, nets.contract

    def height(self):
        return int(self.rpc.eth_blockNumber(), 16)

    def tip(self):
        return self.rpc.eth_getBlockByNumber("latest", False)["hash"]

    def mine(self, count=1):
        self.nets.mine(self.layer, count)

    def mine_empty(self, count=1):
        """Blocks too small for what is pending."""
        limit = self.rpc.eth_getBlockByNumber("0x0", False)["gasLimit"]
        self.rpc.evm_setBlockGasLimit(hex(20000))
        self.mine(count)
        self.rpc.evm_setBlockGasLimit(limit)

    def holds(self, address):
        return int(self.rpc.eth_getBalance(address, "latest"), 16)

    def fees_of(self, account, first):
        paid = 0
        for height in range(first, self.height() + 1):
            for tx in self.rpc.eth_getBlockByNumber(hex(height), True)["transactions"]:
                if tx["from"] != account:
                    continue
                receipt = self.rpc.eth_getTransactionReceipt(tx["hash"])
                paid += int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
                # HAZARDS 26: never the upper half of the order
                assert int(tx["s"], 16) <= SECP_N // 2
        return paid

    def post(self, sender, to, value=0, data="", gas=200000, price=GAS_PRICE):
        call = {"from": sender, "value": hex(value), "data": "0x" + data, "gas": hex(gas), "gasPrice": hex(price)}
        if to:
            call["to"] = to
        return self.rpc.eth_sendTransaction(call)

    def receipt_of(self, tx):
        """None: not in a block."""
        return self.rpc.eth_getTransactionReceipt(tx)

    def receipt(self, tx):
        end = time.monotonic() + 10
        while (found := self.rpc.eth_getTransactionReceipt(tx)) is None and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def send(self, sender, to, value=0, data="", gas=200000, price=GAS_PRICE):
        tx = self.post(sender, to, value, data, gas, price)
        self.mine()
        return self.receipt(tx)

    def pool(self):
        return {tx["hash"] for of in self.rpc.txpool_content()["pending"].values() for tx in of.values()}

    def call(self, kind, digest, amount, claim, refund, timelock, *preimage):
        return self.run("call", kind, self.contract, CHAIN_ID, digest, amount, claim.lower(), refund.lower(),
                        timelock, *preimage)[0]

    def is_locked(self, *terms):
        answer = self.rpc.eth_call({"to": self.contract, "data": "0x" + self.call("swaps", *terms)}, "latest")
        return int(answer, 16) == 1


class Swap:
    """One swap, as its client sees it. Terms are taken from the provider and checked on the chains."""

    def __init__(self, world, source, amount="0.01", preimage=None, digest=None):
        self.world, self.source, self.dest = world, source, OTHER[source]
        self.preimage = preimage if preimage is not None else secrets.token_bytes(32)
        self.hash = digest or hashlib.sha256(self.preimage).hexdigest()
        quote = world.provider.ask("/v1/quotes", {"from": source, "to": self.dest, "source_amount": amount})
        self.me = "0x" + secrets.token_hex(20)  # where Rootstock pays the client
        self.pays = world.rootstock.me  # from where it locks there, and takes back
        bitcoin = world.bitcoin.client_key
        body = {"quote": quote["quote"], "preimage_hash": self.hash,
                "source": {"refund_key": bitcoin} if source == "bitcoin" else {"refund_address": self.pays},
                "destination": {"claim_key": bitcoin} if source == "rootstock" else {"claim_address": self.me}}
        self.terms = world.provider.ask("/v1/swaps", body, key=secrets.token_hex(16))
        self.id = self.terms["id"]
        world.used.append(self.preimage)
        self.timelock = int(self.terms["source"]["timelock"])
        self.amount = units(source, self.terms["source_amount"])
        self.dest_amount = units(self.dest, self.terms["destination_amount"])
        self.gives = world.side(source)
        self.gets = world.side(self.dest)
        if source == "bitcoin":
            self.address, self.script = world.run("btc-leg", self.terms["source"]["terms"])
            assert self.address == self.terms["source"]["address"]
            world.legs.add(self.script)

    def now(self):
        return self.world.provider.swap(self.id)

    def state(self):
        return self.now()["state"]

    def wait(self, *states, seconds=30):
        return self.world.provider.wait_state(self.id, *states, seconds=seconds)

    # ---- the client's lock-up ----

    def lock_call(self, amount=None, timelock=None, refund=None):
        return self.world.rootstock.call("lock", self.hash, amount or self.amount, self.world.account,
                                         refund or self.pays, timelock or self.timelock)

    def lock(self, amount=None):
        """Sent, not mined; its id."""
        amount = amount or self.amount
        if self.source == "bitcoin":
            self.locked = self.world.bitcoin.pay([(amount, self.script)]), 0
            return self.locked[0]
        return self.world.rootstock.post(self.pays, self.world.rootstock.contract, amount, self.lock_call(amount))

    def until_locked(self):
        """Both sides locked; the client has seen for itself that ours is right."""
        self.lock()
        self.gives.mine(2)
        self.until_dest_locked()

    def until_dest_locked(self):
        self.wait("dest_locking")
        self.sent("lock")
        self.gets.mine(2)
        self.wait("dest_locked")
        self.see_lock()

    def sent(self, kind, count=1, mined=False):
        """Wait until a transaction of the provider's, its `count`th variant or a later one, is in the mempool; its id.
        mined: in a block will do, where blocks may come between the sending and this look."""
        side = {"lock": self.gets, "refund": self.gets, "claim": self.gives}[kind]

        def there():
            ids = [t["id"] for t in self.now()[f"{kind}_transactions"][count - 1:]]
            pool = side.pool()
            return next((i for i in ids if i in pool or (mined and side.receipt_of(i))), None)
        return self.world.provider.wait(f"{kind} in the mempool", there)

    def see_lock(self):
        """The provider's lock-up, on the client's own node: script, amount, parties, time lock."""
        dest = self.now()["destination"]
        self.dest_timelock = int(dest["timelock"])
        if self.dest == "rootstock":
            self.dest_terms = (self.hash, self.dest_amount, self.me, self.world.account, self.dest_timelock)
            assert self.world.rootstock.is_locked(*self.dest_terms)
            return
        address, script = self.world.run("btc-leg", dest["terms"])
        self.world.legs.add(script)
        assert dest["address"] == address and self.hash in dest["terms"] and self.world.bitcoin.client_key in dest["terms"]
        self.dest_terms, self.dest_at = dest["terms"], (dest["lock"]["transaction"], dest["lock"]["index"])
        out = self.world.bitcoin.rpc.gettxout(*self.dest_at)
        assert out["scriptPubKey"]["hex"] == script and round(out["value"] * COIN) == self.dest_amount

    # ---- the client's ways out ----

    def claim_raw(self, preimage=None, rate=5000):
        preimage = (preimage or self.preimage).hex()
        return self.world.run("btc-spend-terms", "claim", "client", self.dest_terms, *self.dest_at, rate,
                              self.world.bitcoin.height(), preimage)

    def claim(self, rate=5000):
        """Sent, not mined: from here on the preimage is public. Its id. rate: satoshi per 1,000 vbytes."""
        if self.dest == "bitcoin":
            raw, txid, _, value = self.claim_raw(rate=rate)
            self.claimed = int(value)
            return self.world.bitcoin.rpc.sendrawtransaction(raw)
        data = self.world.rootstock.call("claim", *self.dest_terms, self.preimage.hex())
        self.claimed = self.dest_amount
        evm = self.world.rootstock
        return evm.post(evm.stranger, evm.contract, 0, data, price=GAS_PRICE * rate // 5000)

    def refund_raw(self, at=None, amount=None, rate=5000):
        return self.world.run("btc-spend-paid", "refund", "client", self.terms["source"]["terms"], amount or self.amount,
                              *(at or self.locked), rate, self.world.bitcoin.height())

    def refund(self, at=None, amount=None, timelock=None):
        """The client takes its own lock-up back, mined; what it got."""
        amount = amount or self.amount
        if self.source == "bitcoin":
            raw, txid, _, value = self.refund_raw(at, amount)
            before = self.world.bitcoin.holds(self.world.bitcoin.client_script)
            assert self.world.bitcoin.rpc.sendrawtransaction(raw) == txid
            self.world.bitcoin.mine()
            assert self.world.bitcoin.holds(self.world.bitcoin.client_script) - before == int(value)
            return int(value)
        before = self.world.rootstock.holds(self.pays)
        data = self.world.rootstock.call("refund-for", self.hash, amount, self.world.account, self.pays,
                                         timelock or self.timelock)
        receipt = self.world.rootstock.send(self.world.rootstock.stranger, self.world.rootstock.contract, 0, data)
        assert receipt["status"] == "0x1"
        assert self.world.rootstock.holds(self.pays) - before == amount
        return amount

    def client_got(self):
        """What arrived at the client's destination, by the chain."""
        if self.dest == "rootstock":
            return self.world.rootstock.holds(self.me)
        return self.world.bitcoin.holds(self.world.bitcoin.client_script) - self.world.client_before

    def pass_source_timelock(self):
        left = self.timelock - self.gives.height()
        if left > 0:
            self.gives.mine(left)

    def refunded(self):
        """From the time lock on to "refunded": the provider's refund is mined."""
        self.wait("refunding")
        self.sent("refund")
        self.gets.mine(4)
        self.wait("refunded")

    def settled(self, gain):
        """What a completed swap moves."""
        gain[self.source] += self.amount
        gain[self.dest] -= self.dest_amount

    def finish(self, *others):
        """From "claiming" to "completed": the provider's claims are mined."""
        for swap in (self, *others):
            swap.sent("claim", mined=True)
        self.gives.mine(4)
        for swap in (self, *others):
            swap.wait("completed")
        self.gets.mine(4)


class Payout:
    """POST /v1/transfers to an address that nothing else pays."""

    def __init__(self, world, layer, amount):
        self.world, self.side, self.layer = world, world.side(layer), layer
        self.key, self.amount = secrets.token_hex(16), units(layer, amount)
        self.to = world.bitcoin.wallet.getnewaddress("", "bech32m") if layer == "bitcoin" else "0x" + secrets.token_hex(20)
        self.body = {"layer": layer, "to": self.to, "amount": amount}
        self.id = self.ask()["id"]

    def ask(self, **other):
        return self.world.provider.ask("/v1/transfers", {**self.body, **other}, key=self.key)

    def now(self):
        return self.world.provider.ask("/v1/transfers/" + self.id)

    def arrived(self):
        if self.layer == "rootstock":
            return self.side.holds(self.to)
        return self.side.holds(self.side.rpc.validateaddress(self.to)["scriptPubKey"])

    def sent(self, count=1):
        """Wait until its `count`th variant or a later one is in the mempool: its id."""
        def there():
            pool = self.side.pool()
            return next((t["id"] for t in self.now()["transactions"][count - 1:] if t["id"] in pool), None)
        return self.world.provider.wait("payout in the mempool", there)

    def wait(self, state):
        return self.world.provider.wait(state, lambda: (t := self.now())["state"] == state and t)


class World:
    def __init__(self, run, bin_dir, settings=(), funds=("0.5", "0.5", "0.5"), rootstock_funds="30", node_options=(),
                 start=True):
        self.run, self.bin_dir, self.settings = run, bin_dir, [*SETTINGS, *settings]
        self.funds, self.rootstock_funds, self.node_options = funds, rootstock_funds, node_options
        self.legs, self.used, self.start_it = set(), [], start

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        try:
            self._open()
        except BaseException:
            self.stack.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error):
        self.stack.__exit__(*error)

    def _open(self):
        nets = self.stack.enter_context(RealNets(BY_HAND, NETWORK, self.node_options))
        self.bitcoin, self.rootstock = BitcoinSide(nets, self.run), RootstockSide(nets, self.run)
        self.proxies = {layer: Proxy(nets.rpc(layer).url) for layer in OTHER}
        for proxy in self.proxies.values():
            self.stack.callback(proxy.close)
        self.provider = self.stack.enter_context(self.make_provider())
        self.learn_wallet()
        if self.start_it:
            self.provider.start()
            self.fund()

    def make_provider(self, settings=()):
        return HazardProvider(self.bin_dir, self.proxies["bitcoin"].url, self.proxies["rootstock"].url, self.rootstock.contract,
                        NETWORK, ("u", "p"), [*self.settings, *settings])

    def learn_wallet(self):
        """From the signer itself, not from the daemon that is tested."""
        wallet = self.provider.wallet
        _, receive, _, change, account = self.run("wallet", wallet)
        self.scripts, self.account = {receive, change}, "0x" + account

    def fund(self):
        layers = self.provider.layers()
        for amount in self.funds:
            self.bitcoin.wallet.sendtoaddress(layers["bitcoin"]["funding_address"], amount)
        self.rootstock.post(self.rootstock.rich, layers["rootstock"]["funding_address"].lower(),
                            units("rootstock", self.rootstock_funds), gas=21000)
        self.bitcoin.mine(4)
        self.rootstock.mine(5)
        self.sync()

    def side(self, layer):
        return self.bitcoin if layer == "bitcoin" else self.rootstock

    def sync(self):
        """The daemon stands where the nodes stand."""
        def same():
            layers = self.provider.layers()
            return all(layers[s.layer]["height"] == s.height() and
                       address20(layers[s.layer]["node"]["tip"]["hash"]) == address20(s.tip())
                       for s in (self.bitcoin, self.rootstock))
        self.provider.wait("the chains' tips in the daemon", same)

    @contextlib.contextmanager
    def mute(self):
        """Meanwhile nothing that the daemon sends arrives."""
        for layer, p in self.proxies.items():
            p.on(SENDS[layer], refused)
        yield
        for layer, p in self.proxies.items():
            p.off(SENDS[layer])

    def restart_nodes(self):
        """Killed, and started again without what was in their mempools."""
        with self.mute():
            self.bitcoin.lose_pool()
            self.rootstock.node.stop()
            self.rootstock.node.start()
            assert not self.bitcoin.pool() and not self.rootstock.pool()

    def start_daemon(self, settings=()):
        self.provider.start_daemon(settings=settings)
        self.provider.wait_ready()
        self.sync()

    def restart_daemon(self, settings=()):
        """Killed: nothing is cleaned up, nothing is finished."""
        self.provider.kill_daemon()
        self.start_daemon(settings)

    def unlatch(self):
        """By the operator, as soon as it is allowed."""
        def cleared():
            self.provider.ask("/v1/latch", {"on": False, "reason": "looked at"}, key=secrets.token_hex(16))
            return not self.provider.ask("/v1/layers")["latch"]["on"]
        self.provider.wait("the latch cleared", cleared)

    def restart_signer(self):
        self.provider.end_signer()
        self.provider.start_signer()

    def reorg(self, layer, depth):
        """The last blocks give way to as many and one more, without what was in them."""
        if layer == "bitcoin":
            node = self.bitcoin.rpc
            node.invalidateblock(node.getblockhash(self.bitcoin.height() - depth + 1))
            self.bitcoin.mine_empty(depth + 1)
        else:
            self.rootstock.rpc.anvil_reorg(depth, [])
            self.rootstock.mine(1)

    def holdings(self):
        return {"bitcoin": self.bitcoin.holds(*self.scripts), "rootstock": self.rootstock.holds(self.account)}

    @contextlib.contextmanager
    def money(self):
        """with world.money() as gain: ...; gain["bitcoin"] = what the provider must have gained there, besides fees of its
        own. Counted on the chains, to the unit; then the daemon's own reconciliation has to agree."""
        before = self.holdings()
        first = {"bitcoin": self.bitcoin.height() + 1, "rootstock": self.rootstock.height() + 1}
        self.client_before = self.bitcoin.holds(self.bitcoin.client_script)
        gain = {"bitcoin": 0, "rootstock": 0}
        yield gain
        after = self.holdings()
        fees = {"bitcoin": self.bitcoin.fees_of(self.scripts, first["bitcoin"], self.legs),
                "rootstock": self.rootstock.fees_of(self.account, first["rootstock"])}
        for layer in ("bitcoin", "rootstock"):
            assert after[layer] - before[layer] == gain[layer] - fees[layer], (
                f"{layer}: {after[layer] - before[layer]} instead of {gain[layer]} less fees of {fees[layer]}")
        self.sync()
        self.provider.wait_reconciled()


def run_tests(tests):
    """Each test with its time. names on the command line after WIRE_TOOL BIN_DIR choose some."""
    wanted = sys.argv[3:]
    for name, test in tests:
        if wanted and not any(w in name for w in wanted):
            continue
        begun = time.monotonic()
        print(f"{name} ...", end=" ", flush=True)
        test()
        print(f"{time.monotonic() - begun:.1f} s", flush=True)


__all__ = ["COIN", "OTHER", "HttpError", "NETWORK", "Payout", "Swap", "World", "run_tests", "units"]
