#!/usr/bin/env python3
"""Payments that we blinded, opened and verified by wallycore, which is libsecp256k1-zkp.

    blinding.py BLIND_TOOL
Exit status 77: no wallycore here (tools/peers/wally.sh).
"""
import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUNDS = 8

LOOK = '''
import sys, wallycore as w

def look(raw, key, value):
    tx = w.tx_from_hex(raw, w.WALLY_TX_FLAG_USE_ELEMENTS)
    assert w.tx_to_hex(tx, w.WALLY_TX_FLAG_USE_ELEMENTS | w.WALLY_TX_FLAG_USE_WITNESS) == raw
    assert w.tx_get_num_outputs(tx) == 4
    for i, want in ((0, value), (2, 0)):
        script, generator = w.tx_get_output_script(tx, i), w.tx_get_output_asset(tx, i)
        got, asset, abf, vbf = w.asset_unblind(w.tx_get_output_nonce(tx, i), key, w.tx_get_output_rangeproof(tx, i),
                                               w.tx_get_output_value(tx, i), script, generator)
        assert got == want, (got, want)
        # of one explicit input: there it is known which asset it has to be
        assert w.explicit_surjectionproof_verify(w.tx_get_output_surjectionproof(tx, i), asset, generator) is None
        assert w.asset_generator_from_bytes(asset, abf) == generator
        assert w.asset_value_commitment(got, vbf, generator) == w.tx_get_output_value(tx, i)
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


def main(tool):
    wally = subprocess.run([ROOT / "tools/peers/wally.sh"], stdout=subprocess.PIPE, text=True, check=False)
    if wally.returncode != 0:
        return 77
    for i in range(ROUNDS):
        made = subprocess.run([tool, hashlib.sha256(f"blinding {i}".encode()).hexdigest()], stdout=subprocess.PIPE,
                              text=True, check=True).stdout
        subprocess.run([wally.stdout.strip(), "-c", LOOK], input=made, text=True, check=True)
    print(f"{ROUNDS} payments opened and verified")
    return 0


sys.exit(main(*sys.argv[1:]))
