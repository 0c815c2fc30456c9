#!/usr/bin/env python3
"""Deposit addresses and sweeps on a whole deployment: given once, credited by depth, never spent online, swept as PSBT.

    deposits.py sim|real BIN_DIR

real: Bitcoin Core's wallets are the vault: they give the descriptor, and sign what is swept (one key, Taproot, two of two);
what they sign of another payment is refused. sim: nobody signs; all else is the same. The daemon is killed at each step, the
books are held against the chain, and money is counted there.
"""
import base64
import decimal
import secrets
import sys

import deployment
import nets
import peers
import provider

SETTINGS = ["bitcoin.block_interval_ms=1000", "rootstock.block_interval_ms=1000"]
BLOCK_MS = {"bitcoin": 250, "rootstock": 250}
# Nobody has its key here.
DESCRIPTOR = ("wpkh(tpubD6NzVbkrYhZ4YoC6CCDAcAepZNS4voBjbtkxiT9whviyexRZLJRTT4kCb7R8mjYFpiPWgjakugKv38ZvQCdjmaAqm86igrjHFqTjKwr7MoL/0/*)"
              "#zrvgeaf4")
ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def check(condition, what="as it should be"):
    if not condition:
        raise AssertionError(what)


def refused(status, call):
    try:
        call()
    except provider.HttpError as e:
        check(e.status == status, e)
        return e.problem
    raise AssertionError("taken")


class Nobody:
    """A vault without keys."""
    descriptor, address_zero = DESCRIPTOR, "bcrt1qydqk2ktlg3t9pmhsq54he27yefvselt6q2jwqm"
    sign = None


class Vault:
    """Wallets of Bitcoin Core; each signs with its own key."""

    def __init__(self, nodes, kind):
        self.rpc, name = nodes.bitcoin, f"vault-{kind}"
        self.wallets = []
        if kind == "multi":
            self.descriptor = self.two_of_two(nodes, name)
        else:
            wallet = self.create(nodes, name)
            found = [d["desc"] for d in wallet.listdescriptors()["descriptors"] if d["desc"].startswith(kind + "(") and not d["internal"]]
            self.descriptor = found[0]
        self.address_zero = self.rpc.deriveaddresses(self.descriptor, [0, 0])[0]

    def create(self, nodes, name, blank=False):
        self.rpc.createwallet(name, False, blank, "", False, True, True)
        wallet = peers.Rpc(f"{nodes.nodes['bitcoin'].rpc.url.rstrip('/')}/wallet/{name}", nodes.nodes["bitcoin"].rpc.auth)
        self.wallets.append(wallet)
        return wallet

    def two_of_two(self, nodes, name):
        public, private = [], []
        for i in range(2):
            wallet = self.create(nodes, f"{name}-{i}")
            for wanted, secret in ((public, False), (private, True)):
                desc = next(d["desc"] for d in wallet.listdescriptors(secret)["descriptors"] if d["desc"].startswith("wpkh(") and not d["internal"])
                wanted.append(desc.removeprefix("wpkh(").split(")")[0])
        self.wallets = []
        for i in range(2):
            keys = [private[k] if k == i else public[k] for k in range(2)]
            mixed = f"wsh(sortedmulti(2,{keys[0]},{keys[1]}))"
            wallet = self.create(nodes, f"{name}-signer-{i}", blank=True)
            info = self.rpc.getdescriptorinfo(mixed)
            done = wallet.importdescriptors([{"desc": f"{mixed}#{info['checksum']}", "timestamp": "now", "range": [0, 20]}])
            check(done[0]["success"], done)
        return self.rpc.getdescriptorinfo(f"wsh(sortedmulti(2,{public[0]},{public[1]}))")["descriptor"]

    def sign(self, psbt, *options):
        for wallet in self.wallets:
            answer = wallet.walletprocesspsbt(psbt, True, *options)
            psbt = answer["psbt"]
        return psbt


