"""go-ethereum, and op-geth with the rules of an OP stack chain: real nodes whose blocks are made by the Engine API, with
those of anvil's levers in front of them that tests use."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import pathlib
import secrets
import subprocess
import threading
import time

import account
import op
import peers

RICH = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # anvil's first, and everybody's
FORKS = ("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "muirGlacier",
         "berlin", "london", "arrowGlacier", "grayGlacier", "mergeNetsplit")
ZERO = "0x" + "0" * 64
SAFE, FINAL = 3, 4       # blocks below the tip
BUILD_SECONDS = 0.1      # what a block is given to take what waits
BUILD_TRIES = 10
POOL_SECONDS = 1
GAS_LIMIT = 30_000_000


def genesis(chain_id, alloc=None, **more):
    return {"config": {"chainId": chain_id, "terminalTotalDifficulty": 0, "terminalTotalDifficultyPassed": True,
                       **{fork + "Block": 0 for fork in FORKS}, "shanghaiTime": 0, **more.pop("config", {})},
            "nonce": "0x0", "timestamp": "0x65000000", "extraData": "0x", "gasLimit": hex(GAS_LIMIT), "difficulty": "0x0",
            "mixHash": ZERO, "coinbase": "0x" + "0" * 40, "baseFeePerGas": "0x7",
            "alloc": {account.address(RICH): {"balance": hex(10 ** 27)}, **(alloc or {})}, **more}


class EngineNode(peers.Node):
    """build, take: names of the Engine API's methods. url: in front of it, with the levers."""
    binary = peers.GETH if peers.GETH.exists() else peers.OP_GETH
    forkchoice, build, take = "engine_forkchoiceUpdatedV2", "engine_getPayloadV2", "engine_newPayloadV2"
    own = 0  # transactions of its own in each block

    def __init__(self, path, chain_id):
        peers.need(self.binary)
        self.path, self.chain_id = pathlib.Path(path), chain_id
        self.port, self.engine_port = peers.free_port(), peers.free_port()
        self.secret = secrets.token_bytes(32)
        (self.path / "jwt").write_text(self.secret.hex())
        (self.path / "genesis.json").write_text(json.dumps(self.genesis()))
        self.node = peers.Rpc(f"http://127.0.0.1:{self.port}")
        common = ["--datadir", str(self.path / "data"), "--state.scheme", "hash"]
        subprocess.run([str(self.binary), "init", *common, str(self.path / "genesis.json")], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.front = Front(self)
        super().__init__(peers.Rpc(self.front.url), self.front.url, [
            str(self.binary), *common, "--verbosity", "1", "--networkid", str(chain_id), "--syncmode", "full", "--gcmode", "archive",
            "--http", "--http.port", str(self.port), "--http.api", "eth,net,web3,debug,txpool", "--authrpc.port",
            str(self.engine_port), "--authrpc.jwtsecret", str(self.path / "jwt"), "--ipcdisable", "--nodiscover",
            "--maxpeers", "0", "--port", "0", *self.options()])

    def genesis(self):
        return genesis(self.chain_id)

    def options(self):
        return ["--miner.gasprice", "1"]

    def start(self):
        super().start(self.node.eth_chainId)
        self.front.open()

    def stop(self):
        self.front.close()
        super().stop()

    # ---- blocks ----

    def engine(self, method, *params):
        def part(value):
            return base64.urlsafe_b64encode(value).rstrip(b"=")
        head = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps({"iat": int(time.time())}).encode())
        token = head + b"." + part(hmac.new(self.secret, head, hashlib.sha256).digest())
        rpc = peers.Rpc(f"http://127.0.0.1:{self.engine_port}", bearer=token.decode())
        return rpc(method, *params)

    def block(self, tag):
        return self.node.eth_getBlockByNumber(tag if isinstance(tag, str) else hex(max(tag, 0)), False)

    def attributes(self, parent):
        return {"timestamp": hex(max(int(parent["timestamp"], 16) + 1, int(time.time()))), "prevRandao": "0x" + secrets.token_hex(32),
                "suggestedFeeRecipient": "0x" + "0" * 40, "withdrawals": []}

    def new_payload(self, built):
        return [built["executionPayload"]]

    def choose(self, head, height, attributes=None):
        """The chain ends there; the block that is begun then."""
        state = {"headBlockHash": head, "safeBlockHash": self.block(height - SAFE)["hash"],
                 "finalizedBlockHash": self.block(height - FINAL)["hash"]}
        answer = self.engine(self.forkchoice, state, attributes)
        assert answer["payloadStatus"]["status"] == "VALID", answer
        return answer["payloadId"]

    def make_block(self):
        parent = self.block("latest")
        height = int(parent["number"], 16)
        pool = self.node.txpool_status()
        waiting = int(pool["pending"], 16) + int(pool["queued"], 16)  # the pool takes its time, too
        for attempt in range(1, BUILD_TRIES + 1):
            # another time is another payload: one that was asked for takes nothing more
            attributes = self.attributes(parent)
            attributes["timestamp"] = hex(int(attributes["timestamp"], 16) + attempt - 1)
            begun = self.choose(parent["hash"], height, attributes)
            time.sleep(BUILD_SECONDS * attempt if waiting else 0)
            built = self.engine(self.build, begun)
            if len(built["executionPayload"]["transactions"]) > self.own or not waiting or attempt == BUILD_TRIES:
                break
        answer = self.engine(self.take, *self.new_payload(built))
        assert answer["status"] == "VALID", answer
        self.choose(built["executionPayload"]["blockHash"], height)

    # ---- levers ----

    def evm_setAutomine(self, on):
        assert not on

    def eth_accounts(self):
        return [account.address(RICH)]

    def eth_sendRawTransaction(self, raw):
        """The pool sorts what it has taken in a moment later, and no block has it before."""
        sent = self.node.eth_sendRawTransaction(raw)
        end = time.monotonic() + POOL_SECONDS
        while time.monotonic() < end and not any(int(n, 16) for n in self.node.txpool_status().values()):
            time.sleep(0.01)
        return sent

    def eth_sendTransaction(self, tx):
        price = int(tx.get("gasPrice", "0x0"), 16) or 2 * int(self.block("latest")["baseFeePerGas"], 16) + 10 ** 9
        nonce = int(self.node.eth_getTransactionCount(account.address(RICH), "pending"), 16)
        raw = account.transaction(
            RICH, self.chain_id, nonce, price, int(tx.get("gas", "0x5208"), 16),
            bytes.fromhex(tx.get("to", "0x")[2:]), int(tx.get("value", "0x0"), 16), bytes.fromhex(tx.get("data", "0x").removeprefix("0x")))
        return self.eth_sendRawTransaction("0x" + raw.hex())

    def anvil_setBalance(self, address, wei):
        """It can only be given more, and a block is made for it."""
        more = int(wei, 16) - int(self.node.eth_getBalance(address.lower(), "latest"), 16)
        assert more >= 0
        sent = self.eth_sendTransaction({"to": address, "value": hex(more)})
        self.make_block()
        assert self.node.eth_getTransactionReceipt(sent), "no block takes it"

    def anvil_mine(self, count=1):
        for _ in range(int(count, 16) if isinstance(count, str) else count):
            self.make_block()

    def anvil_reorg(self, depth, transactions):
        """As many blocks as before; what was in the old ones is forgotten."""
        assert not transactions
        self.node.debug_setHead(hex(int(self.block("latest")["number"], 16) - depth))
        self.anvil_mine(depth)


