"""Networks beside Bitcoin and Rootstock, as nets.py has them: each knows its part of the demonstration's configuration
(tools/demo/NAME.yaml), and funds and reads accounts on it. Amounts are text in whole coins."""
import decimal
import json
import pathlib
import urllib.request

import op
import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
COIN, WEI = 10 ** 8, 10 ** 18


class Beside:
    """stock: what a provider begins with, in pieces, paid to its funding address."""
    name, stock = None, ()

    def fields(self, side, folder):
        """What the configuration of "provider" or "client" has between braces."""
        raise NotImplementedError

    def section(self, side, folder):
        """Its part of one side's configuration, of "policy" or of "client"; empty where there is none."""
        documents = (ROOT / f"tools/demo/{self.name}.yaml").read_text().split("--- # ")
        found = [d.split("\n", 1)[1] for d in documents[1:] if d.startswith(side + "\n")]
        return "".join(found).format(**self.fields(side, folder))

    def provide(self, address):
        """What a provider's wallet needs to begin, beside its stock."""

    def equip(self, address):
        """What a client needs on an account of its own to pay from there."""


class Lightning(Beside):
    """Two nodes with a channel between them, alice the provider's, bob the client's: {name: node}."""
    name = "lightning"
    OWN = {"provider": "alice", "client": "bob"}

    def __init__(self, nodes):
        self.nodes = nodes

    def fields(self, side, folder):
        return {"node": self.settings(self.OWN[side], folder)} if side in self.OWN else {}


class SimLightning(Lightning):
    """node: {"url", "macaroon" in hex}, or "rune": a Core Lightning's."""

    def settings(self, name, folder):
        """Its keys as lines of a configuration; the credential is written into the folder."""
        node = self.nodes[name]
        path = folder / f"{name}.credential"
        path.write_bytes(node["rune"].encode() if "rune" in node else bytes.fromhex(node["macaroon"]))
        path.chmod(0o600)
        return (f"  rpc_url: {node['url']}\n  credential_file: {path}\n" +
                ("  node: cln\n" if "rune" in node else ""))

    def rest(self, name, method, path, body=None, stream=False):
        """stream: the first thing that is said there."""
        node = self.nodes[name]
        request = urllib.request.Request(node["url"] + path, json.dumps(body).encode() if body else None, method=method)
        request.add_header(*(("Rune", node["rune"]) if "rune" in node else ("Grpc-Metadata-macaroon", node["macaroon"])))
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.readline()) if stream else json.load(answer)

    def is_cln(self, name):
        return "rune" in self.nodes[name]

    def lever(self, name):
        return peers.Rpc(self.nodes[name]["url"])

    def msat(self, name):
        """What its side of the channel has, without what is under way."""
        return self.lever(name).sim_balance()["local_msat"]


class RealLightning(Lightning):
    """Of lnds.Pair."""

    def is_cln(self, name):
        return False

    def settings(self, name, folder):
        node = self.nodes[name]
        return f"  rpc_url: {node.url}\n  credential_file: {node.macaroon}\n  ca_file: {node.cert}\n"

    def rest(self, name, method, path, body=None, stream=False):
        return self.nodes[name].rest(method, path, body, stream)

    def msat(self, name):
        return int(self.nodes[name].rest("GET", "/v1/balance/channels")["local_balance"]["msat"])


class SimLiquid(Beside):
    name, stock = "liquid", ("2", "2", "2")

    def __init__(self, told):
        self.rpc, self.url = peers.Rpc(told["url"]), told["url"]

    def fields(self, side, folder):
        return {"url": self.url}

    def fund(self, address, amount):
        return self.rpc.sim_fund(address, amount)

    def balance(self, address):
        found = self.rpc.scantxoutset("start", [f"addr({address})"])["total_unblinded_bitcoin_amount"]
        return decimal.Decimal(str(found)).normalize()


def word(address):
    return address.lower().removeprefix("0x").rjust(64, "0")


