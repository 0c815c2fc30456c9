#!/usr/bin/env python3
"""Makes the C tables of the unit tests from the vectors in tests/vectors: gen_vectors.py KIND IN OUT."""
import csv
import json
import pathlib
import sys


def text(s):
    """A C string literal, in pieces of less than a line; NULL for nothing."""
    if s is None:
        return "NULL"
    pieces = [s[i:i + 80] for i in range(0, len(s), 80)] or [""]
    return "\n\t\t".join('"' + p.replace("\\", "\\\\").replace('"', '\\"') + '"' for p in pieces)


def blob(h):
    """A struct slice of the bytes of a hex text: longer than a string literal may be."""
    pairs = [f"0x{h[i:i + 2]}" for i in range(0, len(h), 2)]
    lines = [", ".join(pairs[i:i + 15]) for i in range(0, len(pairs), 15)]
    if not pairs:
        return "{NULL, 0}"
    return "{(const uint8_t[]){" + ",\n\t\t".join(lines) + f"}}, {len(pairs)}}}"


def table(name, fields, rows):
    """fields: C declarations; rows: lists of strings, already C."""
    yield "static const struct {"
    yield from (f"\t{f};" for f in fields)
    yield f"}} {name}[] = {{"
    for row in rows:
        yield "\t{" + ",\n\t\t".join(row) + "},"
    yield "};"


def texts(*names):
    return [f"const char *{n}" for n in names]


def array(items):
    return "{" + ",\n\t\t".join(items) + "}"


def bip340(source):
    rows = csv.reader(source.splitlines())
    next(rows)
    yield from table("bip340_vectors",
                     texts("seckey", "pubkey", "aux", "message", "signature") + ["bool valid"],
                     [[text(c) for c in r[1:6]] + [r[6].lower()] for r in rows])


def postfix(tree, leaves):
    """A tree of leaves as the text "L" (the next leaf) and "+" (join the last two)."""
    if tree is None:
        return ""
    if isinstance(tree, dict):
        leaves.append(tree)
        return "L"
    return postfix(tree[0], leaves) + postfix(tree[1], leaves) + "+"


def bip341(source):
    vectors = json.loads(source)
    rows = []
    for v in vectors["scriptPubKey"]:
        given, between, want = v["given"], v["intermediary"], v["expected"]
        leaves = []
        shape = postfix(given["scriptTree"], leaves)
        hashes = between.get("leafHashes", [])
        leaf = [array([text(x["script"]), text(h), f"{x['leafVersion']}u"])
                for x, h in zip(leaves, hashes)]
        rows.append([text(given["internalPubkey"]), text(shape), array(leaf or ["{0}"]),
                     text(between["merkleRoot"]), text(want["scriptPubKey"]),
                     text(want["bip350Address"])])
    leaf_type = "struct {\n\t\tconst char *script;\n\t\tconst char *hash;\n\t\tunsigned version;\n\t} leaf[3]"
    yield from table("bip341_outputs", texts("internal", "shape") + [leaf_type]
                     + texts("root", "script_pubkey", "address"), rows)

    case, = vectors["keyPathSpending"]
    between = case["intermediary"]
    yield f"static const struct slice bip341_tx = {blob(case['given']['rawUnsignedTx'])};"
    yield from table("bip341_spent", texts("script") + ["uint64_t value"],
                     [[text(u["scriptPubKey"]), f"UINT64_C({u['amountSats']})"]
                      for u in case["given"]["utxosSpent"]])
    for name in ("Prevouts", "Amounts", "ScriptPubkeys", "Sequences", "Outputs"):
        yield f"static const char bip341_hash_{name.lower()}[] =\n\t{text(between['hash' + name])};"
    yield from table("bip341_spends", ["uint32_t input", "unsigned hash_type"]
                     + texts("seckey", "root", "tweaked", "sighash", "signature"),
                     [[str(s["given"]["txinIndex"]), str(s["given"]["hashType"]),
                       text(s["given"]["internalPrivkey"]), text(s["given"]["merkleRoot"]),
                       text(s["intermediary"]["tweakedPrivkey"]), text(s["intermediary"]["sigHash"]),
                       text(s["expected"]["witness"][0][:128])] for s in case["inputSpending"]])


def spends(source):
    rows = []
    for s in json.loads(source)["spends"]:
        witness = s["witness"] + [""] * (3 - len(s["witness"]))
        rows.append([text(s["comment"]), blob(s["tx"]), blob("".join(s["prevouts"])),
                     f"{len(s['prevouts'])}u", f"{s['index']}u", array([blob(w) for w in witness])])
    yield from table("taproot_spends", texts("name") + [
        "struct slice tx", "struct slice prevouts", "uint32_t prevout_count", "uint32_t input",
        "struct slice witness[3]"], rows)