class OpNode(EngineNode):
    """As an OP stack chain after Fjord: each block begins with what the first layer costs, and data is charged for."""
    binary = peers.OP_GETH
    forkchoice, build, take = "engine_forkchoiceUpdatedV3", "engine_getPayloadV3", "engine_newPayloadV3"
    own = 1
    TIMES = ("cancun", "regolith", "canyon", "ecotone", "fjord")

    def genesis(self):
        return genesis(self.chain_id, blobGasUsed="0x0", excessBlobGas="0x0", alloc=self.contracts(), config={
            "bedrockBlock": 0, **{name + "Time": 0 for name in self.TIMES},
            "optimism": {"eip1559Elasticity": 6, "eip1559Denominator": 50, "eip1559DenominatorCanyon": 250}})

    def contracts(self):
        """The chain's own, at their addresses; the oracle goes by the rules of Ecotone and of Fjord."""
        return {op.L1_BLOCK: {"balance": "0x0", "code": op.code("L1Block")},
                op.ORACLE: {"balance": "0x0", "code": op.code("GasPriceOracle"), "storage": {ZERO: f"0x{0x0101:064x}"}}}

    def options(self):
        return ["--rollup.disabletxpoolgossip"]

    def deposit(self, height):
        """What the first layer tells in each block."""
        data = bytes.fromhex(op.attributes(op.FEES))
        fields = [account.keccak256(height.to_bytes(32, "big")), bytes.fromhex(op.DEPOSITOR[2:]), bytes.fromhex(op.L1_BLOCK[2:]),
                  0, 0, 1_000_000, 0, data]
        return "0x7e" + account.rlp(fields).hex()

    def attributes(self, parent):
        height = int(parent["number"], 16) + 1
        return {**super().attributes(parent), "parentBeaconBlockRoot": ZERO, "transactions": [self.deposit(height)],
                "noTxPool": False, "gasLimit": hex(GAS_LIMIT)}

    def new_payload(self, built):
        return [built["executionPayload"], [], ZERO]


LEVERS = ("eth_sendRawTransaction", "eth_sendTransaction", "eth_accounts", "evm_setAutomine", "anvil_setBalance", "anvil_mine",
          "anvil_reorg")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, params, node = asked["method"], asked.get("params", []), self.server.node
        answer = {"jsonrpc": "2.0", "id": asked.get("id")}
        try:
            answer["result"] = (getattr(node, method) if method in LEVERS else getattr(node.node, method))(*params)
        except peers.RpcError as e:
            answer["error"] = {"code": e.code, "message": e.message, **({"data": e.data} if e.data else {})}
        except OSError:
            node.front.closed = True
        if node.front.closed:
            self.close_connection = True
            return
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Front:
    """Listens as long as the node runs."""

    def __init__(self, node):
        self.node, self.port, self.server, self.closed = node, peers.free_port(), None, True
        self.url = f"http://127.0.0.1:{self.port}"

    def open(self):
        self.server, self.closed = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler), False
        self.server.daemon_threads, self.server.node = True, self.node
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.closed = True
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None


@contextlib.contextmanager
def running(kind, chain_id):
    with peers.folder("engine") as path:
        node = kind(path, chain_id)
        try:
            node.start()
            yield node
        finally:
            node.stop()


def geth():
    """With the chain id of Rootstock's testnet."""
    return running(EngineNode, 31)


def op_geth():
    """With the chain id of BOB where it is simulated, or on anvil."""
    return running(OpNode, 31337)