class Tokens(Beside):
    """Value is a token, gas is the chain's coin. rpc: of its node; token, contract: their addresses."""
    PROVIDER_GAS, CLIENT_GAS, CLIENT_TOKENS = "2", "1", "0.5"

    def fields(self, side, folder):
        return {"url": self.url, "token": self.token, "contract": self.contract}

    def provide(self, address):
        self.gas(address, self.PROVIDER_GAS)

    def equip(self, address):
        self.gas(address, self.CLIENT_GAS)
        self.fund(address, self.CLIENT_TOKENS)

    def tokens(self, address):
        return int(self.rpc.eth_call({"to": self.token, "data": "0x70a08231" + word(address)}, "latest"), 16)

    def allowance(self, owner):
        data = "0xdd62ed3e" + word(owner) + word(self.contract)
        return int(self.rpc.eth_call({"to": self.token, "data": data}, "latest"), 16)

    def balance(self, address):
        return (decimal.Decimal(self.tokens(address)) / COIN).normalize()


def units(amount, unit):
    return int(decimal.Decimal(amount) * unit)


def mint(address, amount):
    """Calldata for a token that lets anybody."""
    return f"0x40c10f19{word(address)}{units(amount, COIN):064x}"


def creation(name):
    return "0x" + json.loads((ROOT / f"contracts/{name}.json").read_text())["bytecode"].removeprefix("0x")


class RootstockErc20(Tokens):
    """Tokens on the chain that nets has anyway, where gas is its coin."""
    name, stock = "rootstock_erc20", ("3",)

    def __init__(self, nets):
        self.nets, self.rpc, self.url = nets, nets.rootstock, nets.rootstock.url
        self.token, self.contract = self.places()

    def gas(self, address, amount):
        return self.nets.fund_rootstock(address, amount)

    def mine(self, count=1):
        self.nets.mine("rootstock", count)


class SimRootstockErc20(RootstockErc20):
    def places(self):
        return self.nets.told["rootstock"]["token"], self.nets.told["rootstock"]["token_contract"]

    def fund(self, address, amount):
        return self.rpc.sim_fund_token(address.lower(), amount)


class RealRootstockErc20(RootstockErc20):
    def places(self):
        return self.nets.deploy("TestToken"), self.nets.deploy("TokenTimeLock")

    def fund(self, address, amount):
        return self.nets.send(to=self.token, data=mint(address, amount), gas=hex(200_000))


class Bob(Tokens):
    name, stock = "bob", ("3",)
    predeploys = None  # of an anvil, where there are any
    charges_data = True


class SimBob(Bob):
    def __init__(self, told):
        self.rpc, self.url = peers.Rpc(told["url"]), told["url"]
        self.token, self.contract = told["token"], told["contract"]

    def fund(self, address, amount):
        return self.rpc.sim_fund(address.lower(), amount)

    def gas(self, address, amount):
        return self.rpc.sim_fund_gas(address.lower(), hex(units(amount, WEI)))


class RealBob(Bob):
    """On an anvil: mine is asked for a block between two transactions that need one another."""

    def __init__(self, node):
        self.rpc, self.url = node.rpc, node.url
        self.rich = self.rpc.eth_accounts()[0]
        self.token, self.contract = (self.deploy(name) for name in ("TestToken", "TokenTimeLock"))
        self.charges_data = op.MODULES.exists()  # not a chain without predeploys
        if self.charges_data:
            self.predeploys = op.Predeploys(self.rpc, self.mine)
            for fork in ("ecotone", "fjord"):
                self.predeploys.turn(fork)

    def mine(self, count=1):
        self.rpc.anvil_mine(hex(count))

    def send(self, **transaction):
        return self.rpc.eth_sendTransaction({"from": self.rich, "gas": hex(3_000_000), **transaction})

    def deploy(self, name):
        sent = self.send(data=creation(name))
        self.mine()
        return self.rpc.eth_getTransactionReceipt(sent)["contractAddress"]

    def fund(self, address, amount):
        return self.send(to=self.token, data=mint(address, amount))

    def gas(self, address, amount):
        return self.send(to=address.lower(), value=hex(units(amount, WEI)), gas=hex(21000))