def addresses(source):
    vectors = json.loads(source)
    names = {"main": "mainnet", "testnet4": "testnet"}
    yield from table("address_valid", texts("text", "script", "network"),
                     [[text(a), text(s), text(names.get(n, n))] for a, s, n in vectors["valid"]])
    yield "static const char *const address_invalid[] = {"
    yield from (f"\t{text(a)}," for a in vectors["invalid"] + vectors["private_keys"])
    yield "};"


def transactions(source):
    vectors = json.loads(source)
    yield from table("tx_valid", ["struct slice bytes"] + texts("txid") + ["uint64_t weight"],
                     [[blob(t), text(i), str(w)] for t, i, w in vectors["valid"]])
    yield from table("tx_bad", texts("name") + ["struct slice bytes"],
                     [[text(n), blob(t)] for n, t in vectors["bad"]])


def blocks(source):
    yield from table("block_vectors", texts("hash") + ["uint32_t tx_count", "struct slice bytes"],
                     [[text(h), str(n), blob(b)] for h, n, b in json.loads(source)["blocks"]])


def psbt(source):
    vectors = json.loads(source)
    for kind in ("valid", "invalid"):
        yield from table(f"psbt_{kind}", texts("name") + ["struct slice bytes"],
                         [[text(n), blob(b)] for n, b in vectors[kind]])
    yield from table("psbt_locktimes", ["struct slice bytes", "bool known", "uint32_t locktime"],
                     [[blob(b), str(t is not None).lower(), f"{t or 0}u"] for b, t in vectors["locktimes"]])
    for name, b in vectors["roles"].items():
        yield f"static const struct slice psbt_{name} = {blob(b)};"


def psbt_payments(source):
    yield from table("psbt_payments", texts("name") + ["struct slice unsigned_psbt", "struct slice signed_psbt[3]",
                     "struct slice extracted"],
                     [[text(p["name"]), blob(p["unsigned"]), array([blob(s) for s in p["signed"]]), blob(p["extracted"])]
                      for p in json.loads(source)["payments"]])


def uri(source):
    yield from table("bip21_vectors", texts("network", "address", "text") + ["uint64_t sat", "struct slice label, message"],
                     [[text(v[n]) for n in ("network", "address", "text")]
                      + ["UINT64_MAX" if v["sat"] is None else f"UINT64_C({v['sat']})"]
                      + [blob(v[n].encode().hex()) for n in ("label", "message")] for v in json.loads(source)["vectors"]])


def descriptors(source):
    vectors = json.loads(source)
    rows = []
    for v in vectors["valid"]:
        found = v["addresses"] or []
        rows.append([text(v["text"]), str(v["ranged"]).lower(), f"{len(found)}u",
                     array([array([text(a) for a in way]) for way in found] or ["{0}"])])
    yield from table("descriptor_valid", texts("text") + ["bool ranged", "uint32_t ways", "const char *address[3][3]"], rows)
    yield "static const char *const descriptor_invalid[] = {"
    yield from (f"\t{text(d)}," for d in vectors["invalid"])
    yield "};"


def evm_typed(source):
    numbers = ("chain_id", "nonce", "gas_limit")
    names = ("priority", "fee", "to", "value", "data", "access_list", "key", "unsigned", "signed", "hash", "from")
    yield from table("typed_vectors", ["unsigned type", "uint64_t " + ", ".join(numbers)] + texts(*(n + "_hex" for n in names)),
                     [[f"{t['type']}u"] + [f"UINT64_C({t[n]})" for n in numbers] + [text(t[n]) for n in names]
                      for t in json.loads(source)["transactions"]])


def evm_tokens(source):
    plain = ("units", "a", "b", "transfer", "approve", "balance", "allowance", "preimage", "hash", "token", "claim", "refund",
             "key", "lock_call", "claim_call", "refund_call", "swaps_call")
    logs = ("transferred", "approved", "lockup", "claimed", "refunded")
    yield from table("token_vectors", texts(*plain) + ["uint64_t timelock"] + [f"const char *{n}[2]" for n in logs],
                     [[text(t[n]) for n in plain] + [f"UINT64_C({t['timelock']})"]
                      + [array([text(t[n]["topics"]), text(t[n]["data"])]) for n in logs] for t in json.loads(source)["tokens"]])


