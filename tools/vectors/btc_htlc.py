#!/usr/bin/env python3
"""The swap tree of src/btc/htlc.h computed a second time, from BIP-340 and BIP-341 alone.

btc_htlc.py bitcoin|elements [TEST.c]: prints the output script, by that chain's rules, of the terms that
src/btc/htlc_test.c and src/wire/elements_sighash_test.c use; with one of these as argument it fails where the
file expects another. Slow and not constant time: for vectors only.
"""
import hashlib
import pathlib
import sys

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)
H = 0x50929B74C1A04954B78B4B6035E97A5E078A5A0F28EC96D547BFEE9ACE803AC0


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if a[1] != b[1]:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def mul(k, point):
    out = None
    while k:
        if k & 1:
            out = add(out, point)
        point, k = add(point, point), k >> 1
    return out


def lift_x(x):
    y = pow(x**3 + 7, (P + 1) // 4, P)
    assert y * y % P == (x**3 + 7) % P
    return x, y if y % 2 == 0 else P - y


def tagged(tag, data):
    t = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(t + t + data).digest()


def number(n):
    if n <= 16:
        return bytes([0x50 + n])
    b = n.to_bytes(n.bit_length() // 8 + 1, "little")
    return bytes([len(b)]) + b


RULES = {"bitcoin": ("", 0xC0), "elements": ("/elements", 0xC4)}  # after each tag, and the version of leaves


def leaf(rules, script):
    return tagged("TapLeaf" + rules[0], bytes([rules[1], len(script)]) + script)


def branch(rules, a, b):
    return tagged("TapBranch" + rules[0], min(a, b) + max(a, b))


def output_script(rules, h, claim, refund, client, provider, height):
    terms = h + claim + refund + client + provider + height.to_bytes(4, "little")
    internal = add(lift_x(H), mul(int.from_bytes(tagged("sluice/htlc", terms), "big"), G))
    claim_leaf = leaf(rules, bytes.fromhex("82012088a820") + h + b"\x88\x20" + claim + b"\xac")
    refund_leaf = leaf(rules, b"\x20" + refund + b"\xad" + number(height) + b"\xb1")
    cooperative_leaf = leaf(rules, b"\x20" + client + b"\xad\x20" + provider + b"\xac")
    root = branch(rules, claim_leaf, branch(rules, refund_leaf, cooperative_leaf))
    x = internal[0].to_bytes(32, "big")
    tweak = int.from_bytes(tagged("TapTweak" + rules[0], x + root), "big")
    return b"\x51\x20" + add(lift_x(internal[0]), mul(tweak, G))[0].to_bytes(32, "big")


def key(n):
    return mul(n, G)[0].to_bytes(32, "big")


if __name__ == "__main__":
    preimage = bytes([1, 2, 3]) + bytes(29)
    script = output_script(RULES[sys.argv[1]], hashlib.sha256(preimage).digest(), key(2), key(3), key(3), key(2), 840000).hex()
    print(script)
    if len(sys.argv) > 2 and script not in pathlib.Path(sys.argv[2]).read_text():
        sys.exit(f"{sys.argv[2]} expects another script")
