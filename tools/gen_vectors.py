#!/usr/bin/env python3
"""Makes the C tables of the unit tests from the vectors in tests/vectors: gen_vectors.py KIND IN OUT."""
import csv
import pathlib
import sys


def text(s):
    """A C string literal, in pieces that every compiler takes."""
    pieces = [s[i:i + 80] for i in range(0, len(s), 80)] or [""]
    return "\n\t\t".join('"' + p.replace("\\", "\\\\").replace('"', '\\"') + '"' for p in pieces)


def table(name, fields, rows):
    """fields: C declarations; rows: lists of strings, already C."""
    yield "static const struct {"
    yield from (f"\t{f};" for f in fields)
    yield f"}} {name}[] = {{"
    for row in rows:
        yield "\t{" + ",\n\t\t".join(row) + "},"
    yield "};"


def bip340(source):
    fields = [f"const char *{n}" for n in ("seckey", "pubkey", "aux", "message", "signature")]
    rows = csv.reader(source.splitlines())
    next(rows)
    yield from table("bip340_vectors", fields + ["bool valid"],
                     [[text(c) for c in r[1:6]] + [r[6].lower()] for r in rows])


KINDS = {"bip340": bip340}
kind, source, out = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
lines = KINDS[kind](source.read_text())
out.write_text("/* Made by tools/gen_vectors.py from tests/vectors. */\n" + "\n".join(lines) + "\n")