def evm_fees(source):
    params = ("size", "base", "blob", "base_scalar", "blob_scalar")
    made = ("ecotone", "ecotone_unsigned", "fjord", "fjord_unsigned")
    yield from table("fee_vectors", ["struct slice data", "uint64_t " + ", ".join(params)] + texts(*made),
                     [[blob(f["data"])] + [f"UINT64_C({f[n]})" for n in params] + [text(f[n]) for n in made]
                      for f in json.loads(source)["fees"]])


def bolt11(source):
    vectors = json.loads(source)
    rows = []
    for v in vectors["valid"]:
        features = sum(1 << int(bit) for bit in v["features"])
        hops = [array([text(h[0])] + [f"{n}u" if n < 1 << 31 else f"UINT64_C({n})" for n in h[1:]])
                for h in v["hops"]]
        said = v["description"]
        rows.append([text(v["name"]), text(v["text"]), text(v["network"]), f"UINT64_C({v['msat']})",
                     f"{v['timestamp']}u", text(v["hash"]),
                     text(said.encode().hex() if said is not None else None), text(v["description_hash"]),
                     f"{v['expiry']}u", f"{v['cltv']}u", f"UINT64_C({features})", text(v["fallback"]),
                     text(v["metadata"]), f"{len(hops)}u", array(hops or ["{0}"])])
    hop = "struct {\n\t\tconst char *node;\n\t\tuint64_t channel;\n\t\tuint32_t base, ppm, delta;\n\t} hop[2]"
    yield from table("bolt11_valid", texts("name", "text", "network") + ["uint64_t msat", "uint64_t timestamp"]
                     + texts("hash", "description", "description_hash")
                     + ["uint64_t expiry", "uint32_t cltv", "uint64_t features"] + texts("fallback", "metadata")
                     + ["size_t hop_count", hop], rows)
    yield from table("bolt11_invalid", texts("name") + ["enum err err"] + texts("text"),
                     [[text(n), e, text(t)] for n, e, t in vectors["invalid"]])
    yield f"static const char bolt11_payee[] =\n\t{text(vectors['payee'])};"
    yield f"static const char bolt11_secret[] =\n\t{text(vectors['secret'])};"


def elements_transactions(source):
    rows = [[text(t["name"]), blob(t["tx"]), text(t["txid"]), text(t["wtxid"])]
            + [f"{t[n]}u" for n in ("weight", "vsize", "discount_weight", "discount_vsize")]
            for t in json.loads(source)["recorded"]]
    yield from table("elements_recorded", texts("name") + ["struct slice tx"] + texts("txid", "wtxid")
                     + ["uint64_t weight, vsize, discount_weight, discount_vsize"], rows)


def elements_addresses(source):
    vectors = json.loads(source)
    yield from table("elements_addresses", texts("text", "script", "blinding"),
                     [[text(c) for c in row] for row in vectors["valid"]])
    yield "static const char *const elements_not_addresses[] = {"
    yield from (f"\t{text(a)}," for a in vectors["invalid"])
    yield "};"


def elements_liquidjs(source):
    vectors = json.loads(source)
    rows = []
    for t in vectors["transactions"]:
        spent = [array([text(s[n]) for n in ("asset", "value", "script")]) for s in t["spent"]]
        rows.append([text(t["name"]), blob(t["tx"]), text(t["txid"]), text(t["wtxid"]), array(spent),
                     f"{t['input']}u", text(t["leaf"]), text(t["key_path"]), text(t["script_path"])])
    spent_type = "struct {\n\t\tconst char *asset, *value, *script;\n\t} spent[30]"
    yield from table("liquidjs_transactions", texts("name") + ["struct slice tx"] + texts("txid", "wtxid")
                     + [spent_type, "uint32_t input"] + texts("leaf", "key_path", "script_path"), rows)
    yield f"static const char liquidjs_genesis[] =\n\t{text(vectors['genesis'])};"
    yield from table("liquidjs_leaves", texts("script", "hash"),
                     [[text(x["script"]), text(x["hash"])] for x in vectors["leaves"]])
    yield f"static const char liquidjs_root[] =\n\t{text(vectors['root'])};"
    fields = ("network", "script", "blinding", "plain", "confidential")
    yield from table("liquidjs_addresses", texts(*fields),
                     [[text(a[n]) for n in fields] for a in vectors["addresses"]])


