#!/usr/bin/env python3
"""Test vectors for src/btc/descriptor: check sums, addresses and refusals of Bitcoin Core.   descriptor.py BITCOIND OUT_JSON"""
import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/live"))
import peers  # noqa: E402

P = 2**256 - 2**32 - 977
N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141
G = (0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798,
     0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8)


def draw(label):
    """Looks random and never changes."""
    return hashlib.sha256(f"sluice vector {label}".encode()).digest()


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def point(label):
    k, result, step = int.from_bytes(draw(label), "big") % N, None, G
    while k:
        result = add(result, step) if k & 1 else result
        step, k = add(step, step), k >> 1
    return result


def compressed(label):
    x, y = point(label)
    return bytes([2 + (y & 1)]) + x.to_bytes(32, "big")


def base58check(payload):
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    n, text = int.from_bytes(data, "big"), ""
    while n:
        n, digit = divmod(n, 58)
        text = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def tpub(label):
    return base58check(bytes.fromhex("043587cf") + bytes(9) + draw(f"{label} chain") + compressed(label))


K = [compressed(f"key {i}").hex() for i in range(21)]
FULL = "04" + "".join(v.to_bytes(32, "big").hex() for v in point("key 0"))
X = [tpub(f"xpub {i}") for i in range(4)]
A = "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6"
multi = ",".join(K[:3])
VALID = [
    f"pk({K[0]})", f"pk({FULL})", f"pkh({K[0]})", f"pkh({FULL})", f"wpkh({K[1]})", f"sh(wpkh({K[1]}))", f"sh(pk({K[2]}))",
    f"sh(pkh({K[2]}))", f"wsh(pk({K[2]}))", f"wsh(pkh({K[2]}))", f"sh(wsh(pkh({K[2]})))", f"multi(1,{K[0]},{K[1]})",
    f"sortedmulti(2,{multi})", f"sh(multi(2,{multi}))", f"sh(sortedmulti(2,{multi}))", f"wsh(multi(3,{multi}))",
    f"wsh(sortedmulti(1,{multi}))", f"sh(wsh(sortedmulti(2,{multi})))", f"wsh(multi(20,{','.join(K[:20])}))",
    f"wsh(sortedmulti(17,{','.join(K[:20])}))", f"sh(multi(15,{','.join(K[:15])}))", f"sh(multi(1,{FULL},{K[1]}))",
    f"tr({K[0][2:]})", f"tr({K[0]})", f"tr({K[0][2:]},pk({K[1][2:]}))", f"tr({X[0]}/0/*,pk({X[1]}/1/*))",
    f"tr({K[0][2:]},{{pk({K[1][2:]}),pk({K[2]})}})",
    f"tr({K[0][2:]},{{pk({K[1][2:]}),{{pk({K[2][2:]}),pk({K[3][2:]})}}}})",
    f"tr({K[0][2:]},{{{{pk({K[1][2:]}),pk({K[2][2:]})}},{{pk({K[3][2:]}),pk({K[4][2:]})}}}})",
    f"tr({X[0]}/*,{{sortedmulti_a(2,{X[1]}/*,{X[2]}/*,{X[3]}/*),multi_a(1,{K[0][2:]},{K[1]})}})",
    f"tr({K[0][2:]},multi_a(20,{','.join(k[2:] for k in K[:20])}))",
    f"wpkh({X[0]}/0/*)", f"wpkh([deadbeef/84'/1h/0h]{X[0]}/1/*)", f"pkh({X[0]})", f"pkh({X[0]}/2147483647)",
    f"sh(wpkh([00000000]{X[1]}/1/2/3/*))", f"wsh(sortedmulti(2,{X[0]}/0/*,{X[1]}/0/*,{X[2]}/0/*))",
    f"wsh(multi(2,[aabbccdd/48'/1'/0'/2']{X[0]}/<0;1>/*,{X[1]}/<5;7>/*,{K[3]}))", f"tr({X[0]}/<0;1>/*)",
    f"wpkh({X[0]}/<0;1;2147483647>/5/*)", f"sh(wsh(sortedmulti(1,{X[0]}/<1;0>,{X[1]}/3)))", f"addr({A})",
    "addr(2N3oefVeg6stiTb5Kh3ozCSkaqmx91FDbsm)", "raw(6a)", f"raw(76a914{'00' * 20}88ac)",
]
INVALID = [
    "", "wpkh", "wpkh()", f"wpkh({K[0]}", f"wpkh({K[0]}))", f"wpkh({K[0]}) ", f"wpkh({FULL})", f"wsh(pk({FULL}))",
    f"sh(wpkh({FULL}))", f"wpkh({K[0][2:]})", f"wpkh({K[0]}/0)", f"wpkh(02{'ff' * 32})", f"pk(03{'00' * 32})", f"sh({K[0]})",
    f"sh(sh(pk({K[0]})))", f"wsh(wsh(pk({K[0]})))", f"wsh(sh(pk({K[0]})))", f"wsh(wpkh({K[0]}))", f"tr(tr({K[0][2:]}))",
    f"sh(tr({K[0][2:]}))", f"sh(addr({A}))", f"multi(2,{K[0]})", f"multi(0,{K[0]})", f"multi({K[0]})", f"multi(a,{K[0]})",
    f"multi(1,{','.join(K[:4])})", f"sh(multi(1,{','.join(K[:16])}))", f"sh(multi(1,{','.join([FULL] * 8)}))",
    f"wsh(multi(1,{','.join(K[:21])}))", f"wsh(multi(1))", f"multi_a(1,{K[0]})", f"tr({K[0][2:]},multi(1,{K[1]}))",
    f"tr({K[0][2:]},pkh({K[1][2:]}),)", f"tr({K[0][2:]},{{pk({K[1][2:]})}})", f"tr({K[0][2:]},{{pk({K[1][2:]}),}})",
    f"tr({K[0][2:]},)", f"tr({K[0][2:]},pk({FULL}))", f"tr({FULL})", f"tr({K[0][2:]},{{pk({K[1][2:]}),pk({K[2][2:]}))",
    f"wpkh({X[0]}/)", f"wpkh({X[0]}/2147483648)", f"wpkh({X[0]}/-1)", f"wpkh({X[0]}/a)", f"wpkh({X[0]}/*/0)", f"wpkh({X[0]}//0)",
    f"wpkh({X[0]}/<0>/*)", f"wpkh({X[0]}/<0;0>/*)", f"wpkh({X[0]}/<0;1>/<0;1>/*)",
    f"wpkh({X[0]}/<0;1/*)", f"wpkh({X[0]}/0;1>/*)", f"wpkh({X[0]}/<;>/*)", f"wsh(multi(1,{X[0]}/<0;1>/*,{X[1]}/<0;1;2>/*))",
    f"wpkh([deadbee/0]{K[0]})", f"wpkh([deadbeef0/0]{K[0]})", f"wpkh([deadbeeg]{K[0]})", f"wpkh([deadbeef{K[0]})",
    f"wpkh([deadbeef/]{K[0]})", f"wpkh(deadbeef]{K[0]})", f"wpkh([deadbeef][deadbeef]{K[0]})", f"wpkh([deadbeef/2147483648]{K[0]})",
    f"wpkh({X[0][:-1]}1)", f"addr({A[:-1]}q)", "addr()", f"addr({A}", "raw(6)", "raw(zz)", f"wpkh({K[0]})#", f"wpkh({K[0]})#qqqqqqqq",
    f"wpkh({K[0]})#qqqqqqq", f"wpkh({K[0]})##",
]


def addresses(rpc, text, ranged):
    try:
        found = rpc.deriveaddresses(text, [0, 2]) if ranged else rpc.deriveaddresses(text)
    except peers.RpcError as e:
        if "corresponding address" not in e.message:
            raise
        return None
    return found if isinstance(found[0], list) else [found]


def main(bitcoind, out):
    peers.BITCOIND = pathlib.Path(bitcoind)
    with peers.folder("descriptor") as path:
        node = peers.BitcoinNode(path)
        node.made = True  # no wallet is needed
        node.start()
        valid = []
        try:
            for text in VALID:
                info = node.rpc.getdescriptorinfo(text)
                whole = f"{text}#{info['checksum']}"
                valid.append({"text": whole, "ranged": info["isrange"], "addresses": addresses(node.rpc, whole, info["isrange"])})
            for text in INVALID:
                try:
                    node.rpc.getdescriptorinfo(text)
                    sys.exit(f"Bitcoin Core takes {text}")
                except peers.RpcError:
                    pass
        finally:
            node.stop()
    pathlib.Path(out).write_text(json.dumps({"valid": valid, "invalid": INVALID}, indent=1) + "\n")


main(*sys.argv[1:])
