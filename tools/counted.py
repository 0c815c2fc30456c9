#!/usr/bin/env python3
"""Instructions of the hot operations, by callgrind, against bench/baseline/counted.json.

    tools/counted.py BUILDDIR/bench/counted BASELINE [--record] [--buildtype TYPE]

Counts, not times: a regression shows on the busiest machine. An operation may take
TOLERANCE more than recorded, or half an instruction; --record writes the counts of now.
Skipped (77): no valgrind, or another compiler, C library or kind of build than the baseline's.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = 0.01
HALF = 0.5  # of an instruction: operations that take few
BUILDTYPE = "debugoptimized"
# One CPU, so that nothing spins here that would not elsewhere. The C library picks its memcpy by the CPU: everywhere the one that every x86-64 has.
PINNED = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM"


def skip(why):
    print(why)
    sys.exit(77)


def listing(program):
    lines = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.splitlines()
    return lines[0], [(name, int(rounds)) for name, rounds in (line.split("\t") for line in lines[1:])]


def count(program, ops):
    """Instructions of each operation: warm, n and 2n runs of it are a dump each, in order."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--quiet", "--toggle-collect=counted_collect",
             "--dump-after=counted_collect", f"--callgrind-out-file={folder}/out", program],
            env=os.environ | {"GLIBC_TUNABLES": PINNED}, capture_output=True, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}))
        if run.returncode:
            sys.exit(f"valgrind: exit status {run.returncode}\n{run.stdout}{run.stderr}")
        totals = {}
        for part in pathlib.Path(folder).iterdir():
            text = part.read_text()
            number = re.search(r"^part: (\d+)", text, re.M)
            if number and "--dump-after" in text:
                totals[int(number[1])] = int(re.search(r"^(?:totals|summary): (\d+)", text, re.M)[1])
    dumps = [totals[number] for number in sorted(totals)]
    if len(dumps) != 3 * len(ops):
        sys.exit(f"{len(dumps)} dumps for {len(ops)} operations")
    return {name: round((dumps[3 * i + 2] - dumps[3 * i + 1]) / rounds, 2)
            for i, (name, rounds) in enumerate(ops)}


def compare(base, now):
    bad = []
    for name in base.keys() | now.keys():
        if name not in now or name not in base:
            bad.append(f"{name}: in one of baseline and program only")
        elif now[name] > base[name] + max(HALF, base[name] * TOLERANCE):
            bad.append(f"{name}: {now[name]} instructions, {base[name]} recorded")
        elif now[name] < base[name] - max(HALF, base[name] * TOLERANCE):
            print(f"{name}: {now[name]} instructions, fewer than the {base[name]} recorded (--record)")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("baseline", type=pathlib.Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--buildtype", default=BUILDTYPE)
    args = parser.parse_args()
    if not shutil.which("valgrind"):
        skip("valgrind is not installed")
    if os.uname().machine != "x86_64" or args.buildtype != BUILDTYPE:
        skip(f"counts are of x86_64, built as {BUILDTYPE}")
    built, ops = listing(args.program)
    known = json.loads(args.baseline.read_text()) if args.baseline.exists() else {}
    if not args.record and known.get("built") != built:
        skip(f"built with {built}; the baseline is of {known.get('built')}")
    if args.record and "sanitized" in built:
        sys.exit("sanitizers count, too: record another build")
    now = count(args.program, ops)
    if args.record:
        args.baseline.write_text(json.dumps({"built": built, "instructions": now}, indent=1) + "\n")
        return
    for name, instructions in now.items():
        print(f"{instructions:10.2f}  {name}")
    bad = compare(known["instructions"], now)
    for line in bad:
        print(line)
    sys.exit(1 if bad else 0)


main()