def elements_taproot(source):
    vectors = json.loads(source)
    rows = []
    for s in vectors["spends"]:
        spent = [array([text(o[n]) for n in ("asset", "value", "script")]) for o in s["spent"]]
        rows.append([text(s["name"]), blob(s["tx"]), f"{s['input']}u", array(spent), array([text(f) for f in s["fields"]]),
                     text(s["sighash"]), text(s["key"]), f"{s['vsize']}u"])
    spent_type = "struct {\n\t\tconst char *asset, *value, *script;\n\t} spent[2]"
    yield from table("elements_spends", texts("name") + ["struct slice tx", "uint32_t input", spent_type,
                     "const char *fields[9]"] + texts("sighash", "key") + ["uint64_t vsize"], rows)
    for name in ("genesis", "asset"):
        yield f"static const char elements_{name}[] =\n\t{text(vectors[name])};"
    opening = vectors["opening"]
    for name, value in opening.items():
        if name == "value":
            yield f"static const uint64_t elements_opening_value = {value}u;"
        elif name.endswith("proof"):
            yield f"static const struct slice elements_opening_{name} = {blob(value)};"
        else:
            yield f"static const char elements_opening_{name}[] =\n\t{text(value)};"
    for name, value in vectors["tree"].items():
        if isinstance(value, int):
            yield f"static const uint32_t elements_tree_{name} = {value}u;"
        else:
            yield f"static const char elements_tree_{name}[] =\n\t{text(value)};"


def elements_blinding(source):
    yield from table("elements_blinding", texts("name") + ["struct slice asked", "struct slice answered"],
                     [[text(b["name"]), blob(b["asked"]), blob(b["answered"])] for b in json.loads(source)["blinding"]])


def elements_wally(source):
    vectors = json.loads(source)
    yield from table("wally_weights", texts("name") + ["uint64_t weight, discount"],
                     [[text(x["name"]), f"{x['weight']}u", f"{x['discount']}u"] for x in vectors["weights"]])
    yield from table("wally_proofs", ["uint32_t inputs", "size_t surjection, range"],
                     [[f"{x[n]}u" for n in ("inputs", "surjection", "range")] for x in vectors["proofs"]])


def elements_commitments(source):
    """Of the same file: what blinding is tested with."""
    vectors = json.loads(source)
    fields = ("asset", "generator", "abf", "blinded", "vbf", "commitment")
    yield from table("wally_commitments", texts(*fields) + ["uint64_t value"],
                     [[text(x[n]) for n in fields] + [f"{x['value']}u"] for x in vectors["commitments"]])
    fields = ("asset", "abf", "vbf", "script", "blinding", "ephemeral", "nonce", "generator", "commitment")
    yield from table("wally_blinded", texts(*fields) + ["uint64_t value, least", "struct slice range_proof, surjection_proof",
                                                        "uint32_t input_count", "const char *input[9]"],
                     [[text(x[n]) for n in fields] + [f"{x[n]}u" for n in ("value", "least")]
                      + [blob(x["range_proof"]), blob(x["surjection_proof"]), f"{len(x['inputs'])}u",
                         array([text(g) for g in x["inputs"]])] for x in vectors["blinded"]])


def long_text(s):
    """As text(), of whatever length."""
    return text(s) if len(s) < 4000 else "(const char[]){" + ",\n\t\t".join(
        ", ".join(str(b) for b in s.encode()[i:i + 20]) for i in range(0, len(s), 20)) + ", 0}"


def exchanges(source):
    yield from table("exchanges", texts("name", "request") + ["unsigned status", "struct slice body"],
                     [[text(e["name"]), long_text(e["request"]), f"{e['status']}u", blob(e["body"].encode().hex())]
                      for e in json.loads(source)])


KINDS = {"bip340": bip340, "bip341": bip341, "spends": spends, "addresses": addresses,
         "transactions": transactions, "blocks": blocks,
         "psbt": psbt, "psbt_payments": psbt_payments, "uri": uri, "evm_typed": evm_typed, "evm_tokens": evm_tokens, "evm_fees": evm_fees, "descriptors": descriptors, "bolt11": bolt11, "elements_transactions": elements_transactions,
         "elements_addresses": elements_addresses, "elements_liquidjs": elements_liquidjs, "elements_taproot": elements_taproot,
         "elements_blinding": elements_blinding, "elements_wally": elements_wally,
         "elements_commitments": elements_commitments,
         "exchanges": exchanges}
kind, source, out = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
lines = KINDS[kind](source.read_text())
out.write_text("/* Made by tools/gen_vectors.py from tests/vectors. */\n" + "\n".join(lines) + "\n")