class Case:
    def __init__(self, deployed, vault):
        self.p, self.vault, self.nodes = deployed, vault, deployed.nodes

    def restart(self):
        self.p.kill_daemon()
        self.p.start_daemon()
        self.p.wait_ready()

    def give(self, name):
        return self.p.ask("/v1/addresses", {"id": name})

    def account(self, name):
        return decimal.Decimal(self.p.balances()["bitcoin"].get(name, "0"))

    def given_once(self):
        names = [secrets.token_hex(16) for _ in range(4)]
        first = self.give(names[0])
        check(first["index"] == 0 and first["address"] == self.vault.address_zero, first)
        given = [first]
        for name in names[1:]:
            self.restart()
            given.append(self.give(name))
        check([g["index"] for g in given] == [0, 1, 2, 3] and len({g["address"] for g in given}) == 4, given)
        check([self.give(name) for name in names] == given)
        return given

    def deposits(self, given, amounts):
        """By depth, through a restart."""
        for to, amount in zip(given, amounts):
            self.nodes.fund("bitcoin", to["address"], amount)
        total = sum(map(decimal.Decimal, amounts))
        self.p.wait("deposits seen", lambda: len(self.p.ask("/v1/deposits")["deposits"]) == len(amounts))
        self.restart()
        self.p.wait("deposits final", lambda: self.account("watched") == total)
        held = self.p.ask("/v1/addresses/" + given[0]["id"])
        check(decimal.Decimal(held["final"]) == decimal.Decimal(amounts[0]) and held["confirmed"] == "0", held)
        check({d["state"] for d in self.p.ask("/v1/deposits")["deposits"]} == {"final"})
        self.p.wait_reconciled()
        return total

    def never_online(self, total):
        """More than is online is refused, however much lies there."""
        body = {"layer": "bitcoin", "to": ELSEWHERE, "amount": str(self.p.available("bitcoin") + total / 2)}
        problem = refused(409, lambda: self.p.ask("/v1/transfers", body, key=secrets.token_hex(16)))
        check(problem["code"] == "insufficient_funds", problem)

    def begin(self, body):
        sweep = self.p.ask("/v1/sweeps", body, key=secrets.token_hex(16))
        check(sweep["sweep"] and sweep["signing"] == "external", sweep)
        path = f"/v1/transfers/{sweep['id']}"
        return path, self.p.wait("a PSBT", lambda: self.p.ask(path + "/psbt"))

    def psbt_forms(self, path, out):
        """Both versions say the same to Bitcoin Core, and it knows whose keys they are."""
        decoded = self.nodes.bitcoin.decodepsbt(out["psbt"])
        check(decoded["tx"]["txid"] == out["transaction"], decoded)
        check(decimal.Decimal(str(decoded["fee"])) == decimal.Decimal(out["fee"]), decoded["fee"])
        for i in decoded["inputs"]:
            check("witness_utxo" in i and ("bip32_derivs" in i or "taproot_bip32_derivs" in i), i)
        two = base64.b64decode(self.p.ask(path + "/psbt?version=2")["psbt"])
        check(two[:5] == b"psbt\xff" and b"\x01\xfb\x04\x02\0\0\0" in two, two[:64])
        refused(400, lambda: self.p.ask(path + "/psbt?version=1"))

    def hostile(self, path, out):
        """Another payment, signed well; this one, signed otherwise."""
        post = path + "/psbt"
        check(refused(422, lambda: self.p.ask(post, {"psbt": out["psbt"]}))["code"] == "psbt_refused")
        tx = self.nodes.bitcoin.decodepsbt(out["psbt"])["tx"]
        inputs = [{"txid": i["txid"], "vout": i["vout"], "sequence": i["sequence"]} for i in tx["vin"]]
        value = tx["vout"][0]["value"]
        for other in ([{ELSEWHERE: value}], [{tx["vout"][0]["scriptPubKey"]["address"]: round(value - 0.0001, 8)}],
                      [{tx["vout"][0]["scriptPubKey"]["address"]: round(value - 0.01, 8)}, {ELSEWHERE: 0.005}]):
            psbt = self.nodes.bitcoin.utxoupdatepsbt(self.nodes.bitcoin.createpsbt(inputs, other))
            problem = refused(422, lambda: self.p.ask(post, {"psbt": self.vault.sign(psbt)}))
            check("another transaction" in problem["detail"], problem)
        fewer = self.nodes.bitcoin.utxoupdatepsbt(self.nodes.bitcoin.createpsbt(inputs[1:], [{ELSEWHERE: 0.001}]))
        refused(422, lambda: self.p.ask(post, {"psbt": self.vault.sign(fewer)}))
        for kind in ("NONE", "SINGLE|ANYONECANPAY", "ALL|ANYONECANPAY"):
            signed = self.vault.sign(out["psbt"], kind)
            check(refused(422, lambda: self.p.ask(post, {"psbt": signed}))["code"] == "psbt_refused", kind)

    def swept(self, body, amount, past=False):
        """There and back; past us if so. What arrives is counted on the chain."""
        available = self.p.available("bitcoin")
        path, out = self.begin(body)
        self.restart()
        check(self.p.ask(path + "/psbt") == out, "it is the same after a restart")
        self.psbt_forms(path, out)
        if not past:
            self.hostile(path, out)
        signed = self.vault.sign(out["psbt"])
        if past:
            final = self.nodes.bitcoin.finalizepsbt(signed)
            check(self.nodes.bitcoin.sendrawtransaction(final["hex"]) == out["transaction"])
        else:
            taken = self.p.ask(path + "/psbt", {"psbt": signed})
            check(taken["transactions"][0]["id"] == out["transaction"], taken)
        self.p.wait("the sweep final", lambda: self.p.ask(path)["state"] == "final")
        moved = decimal.Decimal(self.p.ask(path)["amount"])
        check(amount - moved == decimal.Decimal(out["fee"]), (amount, moved, out))
        if "to" in body:
            check(self.nodes.balance("bitcoin", body["to"]) == moved.normalize(), "it arrived")
            check(self.p.available("bitcoin") == available)
        else:
            self.p.wait("it online", lambda: self.p.available("bitcoin") == available + moved)
        self.p.wait_reconciled()

    def cancelled(self, total):
        """Given up, its coins are there for the next."""
        path, out = self.begin({})
        check(self.account("watched") == 0 and self.account("reserved") == total)
        check(self.p.ask(path + "/cancel", {})["state"] == "failed")
        check(self.account("watched") == total)
        refused(404, lambda: self.p.ask(path + "/psbt"))
        self.restart()
        again, second = self.begin({})
        check(second["transaction"] != out["transaction"] and decimal.Decimal(second["fee"]) > decimal.Decimal(out["fee"]),
              "it can replace the first one")
        self.p.ask(again + "/cancel", {})

    def payout_cancelled(self):
        """An external payout comes back by a transaction of our own signer."""
        before = self.p.available("bitcoin")
        path = "/v1/transfers/" + self.p.ask("/v1/transfers", {"layer": "bitcoin", "to": ELSEWHERE, "amount": "0.5", "signing": "external"},
                                             key=secrets.token_hex(16))["id"]
        self.p.wait("a PSBT", lambda: self.p.ask(path + "/psbt"))
        self.p.ask(path + "/cancel", {})
        self.restart()
        refused(404, lambda: self.p.ask(path + "/psbt"))
        self.p.wait("it called off", lambda: self.p.ask(path)["state"] == "failed")
        after = self.p.available("bitcoin")
        check(decimal.Decimal("0") < before - after < decimal.Decimal("0.0001"), (before, after))
        self.p.wait_reconciled()


