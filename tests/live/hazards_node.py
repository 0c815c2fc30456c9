#!/usr/bin/env python3
"""Nodes and processes that fail in the middle of swaps: lost answers, wrong answers, restarts, reorganisations while
nobody looked (docs/testing.md, "Hazards").

usage: hazards_node.py WIRE_TOOL BIN_DIR [NAME...]
"""
import re
import shutil
import sys
import time
import urllib.request

import peers
import provider
import proxy
from world import OTHER, HttpError, Payout, Swap, World, run_tests, units


def reorganisations(world):
    """{layer: how many the daemon has seen since it started}"""
    ask = urllib.request.Request(f"http://127.0.0.1:{world.provider.port}/metrics",
                                 headers={"Authorization": "Bearer " + provider.TOKEN})
    text = urllib.request.urlopen(ask, timeout=10).read().decode()
    found = re.findall(r'^sluice_layer_reorganisations_total\{layer="(\w+)"\} (\d+)', text, re.M)
    return {layer: int(count) for layer, count in found}


def is_ready(world):
    try:
        return world.provider.ask("/readyz")["ready"]
    except HttpError as e:
        assert e.status == 503, e
        return e.problem["ready"]


def answer_lost(world, source):
    """The node takes our lock-up, our claim, our payout, and its answer is lost each time (HAZARDS 11, 29): pending, never
    failed, and never a second one."""
    with world.money() as gain:
        for layer, p in world.proxies.items():
            p.on(proxy.SENDS[layer], proxy.lost)
            p.raws.clear()
        paid = Payout(world, source, "0.0101")
        paid.sent()
        swap = Swap(world, source)
        swap.until_locked()
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        assert paid.wait("final") and paid.arrived() == paid.amount
        for layer, p in world.proxies.items():
            assert p.hit(proxy.SENDS[layer]) >= 1
            p.off()
        # one lock-up or claim, and one payout, whatever was sent again
        assert {name: len(p.raws) for name, p in world.proxies.items()} == {source: 2, swap.dest: 1}
        swap.settled(gain)
        gain[source] -= paid.amount


def node_restarted(world, source):
    """Both nodes are killed in mid-swap, and come back without their mempools (HAZARDS 16)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.lock()
        swap.gives.mine(2)
        lock = swap.sent("lock")
        world.restart_nodes()
        assert swap.sent("lock") == lock
        swap.until_dest_locked()
        swap.claim()
        swap.wait("claiming")
        swap.gets.mine(4)
        claim = swap.sent("claim")
        world.restart_nodes()
        assert swap.sent("claim") == claim
        swap.finish()
        swap.settled(gain)


def daemon_restarted(world, source):
    """The daemon is killed at every stage of a swap and looks for what it did before it does it again (HAZARDS 32, 46).
    Meanwhile its settings change: what was agreed stays (HAZARDS 6)."""
    settings = [f"{OTHER[source]}.lock_blocks=52", f"{source}.depth=0:3"]
    with world.money() as gain:
        swap = Swap(world, source)
        world.restart_daemon()
        swap.lock()
        swap.gives.mine(1)
        swap.wait("source_seen")
        world.restart_daemon()
        swap.gives.mine(1)
        lock = swap.sent("lock")
        timelock = swap.now()["destination"]["timelock"]
        world.restart_daemon(settings)
        assert swap.sent("lock") == lock and len(swap.now()["lock_transactions"]) == 1
        assert swap.now()["destination"]["timelock"] == timelock and swap.now()["source"]["depth"] == 2
        swap.until_dest_locked()
        world.restart_daemon(settings)
        swap.claim()
        claim = swap.sent("claim")
        world.restart_daemon()
        assert swap.state() == "claiming" and swap.now()["preimage"] is None
        swap.gets.mine(4)
        assert swap.sent("claim") == claim
        swap.finish()
        swap.settled(gain)


def away(world, source):
    """The daemon is away for longer than it remembers blocks in memory, while the client locks; away again while the client
    claims, in a block that is soon 70 deep (HAZARDS 21, 32)."""
    with world.money() as gain:
        swap = Swap(world, source)
        world.provider.kill_daemon()
        swap.lock()
        swap.gives.mine(3)
        swap.gets.mine(70)
        world.start_daemon()
        swap.until_dest_locked()
        world.provider.kill_daemon()
        swap.claim()
        swap.gets.mine(70)
        world.start_daemon()
        swap.finish()
        swap.settled(gain)


def away_too_long(world, source):
    """The lock-up came in time and got deep while the daemon was away, and is old when it comes back. As of the block where
    it got deep ours would have been safe; as of now it is not (HAZARDS 1, 2): nothing is locked."""
    with world.money():
        swap = Swap(world, source)
        world.provider.kill_daemon()
        swap.lock()
        swap.gives.mine(swap.timelock - 70 - swap.gives.height())
        world.start_daemon()
        assert "too late" in swap.wait("declined")["reason"]
        assert not swap.now()["lock_transactions"]
        swap.pass_source_timelock()
        swap.refund()


def away_reorganised(world, source):
    """The chains reorganise while the daemon is away: its last block is on none of them (HAZARDS 14, 21)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        world.provider.kill_daemon()
        world.reorg(source, 2)
        world.reorg(swap.dest, 2)
        if source == "rootstock":
            swap.lock()
        world.start_daemon()
        world.sync()
        assert swap.state() == "dest_locking"
        swap.sent("lock")
        for side in (swap.gives, swap.gets):
            side.mine(3)
        swap.wait("dest_locked")
        swap.see_lock()
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        swap.settled(gain)


