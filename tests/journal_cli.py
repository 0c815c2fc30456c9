#!/usr/bin/env python3
"""`sluice journal` on a sound journal and on damaged copies: journal_cli.py SLUICE JOURNAL_TOOL

What it says as text and as JSON, its exit statuses, and that it changes no file. That every field is found
is store/journal_read_test.c's.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

RECORDS = 60
sluice, tool = sys.argv[1:]


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def run(*words):
    return subprocess.run([sluice, "journal", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def sound(folder):
    before = files(folder)
    text, stat, dump = run("verify", folder), run("stat", folder), run("dump", folder)
    check(text.returncode == stat.returncode == dump.returncode == 0, (text, stat, dump))
    check(text.stdout == f"{folder}: good\n", text)
    check(f"records    {RECORDS}, 1 to {RECORDS}\n" in stat.stdout, stat)
    check(len(dump.stdout.splitlines()) == RECORDS, dump)
    lines = [json.loads(line) for line in run("dump", folder, "--json").stdout.splitlines()]
    check([line["sequence"] for line in lines] == list(range(1, RECORDS + 1)), lines)
    report = json.loads(run("verify", "--json", folder).stdout)
    check(report["verdict"] == "good" and report["records"] == RECORDS and "damage" not in report, report)
    check(files(folder) == before, "a file was changed")
    return lines


def damaged(folder, lines, copy):
    """A bit of a record in the middle: named, with what is behind it."""
    shutil.copytree(folder, copy)
    hit = lines[RECORDS // 2]
    path = copy / f"{hit['segment']:010}.seg"
    content = bytearray(path.read_bytes())
    content[hit["group_offset"] + 144 + 20] ^= 4  # the first byte of the group's first record's payload
    path.write_bytes(content)
    before = files(copy)
    text, report, dump = run("verify", copy), json.loads(run("verify", copy, "--json").stdout), run("dump", copy)
    check(text.returncode == dump.returncode == 1 and text.stdout == "", text)
    first = min(line["sequence"] for line in lines if line["group_offset"] == hit["group_offset"]
                and line["segment"] == hit["segment"])
    check(report["verdict"] == "damaged" and report["last_sequence"] == first - 1, report)
    damage = report["damage"]
    check((damage["segment"], damage["offset"]) == (hit["segment"], hit["group_offset"]), damage)
    check(damage["record"] == first and damage["record_offset"] == hit["group_offset"] + 144, damage)
    check(damage["behind"]["last_sequence"] == RECORDS, damage)
    for words in (f"segment {hit['segment']}, offset {hit['group_offset']}", f"record {first}, at offset",
                  f"up to {first - 1}", f"to {RECORDS}"):
        check(words in text.stderr, (words, text.stderr))
    check(len(dump.stdout.splitlines()) == first - 1, "what is sound is listed")
    check(files(copy) == before, "a file was changed")


def repaired(folder, lines, broken):
    """Nothing is changed before --apply; then the journal is what it was, and the damaged file is beside it."""
    before = files(broken)
    plan = run("repair", broken, "--from", folder)
    check(plan.returncode == 0 and "with records" in plan.stdout and "--apply" in plan.stdout, plan)
    report = json.loads(run("repair", broken, "--from", folder, "--json").stdout)
    hit = lines[RECORDS // 2]
    piece, = report["pieces"]
    check(report["verdict"] == "restorable" and report["last_sequence"] == RECORDS, report)
    check((piece["segment"], piece["offset"]) == (hit["segment"], hit["group_offset"]), piece)
    check(piece["first_sequence"] <= hit["sequence"] <= piece["last_sequence"], piece)
    check(files(broken) == before, "a file was changed")
    again = run("repair", "--from", folder, "--apply", broken)
    check(again.returncode == 0 and "restored, and good" in again.stdout, again)
    name = f"{hit['segment']:010}.seg"
    check(files(broken) == {**files(folder), f"{name}.damaged-1": before[name]}, "not what it was")
    check("nothing is to be restored" in run("repair", broken, "--from", folder).stdout, "once more")


def main():
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        subprocess.run([tool, "make", root / "j", str(RECORDS)], check=True)
        lines = sound(root / "j")
        damaged(root / "j", lines, root / "damaged")
        repaired(root / "j", lines, root / "damaged")
        (root / "nothing").mkdir()
        for words, status in ((("verify", root / "nothing"), 2), (("verify", root / "not-there"), 1), ((), 2),
                              (("verify",), 2), (("burn", root), 2), (("stat", root / "j", "--what"), 2),
                              (("repair", root / "j"), 2), (("repair", root / "j", "--from"), 2),
                              (("repair", root / "j", "--from", root / "nothing"), 0),
                              (("repair", root / "nothing", "--from", root / "j"), 1),
                              (("repair", root / "j", "--from", root / "not-there"), 1)):
            got = run(*words)
            check(got.returncode == status and (got.stderr != "") == (status != 0), (words, got))


main()
