#!/usr/bin/env python3
"""Our own transactions on real nodes: fees, replacements, lost and refused ones, nonces (docs/testing.md, "Hazards").

usage: hazards_effects.py WIRE_TOOL BIN_DIR [NAME...]
"""
import hashlib
import secrets
import sys

import peers
import proxy
from world import OTHER, SECP_N, HttpError, Payout, Swap, World, run_tests, units


def payout(world, layer):
    """Paid once, however often it is asked for (HAZARDS 11)."""
    with world.money() as gain:
        p = Payout(world, layer, "0.0123")
        assert p.ask()["id"] == p.id
        try:
            p.ask(amount="0.0124")
        except HttpError as e:
            assert e.status == 422, e
        else:
            raise AssertionError("another payment under the same key")
        p.sent()
        p.side.mine(4)
        assert p.wait("final")["transactions"][0]["confirmations"] >= 3
        assert p.ask()["id"] == p.id
        p.side.mine(2)
        assert p.arrived() == p.amount
        gain[layer] = -p.amount


def payout_batch(world, layer):
    """Asked for together: one transaction, each output right, replaced as one, and once, whatever is killed meanwhile
    (HAZARDS 11, 22, 32)."""
    if layer != "bitcoin":
        return
    amounts = [f"0.00{i + 1}" for i in range(6)]
    with world.money() as gain:
        provider, side, wallet = world.provider, world.bitcoin, world.bitcoin.wallet
        to = [wallet.getnewaddress("", kind) for kind in ("bech32m", "bech32", "p2sh-segwit", "legacy", "bech32")]
        to.append(to[1])  # twice the same
        body = {"layer": layer, "transfers": [{"to": a, "amount": n} for a, n in zip(to, amounts)]}
        key = secrets.token_hex(16)

        def ids():
            return [t["id"] for t in provider.ask("/v1/transfers", body, key=key)["transfers"]]

        def variant(n):
            """The n-th transaction of all of them, when it is in the mempool."""
            made = [t["transactions"] for t in map(now, made_ids)]
            if any(len(t) < n for t in made):
                return None
            assert len({t[n - 1]["id"] for t in made}) == 1, made
            return made[0][n - 1]["id"] if made[0][n - 1]["id"] in side.pool() else None

        def now(transfer):
            return provider.ask("/v1/transfers/" + transfer)

        made_ids = ids()
        provider.kill_daemon()
        world.start_daemon()
        assert ids() == made_ids and len(set(made_ids)) == 6
        first = provider.wait("the batch in the mempool", lambda: variant(1))
        provider.kill_daemon()
        world.start_daemon()
        side.mine_empty(3)
        second = provider.wait("its replacement", lambda: variant(2))
        assert first not in side.pool()
        out = side.rpc.getrawtransaction(second, True)["vout"]
        assert len(out) == 7, out  # and the change
        for o, address, amount in zip(out, to, amounts):
            assert o["scriptPubKey"]["address"] == address and units(layer, str(o["value"])) == units(layer, amount), o
        side.mine(4)
        for transfer in made_ids:
            provider.wait("final", lambda t=transfer: now(t)["state"] == "final")
        gain[layer] = -sum(units(layer, a) for a in amounts)


def derived_wif(provider, path):
    """The key at a path of the wallet's (docs/signer.md), as Bitcoin Core imports it."""
    tag = hashlib.sha256(b"sluice/derive").digest()
    tweak = hashlib.sha256(tag + tag + bytes.fromhex(provider.wallet) + path).digest()
    key = (int(provider.secret, 16) + int.from_bytes(tweak, "big")) % SECP_N
    raw = b"\xef" + key.to_bytes(32, "big") + b"\x01"
    raw += hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    return text