def errors_are_no_reorganisation(world, source):
    """A node that answers with errors, with "no such block", with nothing where a block was, or with an old tip, is not a
    chain without our lock-ups (HAZARDS 15)."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        world.sync()
        before, state = reorganisations(world), swap.state()
        heights = {name: layer["height"] for name, layer in world.provider.layers().items()}
        old = {name: world.proxies[name] for name in OTHER}
        tip = world.rootstock.rpc.eth_getBlockByNumber(hex(world.rootstock.height() - 2), False)
        height = world.bitcoin.height() - 2
        back = {"blocks": height, "headers": height, "bestblockhash": world.bitcoin.rpc.getblockhash(height)}
        rules = [
            {"bitcoin": {"*": proxy.error(-5, "Block not found")}, "rootstock": {"*": proxy.error(-32000, "header not found")}},
            {"bitcoin": {"*": proxy.error(-28, "Loading block index")}, "rootstock": {"*": proxy.error(-32603, "internal")}},
            {"bitcoin": {m: proxy.error(-1, "no") for m in ("getblock", "getblockheader", "getblockhash")},
             "rootstock": {m: proxy.rewritten(lambda r, p: None) for m in ("eth_getBlockByHash", "eth_getTransactionReceipt",
                                                                        "eth_getLogs")}},
            {"bitcoin": {"getblockchaininfo": proxy.rewritten(lambda r, p: {**r, **back})},
             "rootstock": {"eth_getBlockByNumber": proxy.rewritten(
                 lambda r, p: tip if p[0] == "latest" else None if int(p[0], 16) > int(tip["number"], 16) else r)}},
        ]
        for rule in rules:
            for name, methods in rule.items():
                for method, what in methods.items():
                    old[name].on(method, what)
            world.bitcoin.mine()
            world.rootstock.mine()
            time.sleep(0.3)
            found = {name: layer["height"] for name, layer in world.provider.layers().items()}
            assert found == heights, (rules.index(rule), found, heights)
            assert swap.state() == state and reorganisations(world) == before
            for p in old.values():
                p.off()
            world.sync()
            heights = {name: layer["height"] for name, layer in world.provider.layers().items()}
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        assert reorganisations(world) == before
        swap.settled(gain)


def missed_blocks(world, source):
    """No answer for a while; then more blocks at once than fit in a cursor, with our business in the middle (HAZARDS 21)."""
    with world.money() as gain:
        swap = Swap(world, source)
        for p in world.proxies.values():
            p.on("*", proxy.refused)
        swap.gives.mine(3)
        swap.lock()
        swap.gives.mine(3)
        swap.gets.mine(70)
        for p in world.proxies.values():
            p.off()
        swap.until_dest_locked()
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        swap.settled(gain)


BAD_ANSWERS = {
    "garbage": proxy.answers(b"\x00\xff<html>no</html>"),
    "empty": proxy.answers(b""),
    "brackets": proxy.answers(proxy.BRACKETS),
    "wrong types": proxy.answers(b'{"jsonrpc":"2.0","id":1,"result":{"blocks":"1e400","hash":[[[]]],"number":-1}}'),
    "half": proxy.half,
    "cut": proxy.refused,
    "never": proxy.never,
}


def bad_answers(world, source):
    """Garbage, half an answer, a megabyte of brackets, no answer: the daemon says so, stays up, and goes on where it was."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        swap.claim()
        swap.wait("claiming")
        swap.gets.mine(4)
        for name, rule in BAD_ANSWERS.items():
            world.proxies[source].on("*", rule)
            world.provider.wait(f"a word on {name}", lambda: (
                node := world.provider.layers()[source]["node"])["last_error"] and not node["up"])
            assert swap.state() == "claiming"
            world.provider.wait("a word in /readyz", lambda: not is_ready(world))
            assert swap.state() == "claiming" and world.provider.daemon.poll() is None
            world.proxies[source].off()
            world.provider.wait_ready()
        swap.finish()
        swap.settled(gain)


