#!/usr/bin/env python3
"""Weights and proofs of Elements as wallycore has them: elements_wally.py VECTORS_DIR OUT_JSON.

Weights, with ELIP 200's discount and without, of the transactions in the other vectors that wallycore reads and
writes as they are (it does not know inputs that are a peg-in and issue); sizes of real proofs by the number of inputs;
commitments; whole blinded outputs with all that they were made of.
"""
import hashlib
import json
import pathlib
import sys

import wallycore as w

INPUTS_MAX = 10  # two bytes of a bitmap


def draw(label, n=32):
    return hashlib.sha512(f"sluice vector {label}".encode()).digest()[:n]


def secret(label):
    return b"\0" + draw(label, 31)  # below the order


def weights(vectors):
    recorded = json.loads((vectors / "elements_transactions.json").read_text())["recorded"]
    made = json.loads((vectors / "elements_liquidjs.json").read_text())["transactions"]
    for t in recorded + made:
        tx = w.tx_from_hex(t["tx"], w.WALLY_TX_FLAG_USE_ELEMENTS)
        if w.tx_to_hex(tx, w.WALLY_TX_FLAG_USE_ELEMENTS | w.WALLY_TX_FLAG_USE_WITNESS) == t["tx"]:
            weight = w.tx_get_weight(tx)
            yield {"name": t["name"], "weight": weight, "discount": weight - w.tx_get_elements_weight_discount(tx, 0)}


def proofs():
    """An output that is blinded, from 1 to INPUTS_MAX inputs of its asset."""
    asset, value, script = draw("asset"), 2_099_999_999_999_999, b"\x51\x20" + draw("key")
    blinding = w.ec_public_key_from_private_key(secret("blinding"))
    for count in range(1, INPUTS_MAX + 1):
        abf = secret(f"asset blinder {count}")
        vbf = secret(f"value blinder {count}")
        generator = w.asset_generator_from_bytes(asset, abf)
        commitment = w.asset_value_commitment(value, vbf, generator)
        in_abf = [secret(f"input {count} {i}") for i in range(count)]
        generators = b"".join(w.asset_generator_from_bytes(asset, a) for a in in_abf)
        surjection = w.asset_surjectionproof(asset, abf, generator, draw(f"entropy {count}"), asset * count,
                                             b"".join(in_abf), generators)
        range_proof = w.asset_rangeproof(value, blinding, secret("ephemeral"), asset, abf, vbf, commitment, script,
                                         generator, 1, 0, 52)
        yield {"inputs": count, "surjection": len(surjection), "range": len(range_proof)}


VALUES = (1, 2, 3, 4, 1000, 100_000_000, 123_456_789, 2_099_999_999_999_999, 2_100_000_000_000_000)


def commitments():
    for i, value in enumerate(VALUES):
        asset, abf, vbf = draw(f"an asset {i}"), secret(f"abf {i}"), secret(f"vbf {i}")
        blinded = w.asset_generator_from_bytes(asset, abf)
        yield {"asset": asset.hex(), "generator": w.asset_generator_from_bytes(asset, bytes(32)).hex(), "abf": abf.hex(),
               "blinded": blinded.hex(), "value": value, "vbf": vbf.hex(),
               "commitment": w.asset_value_commitment(value, vbf, blinded).hex()}


def blinded():
    """least: what the range proof says is there at least; 0 only where nobody can spend it."""
    for i, (value, least, inputs) in enumerate(((2_099_999_999_999_999, 1, 1), (12345, 1, 3), (0, 0, 9))):
        asset, abf, vbf, blinding, ephemeral = (draw(f"asset of {i}"), *(secret(f"{n} of {i}") for n in (
            "abf", "vbf", "blinding", "ephemeral")))
        script = b"\x51\x20" + draw(f"key of {i}") if least else b"\x6a"
        generator = w.asset_generator_from_bytes(asset, abf)
        commitment = w.asset_value_commitment(value, vbf, generator)
        receiver = w.ec_public_key_from_private_key(blinding)
        in_abf = [secret(f"input {k} of {i}") for k in range(inputs)]
        in_generators = [w.asset_generator_from_bytes(asset, a) for a in in_abf]
        proof = w.asset_rangeproof(value, receiver, ephemeral, asset, abf, vbf, commitment, script, generator, least, 0, 52)
        surjection = w.asset_surjectionproof(asset, abf, generator, draw(f"entropy of {i}"), asset * inputs,
                                             b"".join(in_abf), b"".join(in_generators))
        yield {"asset": asset.hex(), "abf": abf.hex(), "vbf": vbf.hex(), "value": value, "least": least,
               "script": script.hex(), "blinding": blinding.hex(), "ephemeral": ephemeral.hex(),
               "nonce": w.ecdh_nonce_hash(receiver, ephemeral).hex(), "generator": generator.hex(),
               "commitment": commitment.hex(), "range_proof": proof.hex(), "surjection_proof": surjection.hex(),
               "inputs": [g.hex() for g in in_generators]}


if __name__ == "__main__":
    made = {"weights": list(weights(pathlib.Path(sys.argv[1]))), "proofs": list(proofs()),
            "commitments": list(commitments()), "blinded": list(blinded())}
    pathlib.Path(sys.argv[2]).write_text(json.dumps(made, indent=1) + "\n")