def payout_external(world, layer):
    """Signed by Bitcoin Core instead of our signer; handed back, or sent past us: paid once in both cases."""
    if layer != "bitcoin":
        return
    for handed_back in (True, False):
        with world.money() as gain:
            provider, side, key = world.provider, world.bitcoin, secrets.token_hex(16)
            to = side.wallet.getnewaddress("", "bech32m")
            body = {"layer": layer, "to": f"bitcoin:{to}?amount=0.0042", "signing": "external"}
            path = "/v1/transfers/" + provider.ask("/v1/transfers", body, key=key)["id"]
            out = provider.wait("a PSBT", lambda: provider.ask(path + "/psbt"))
            provider.kill_daemon()
            world.start_daemon()
            assert provider.ask(path + "/psbt") == out
            decoded = side.rpc.decodepsbt(out["psbt"])
            assert decoded["tx"]["txid"] == out["transaction"] and decoded["tx"]["vout"][0]["scriptPubKey"]["address"] == to
            assert units(layer, str(decoded["fee"])) == units(layer, out["fee"])
            try:
                provider.ask(path + "/psbt", {"psbt": out["psbt"]})
            except HttpError as e:
                assert e.status == 422, e
            else:
                raise AssertionError("taken without a signature")
            keys = {derived_wif(provider, bytes.fromhex(i["proprietary"][0]["value"])) for i in decoded["inputs"]}
            signed = side.rpc.descriptorprocesspsbt(out["psbt"], [f"tr({wif})" for wif in keys])
            assert signed["complete"], signed
            if handed_back:
                provider.ask(path + "/psbt", {"psbt": signed["psbt"]})
                provider.kill_daemon()
                world.start_daemon()
                provider.wait("it in the mempool", lambda: out["transaction"] in side.pool())
                assert provider.ask(path + "/psbt", {"psbt": signed["psbt"]})["transactions"][0]["id"] == out["transaction"]
            else:
                assert side.rpc.sendrawtransaction(signed["hex"]) == out["transaction"]
            side.mine(4)
            provider.wait("final", lambda: provider.ask(path)["state"] == "final")
            gain[layer] = -units(layer, "0.0042")


def payout_wide(world, layer):
    """More wei than 64 bits hold (HAZARDS 50)."""
    if layer != "rootstock":
        return
    with world.money() as gain:
        p = Payout(world, layer, "20.000000000000000001")
        assert p.amount > 2**64
        p.sent()
        p.side.mine(5)
        p.wait("final")
        assert p.arrived() == p.amount
        gain[layer] = -p.amount


def payout_replaced(world, layer):
    """Not mined in time: the same input or nonce with a better fee (HAZARDS 13, 22)."""
    with world.money() as gain:
        p = Payout(world, layer, "0.02")
        first = p.sent()
        p.side.mine_empty(3)
        second = p.sent(2)
        p.side.mine_empty(3)
        third = p.sent(3)
        assert len({first, second, third}) == 3 and not {first, second} & p.side.pool()
        p.side.mine(4)
        p.wait("final")
        assert p.arrived() == p.amount
        gain[layer] = -p.amount


def payout_old_variant(world, layer):
    """The first variant is mined after it was replaced: absent was not void (HAZARDS 43). The books take what happened."""
    with world.money() as gain:
        raws = world.proxies[layer].raws
        p = Payout(world, layer, "0.03")
        first = p.sent()
        raw = raws[-1]
        p.side.mine_empty(3)
        second = p.sent(2)
        if layer == "bitcoin":
            p.side.mine_only(raw)
        else:
            p.side.rpc.anvil_dropTransaction(second)
            assert p.side.rpc.eth_sendRawTransaction(raw) == first
            p.side.mine()
        p.side.mine(4)
        made = p.wait("final")["transactions"]
        assert made[0]["id"] == first and made[0]["confirmations"] > 0 and made[1]["confirmations"] == 0
        assert p.arrived() == p.amount
        gain[layer] = -p.amount


def refused_by_relay(world, layer):
    """The node wants a better fee than it said: replaced until it takes one (HAZARDS 22)."""
    with world.money() as gain:
        if layer == "bitcoin":
            rule = proxy.error(-26, "min relay fee not met, 154 < 1000")
        else:
            rule = proxy.error(-32003, "transaction underpriced")
        world.proxies[layer].on(proxy.SENDS[layer], rule)
        p = Payout(world, layer, "0.011")
        world.provider.wait("a refusal", lambda: world.proxies[layer].hit(proxy.SENDS[layer]))
        p.side.mine_empty(3)
        world.provider.wait("a second variant", lambda: len(p.now()["transactions"]) == 2)
        world.proxies[layer].off()
        p.sent(2)
        p.side.mine(4)
        p.wait("final")
        assert p.arrived() == p.amount
        gain[layer] = -p.amount