def lying_logs(world, source):
    """A node whose events are not those of the block, or of another contract, is not believed (HAZARDS 34)."""
    if source != "rootstock":
        return
    with world.money():
        swap = Swap(world, source)
        evm = world.rootstock
        evm.send(evm.stranger, evm.stranger)
        block = evm.rpc.eth_getBlockByNumber("latest", True)
        other = block["transactions"][0]["hash"]
        word = lambda text: "0x" + text.lower().removeprefix("0x").rjust(64, "0")
        log = {"address": evm.contract, "blockHash": None, "blockNumber": None, "transactionHash": "0x" + "77" * 32,
               "transactionIndex": "0x0", "logIndex": "0x0", "removed": False,
               "topics": ["0x15b4b8206809535e547317cd5cedc86cff6e7d203551f93701786ddaf14fd9f9", "0x" + swap.hash,
                          word(world.account), word(swap.pays)],
               "data": f"0x{swap.amount:064x}{swap.timelock:064x}"}

        def forged(result, params, **change):
            at = evm.rpc.eth_getBlockByHash(params[0]["blockHash"], False)
            return [{**log, "blockHash": at["hash"], "blockNumber": at["number"], **change}]

        world.sync()
        height = evm.height()
        for change in ({}, {"transactionHash": other}, {"address": evm.stranger}):
            world.proxies["rootstock"].on("eth_getLogs", proxy.rewritten(lambda r, p, c=change: forged(r, p, **c)))
            evm.mine(3)
            time.sleep(0.3)
            layer = world.provider.layers()["rootstock"]
            assert layer["height"] == height and layer["node"]["detail"], layer
            assert swap.state() == "offered"
            world.proxies["rootstock"].off()
            world.sync()
            height = evm.height()


def books_and_chain_differ(world, source):
    """A wei or satoshi less on the chain than in the books: no new business, claims go on; the operator may go on once they
    agree again, and not before (HAZARDS 35, 53)."""
    with world.money() as gain:
        swap, waiting = Swap(world, source), Swap(world, source)
        swap.until_locked()
        if source == "rootstock":
            world.proxies[source].on("eth_getBalance", proxy.rewritten(lambda r, p: hex(int(r, 16) - 1)))
        else:
            def less(result, params):
                result["unspents"] = result["unspents"][1:]
                return result
            world.proxies[source].on("scantxoutset", proxy.rewritten(less))
        world.provider.wait("the latch", lambda: world.provider.ask("/v1/layers")["latch"]["on"])
        for what in (lambda: Swap(world, source), lambda: Swap(world, swap.dest), lambda: Payout(world, source, "0.01")):
            try:
                what()
            except HttpError as e:
                assert e.problem["code"] == "latched", e
            else:
                raise AssertionError("new business in spite of the latch")
        waiting.lock()
        waiting.gives.mine(3)
        world.sync()
        assert waiting.state() == "source_locked"
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        try:
            world.provider.ask("/v1/latch", {"on": False, "reason": "looked"}, key="a" * 20)
        except HttpError as e:
            assert e.status == 409, e
        else:
            raise AssertionError("cleared although they differ")
        world.proxies[source].off()
        world.unlatch()
        waiting.until_dest_locked()
        waiting.claim()
        waiting.gets.mine(4)
        waiting.finish()
        swap.settled(gain)
        waiting.settled(gain)


def bad_configuration(world, source):
    """Wrong password, wrong network, a contract that is none, nobody there: said clearly, nothing begun, no crash; and
    well again when it is."""
    cases = {
        "bitcoin": [("password", "nope", "ERR_DENIED"), ("bitcoin.network", "signet", "wrong network"),
                    ("bitcoin.rpc_url", "http://127.0.0.1:9", "ERR_UNAVAILABLE")],
        "rootstock": [("rootstock.network", "regtest", "wrong network"), ("rootstock.contract", "0x" + "12" * 20, "code"),
                      ("rootstock.rpc_url", "http://127.0.0.1:9", "ERR_UNAVAILABLE")],
    }[source]
    for key, value, says in cases:
        with world.make_provider() as other:
            if key == "password":
                (other.root / "password").write_text(value + "\n")
            other.start_signer()
            other.start_daemon(settings=[] if key == "password" else [f"{key}={value}"])
            log = other.root / "log"
            other.wait(f"a word on {key}", lambda: f"{source}: ERR_" in log.read_text() and other.layers())
            layer = other.layers()[source]
            assert says in log.read_text() and layer["node"]["detail"] and not layer["available"], layer
            try:
                other.ask("/v1/quotes", {"from": source, "to": OTHER[source], "source_amount": "0.01"})
            except HttpError as e:
                assert e.status == 503 and e.problem["code"] == "layer_unavailable" and e.problem["retryable"], e
            else:
                raise AssertionError("a quote without a layer")
            assert other.daemon.poll() is None
            if key == "rootstock.network" or key == "bitcoin.network":
                continue  # the books are of that network now
            (other.root / "password").write_text("p\n")
            other.end_daemon()
            other.start_daemon()
            other.wait_ready()


