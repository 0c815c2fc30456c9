#!/usr/bin/env python3
"""Blinding in both directions, held against wallycore, which is libsecp256k1-zkp: payments that we blinded are opened
and verified there; confidential coins that it made for our address are opened and spent here, and it checks the spend.

    blinding.py BLIND_TOOL
Exit status 77: no wallycore here (tools/peers/wally.sh).
"""
import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUNDS = 8

OPEN = '''
def opened(tx, i, key):
    """What output i holds; its proof is good for its script."""
    generator = w.tx_get_output_asset(tx, i)
    got, asset, abf, vbf = w.asset_unblind(w.tx_get_output_nonce(tx, i), key, w.tx_get_output_rangeproof(tx, i),
                                           w.tx_get_output_value(tx, i), w.tx_get_output_script(tx, i), generator)
    assert w.asset_generator_from_bytes(asset, abf) == generator
    assert w.asset_value_commitment(got, vbf, generator) == w.tx_get_output_value(tx, i)
    return got, asset, abf, vbf

def read(raw, outputs):
    tx = w.tx_from_hex(raw, w.WALLY_TX_FLAG_USE_ELEMENTS)
    assert w.tx_to_hex(tx, w.WALLY_TX_FLAG_USE_ELEMENTS | w.WALLY_TX_FLAG_USE_WITNESS) == raw
    assert w.tx_get_num_outputs(tx) == outputs
    return tx
'''

LOOK = '''
import sys, wallycore as w
''' + OPEN + '''
def look(raw, key, value):
    tx = read(raw, 4)
    for i, want in ((0, value), (2, 0)):
        got, asset, abf, vbf = opened(tx, i, key)
        assert got == want, (got, want)
        # of one explicit input: there it is known which asset it has to be
        generator = w.tx_get_output_asset(tx, i)
        assert w.explicit_surjectionproof_verify(w.tx_get_output_surjectionproof(tx, i), asset, generator) is None
        wrong = bytearray(w.tx_get_output_surjectionproof(tx, i))
        wrong[40] ^= 1
        try:
            w.explicit_surjectionproof_verify(bytes(wrong), asset, generator)
        except (ValueError, RuntimeError):
            continue
        raise AssertionError("a changed proof was taken")

raw, key, value = sys.stdin.read().split()
look(raw, bytes.fromhex(key), int(value))
'''

COIN = '''
import hashlib, subprocess, sys, wallycore as w
''' + OPEN + '''
tool, seed = sys.argv[1:]

def draw(what):
    return b"\\0" + hashlib.sha256(f"{seed} {what}".encode()).digest()[:31]

def run(*args, put=None):
    return subprocess.run([tool, *args], input=put, stdout=subprocess.PIPE, text=True, check=False).stdout.split()

def make(asset, abf, point, script):
    """A confidential output to this address, as a wallet makes it: its four fields, in hex."""
    generator = w.asset_generator_from_bytes(asset, abf)
    commitment = w.asset_value_commitment(value, vbf, generator)
    proof = w.asset_rangeproof(value, point, draw("ephemeral"), asset, abf, vbf, commitment, script, generator, 1, 0, 52)
    nonce = w.ec_public_key_from_private_key(draw("ephemeral"))
    return generator, commitment, " ".join(x.hex() for x in (generator, commitment, nonce, proof))

value, abf, vbf = 5000 + int.from_bytes(draw("value")[:7], "big") % 10 ** 14, draw("abf"), draw("vbf")
address, asset, genesis = run("address")
asset, genesis = bytes.fromhex(asset), bytes.fromhex(genesis)
point = w.confidential_addr_segwit_to_ec_public_key(address, "el")
plain = w.confidential_addr_to_addr_segwit(address, "el", "ert")
script = w.addr_segwit_to_bytes(plain, "ert", 0)
generator, commitment, output = make(asset, abf, point, script)
got, got_asset, got_abf, got_vbf, raw, key, change, message = run("spend", seed, put=output)
assert (int(got), got_asset, got_abf, got_vbf) == (value, asset.hex(), abf.hex(), vbf.hex())

# the change is ours, and what hides it is what the coin's blinders leave
tx = read(raw, 3)
held, held_asset, held_abf, held_vbf = opened(tx, 1, bytes.fromhex(key))
assert (held, held_asset) == (int(change), asset)
assert w.asset_final_vbf([value, held], 1, abf + held_abf, vbf) == held_vbf

# what is signed commits to the coin's commitments
maps = []
for item in (script, generator, commitment):
    maps.append(w.map_init(1, None))
    w.map_add_integer(maps[-1], 0, item)
want = w.tx_get_input_signature_hash(tx, 0, *maps, None, 0, w.WALLY_NO_CODESEPARATOR, None, genesis, 0,
                                     w.WALLY_SIGTYPE_SW_V1, None)
assert want.hex() == message, (want.hex(), message)

# of another asset it is opened as what it is; for another key, or another script, not at all
other = bytes(x ^ 1 for x in asset)
assert run("spend", seed, put=make(other, abf, point, script)[2])[1] == other.hex()
stranger = w.ec_public_key_from_private_key(draw("stranger"))
assert run("spend", seed, put=make(asset, abf, stranger, script)[2]) == ["not", "ours"]
assert run("spend", seed, put=make(asset, abf, point, script[:-1] + b"x")[2]) == ["not", "ours"]
'''


def main(tool):
    wally = subprocess.run([ROOT / "tools/peers/wally.sh"], stdout=subprocess.PIPE, text=True, check=False)
    if wally.returncode != 0:
        return 77
    python = wally.stdout.strip()
    for i in range(ROUNDS):
        seed = hashlib.sha256(f"blinding {i}".encode()).hexdigest()
        made = subprocess.run([tool, "pay", seed], stdout=subprocess.PIPE, text=True, check=True).stdout
        subprocess.run([python, "-c", LOOK], input=made, text=True, check=True)
        subprocess.run([python, "-c", COIN, tool, seed], check=True)
    print(f"{ROUNDS} payments opened and verified there, {ROUNDS} coins made there and spent here")
    return 0


sys.exit(main(*sys.argv[1:]))