def lock_replaced(world, source):
    """Our lock-up is not mined, is replaced by its own input or nonce, and counts once (HAZARDS 11, 13)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.lock()
        swap.gives.mine(2)
        swap.sent("lock")
        swap.gets.mine_empty(3)
        swap.sent("lock", 2)
        assert swap.state() == "dest_locking"
        swap.gets.mine(2)
        swap.wait("dest_locked")
        swap.see_lock()
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        swap.settled(gain)


def claim_replaced(world, source):
    """Our claim is not mined: it pays more and more until it is (HAZARDS 7, 22)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        swap.claim()
        swap.gets.mine(4)
        seen = [swap.sent("claim")]
        for n in (2, 3, 4):
            swap.gives.mine_empty(3)
            seen.append(swap.sent("claim", n))
        fees = [units(source, t["fee"]) for t in swap.now()["claim_transactions"]]
        assert len(set(seen)) == 4 and all(b >= a * 5 // 4 for a, b in zip(fees, fees[1:])), fees
        swap.finish()
        swap.settled(gain)


def refund_replaced(world, source):
    """The same for our refund."""
    with world.money():
        swap = Swap(world, source)
        swap.until_locked()
        swap.gets.mine(swap.dest_timelock - swap.gets.height())
        swap.sent("refund")
        swap.gets.mine_empty(3)
        swap.sent("refund", 2)
        swap.gets.mine(4)
        swap.wait("refunded")
        swap.pass_source_timelock()
        swap.refund()


def claim_dropped(world, source):
    """Our claim vanishes from the mempool: sent again (HAZARDS 16, 43). The client's claim vanishes with it, for a while:
    the preimage stays known (HAZARDS 7)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        theirs = swap.claim()
        swap.wait("claiming")
        ours = swap.sent("claim")
        raw = world.bitcoin.rpc.getrawtransaction(theirs) if swap.dest == "bitcoin" else None
        with world.mute():
            world.rootstock.rpc.anvil_dropTransaction(theirs if swap.dest == "rootstock" else ours)
            world.bitcoin.lose_pool()
            assert not swap.gives.pool() and not swap.gets.pool()
        assert swap.sent("claim") == ours
        swap.finish()
        assert swap.client_got() == 0
        if raw:
            world.bitcoin.rpc.sendrawtransaction(raw)
        else:
            swap.claim()
        swap.gets.mine(4)
        assert swap.client_got() == swap.claimed
        swap.settled(gain)


def fee_spike(world, source):
    """The fee rate of both networks goes up tenfold between lock-up and claim: the claim pays it (HAZARDS 22)."""
    if source != "bitcoin":
        return
    with world.money() as gain:
        swaps = [Swap(world, s) for s in OTHER]
        for swap in swaps:
            swap.until_locked()
        was = {name: layer["fee_rate"] for name, layer in world.provider.layers().items()}
        world.proxies["bitcoin"].on("estimatesmartfee", proxy.rewritten(lambda result, params: {"feerate": 0.0001, "blocks": 2}))
        world.proxies["rootstock"].on("eth_gasPrice", proxy.rewritten(lambda result, params: hex(int(result, 16) * 10)))
        world.provider.wait("the spike", lambda: all(
            layer["fee_rate"] == 10 * was[name] for name, layer in world.provider.layers().items()))
        for swap in swaps:
            swap.claim()
            swap.sent("claim")
        bitcoin, rootstock = (swap.now()["claim_transactions"][0]["id"] for swap in swaps)
        entry = world.bitcoin.rpc.getmempoolentry(bitcoin)
        assert entry["fees"]["base"] * 10**8 / entry["vsize"] >= 10, entry
        assert int(world.rootstock.rpc.eth_getTransactionByHash(rootstock)["gasPrice"], 16) == 10 * was["rootstock"]
        world.bitcoin.mine(4)
        world.rootstock.mine(5)
        for swap in swaps:
            swap.wait("completed")
            swap.settled(gain)
        for p in world.proxies.values():
            p.off()


def nonce_gap(world, source):
    """One of several transactions in a row is lost by the node: the later ones wait for it, and it comes again
    (HAZARDS 33)."""
    if source != "rootstock":
        return
    with world.money() as gain:
        payouts = [Payout(world, "rootstock", f"0.00{n}") for n in (1, 2, 3, 4)]
        ids = [p.sent() for p in payouts]
        world.rootstock.rpc.anvil_dropTransaction(ids[1])
        world.rootstock.mine()
        assert [p.arrived() == p.amount for p in payouts] == [True, False, False, False]
        for p in payouts[1:]:
            p.sent()
        world.rootstock.mine(5)
        for p in payouts:
            p.wait("final")
            assert p.arrived() == p.amount
            gain["rootstock"] -= p.amount


def signer_refuses(world, source):
    """The signer's policy allows no lock-up: declined, nothing reserved any more, its nonce filled, and the next one goes
    through (HAZARDS 33)."""
    with world.money() as gain:
        path = world.provider.root / "policy.yaml"
        policy = path.read_text()
        path.write_text(policy.replace("lock_max: 100", "lock_max: 0"))
        world.restart_signer()
        swap, later = Swap(world, source), Swap(world, source)
        swap.lock()
        swap.gives.mine(2)
        assert "limit.tx" in swap.wait("declined")["reason"]
        path.write_text(policy)
        world.restart_signer()
        swap.gets.mine(1)
        later.until_locked()
        later.claim()
        later.gets.mine(4)
        later.finish()
        swap.pass_source_timelock()
        swap.refund()
        swap.gets.mine(5)
        world.sync()
        assert float(world.provider.balances()[swap.dest]["reserved"]) == 0
        later.settled(gain)


def lock_became_unsafe(world, source):
    """Our lock-up is signed, and no node takes it until it would no longer be safe (HAZARDS 2, 46): it is not sent, it
    holds nothing up, and what it reserved comes back."""
    with world.money() as gain:
        swap = Swap(world, source)
        world.proxies[swap.dest].on(proxy.SENDS[swap.dest], proxy.refused)
        swap.lock()
        swap.gives.mine(2)
        world.provider.wait("signed bytes", lambda: swap.now()["lock_transactions"])
        world.provider.wait("an attempt", lambda: world.proxies[swap.dest].hit(proxy.SENDS[swap.dest]))
        lock = swap.now()["lock_transactions"][0]["id"]
        swap.gives.mine(swap.timelock - 60 - swap.gives.height())
        world.sync()
        world.proxies[swap.dest].off()
        # our claim of another swap's source, on the layer of that lock-up, must not wait for it
        other = Swap(world, swap.dest)
        other.until_locked()
        other.claim()
        other.gets.mine(4)
        other.finish()
        swap.gets.mine(6)
        swap.wait("declined")
        swap.gets.mine(6)
        assert swap.gets.receipt_of(lock) is None
        swap.pass_source_timelock()
        swap.refund()
        world.sync()
        assert float(world.provider.balances()[swap.dest]["reserved"]) == 0
        other.settled(gain)


def lock_never_mined(world, source):
    """Our lock-up is in every mempool and in no block until it is too late: called off by its own input or nonce, for it
    could only do harm now (HAZARDS 2, 13)."""
    with world.money():
        swap = Swap(world, source)
        swap.lock()
        swap.gives.mine(2)
        lock = swap.sent("lock")
        swap.gives.mine(swap.timelock - 10 - swap.gives.height())
        world.sync()
        swap.sent("lock", 2)
        swap.gets.mine(6)
        assert swap.wait("declined")["reason"]
        assert swap.gets.receipt_of(lock) is None
        swap.pass_source_timelock()
        swap.refund()
        swap.gets.mine(1)


def signer_down(world, source):
    """The signer is gone when we have to lock, and again when we have to claim: both wait for it (HAZARDS 32)."""
    with world.money() as gain:
        swap = Swap(world, source)
        world.provider.kill_signer()
        swap.lock()
        swap.gives.mine(2)
        swap.wait("dest_locking")
        world.sync()
        assert not swap.now()["lock_transactions"]
        world.provider.start_signer()
        swap.until_dest_locked()
        world.provider.kill_signer()
        swap.claim()
        swap.gets.mine(4)
        swap.wait("claiming")
        world.sync()
        assert not swap.now()["claim_transactions"]
        world.provider.start_signer()
        swap.finish()
        swap.settled(gain)


TESTS = [payout, payout_batch, payout_external, payout_wide, payout_replaced, payout_old_variant, refused_by_relay, lock_replaced, claim_replaced,
         refund_replaced, claim_dropped, fee_spike, nonce_gap, signer_refuses, lock_became_unsafe, lock_never_mined, signer_down]


def main():
    run = peers.tool(sys.argv[1])
    with World(run, sys.argv[2], rootstock_funds="60") as world:
        run_tests([(f"{test.__name__}[{source}]", lambda test=test, source=source: test(world, source))
                   for test in TESTS for source in OTHER])
    print("ok")


main()