def far_future(world, source):
    """Clocks jump past 2038 (HAZARDS 5): time locks are heights, nothing opens early, nothing is stuck."""
    with world.money() as gain:
        swap = Swap(world, source)
        swap.until_locked()
        if not world.jumped:
            world.jumped = True
            world.rootstock.rpc.evm_increaseTime(hex(20 * 365 * 86400))
            world.bitcoin.rpc.setmocktime(2**31 + 1000000)
        swap.gives.mine(2)
        swap.gets.mine(2)
        world.sync()
        assert swap.state() == "dest_locked"
        swap.claim()
        swap.gets.mine(4)
        swap.finish()
        swap.settled(gain)


def deep_reorganisation(world, source):
    """Deeper than what was called final: latched, and a person looks. Bitcoin Core brings the payout back by itself; on
    Rootstock a replacement takes its place. Then books and chain agree again, and the latch may be cleared."""
    with world.money() as gain:
        paid = Payout(world, source, "0.0102")
        paid.sent()
        paid.side.mine(6)
        paid.wait("final")
        world.reorg(source, 6)
        world.provider.wait("the latch", lambda: "final depth" in str(world.provider.ask("/v1/layers")["latch"]["reason"]))
        assert paid.now()["state"] == "sent" and paid.arrived() == 0
        paid.sent(2 if source == "rootstock" else 1)
        paid.side.mine(6)
        paid.wait("final")
        assert paid.arrived() == paid.amount
        gain[source] = -paid.amount
        world.sync()
        world.unlatch()


def old_backup(world, source):
    """The daemon comes back from a backup that knows nothing of a payout (HAZARDS 45): it notices what its keys signed, and
    stops before it pays anything again."""
    data = world.provider.root / "data"
    world.provider.end_daemon()
    shutil.copytree(data, world.provider.root / "backup", dirs_exist_ok=True)
    world.start_daemon()
    # before the payout, after the backup
    before = world.side(source).holds(*(world.scripts if source == "bitcoin" else [world.account]))
    paid = Payout(world, source, "0.0103")
    paid.sent()
    paid.side.mine(6)
    paid.wait("final")
    world.provider.end_daemon()
    shutil.rmtree(data)
    shutil.move(world.provider.root / "backup", data)
    world.start_daemon()
    world.provider.wait("the latch", lambda: world.provider.ask("/v1/layers")["latch"]["on"])
    try:
        paid.ask()
    except HttpError as e:
        assert e.problem["code"] == "latched", e
    else:
        raise AssertionError("paid again")
    paid.side.mine(6)
    assert paid.arrived() == paid.amount
    after = paid.side.holds(*(world.scripts if source == "bitcoin" else [world.account]))
    assert before - after > paid.amount
    assert units(source, world.provider.balances()[source]["suspense:missing"]) > 0
    world.sync()

    def explained():
        # on Rootstock the books can only know the fee of a transaction that is not theirs: reconciliation says the rest
        books, = [b for b in world.provider.ask("/v1/accounts")["layers"] if b["layer"] == source]
        found = world.provider.layers()[source]["reconciliation"]
        less = units(source, found["difference"]) * (1 if found["missing"] else -1)
        return found["height"] == paid.side.height() and units(source, books["custody"]) - less == after
    world.provider.wait("an explanation", explained)


TESTS = [answer_lost, node_restarted, daemon_restarted, away, away_too_long, away_reorganised, errors_are_no_reorganisation, missed_blocks,
         bad_answers, lying_logs, books_and_chain_differ, bad_configuration, far_future, deep_reorganisation]


def main():
    run = peers.tool(sys.argv[1])
    with World(run, sys.argv[2], ["bitcoin.rpc_timeout_ms=1000", "rootstock.rpc_timeout_ms=1000"]) as world:
        world.jumped = False
        run_tests([(f"{test.__name__}[{source}]", lambda test=test, source=source: test(world, source))
                   for test in TESTS for source in OTHER])
    for source in OTHER:
        with World(run, sys.argv[2]) as world:
            run_tests([(f"old_backup[{source}]", lambda source=source: old_backup(world, source))])
    print("ok")


main()