def run(bin_dir, nodes, vault, everything):
    settings = [*SETTINGS, f"bitcoin.deposit_descriptor={vault.descriptor}", f"bitcoin.sweep_addresses={ELSEWHERE}, {vault.address_zero}"]
    with deployment.Deployment(bin_dir, nodes, settings=settings) as deployed:
        deployed.start()
        deployed.fund(bitcoin=("1", "1"), rootstock=("1",))
        case = Case(deployed, vault)
        given = case.given_once()
        total = case.deposits(given, ["0.7", "0.31", "0.2"])
        case.never_online(total)
        refused(400, lambda: deployed.ask("/v1/sweeps", {"to": "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqvysd2c"}, key=secrets.token_hex(16)))
        if everything:
            case.cancelled(total)
            case.payout_cancelled()
        if vault.sign is None:
            return
        if everything:
            before = nodes.balance("bitcoin", ELSEWHERE)
            check(before == 0, "nobody was paid there yet")
            case.swept({"to": ELSEWHERE, "amount": "0.5"}, decimal.Decimal("0.7"), past=True)
            total -= decimal.Decimal("0.7")
        case.swept({}, total)


def main(kind, bin_dir):
    with nets.open_nets(kind, bin_dir, block_ms=BLOCK_MS) as nodes:
        if kind == "sim":
            run(bin_dir, nodes, Nobody(), True)
            return
        for number, of in enumerate(("wpkh", "tr", "multi")):
            run(bin_dir, nodes, Vault(nodes, of), number == 0)
            print(f"{of}: swept, books and chain agree")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except provider.HttpError as e:
        sys.exit(f"the API: {e}")
