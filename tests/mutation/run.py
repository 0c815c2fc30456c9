#!/usr/bin/env python3
"""Takes one defence after the other out of a copy of the sources: the test that is there for it must fail.

    run.py SOURCE_ROOT [NAME...] [--keep DIR] [--list]

mutations.txt says what is taken out: rows of docs/testing.md's table of hazards. A text that is not there exactly once, a
copy that does not build, a test that fails without the mutation, and one that passes with it: each fails the run. The copy
is built once, and again for each mutation as far as its test needs it.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
COPIED = ("meson.build", "meson_options.txt", "src", "bin", "bench", "contracts", "docs", "fuzz", "include", "tests", "tools")
TIMEOUT_FACTOR = "4"


class Mutation:
    """row: of the table of hazards. switch: of src/base/mutant.h, or None. edits: (file, text, what takes its place).
    test: meson's name of it."""

    def __init__(self, head):
        self.row, self.test, self.name = (part.strip() for part in head.split("|"))
        self.switch, self.edits = None, []


def read_table(path):
    """Blocks that begin with "# row | test | name", then "= SWITCH", or for each edit: "@ file", lines with - (there
    now, exactly once) and lines with + (instead). Other lines are comments."""
    table = []
    for line in path.read_text().split("\n"):
        if line.startswith("# "):
            table.append(Mutation(line[2:]))
        elif line.startswith("= "):
            table[-1].switch = line[2:].strip()
        elif line.startswith("@ "):
            table[-1].edits.append([line[2:].strip(), [], []])
        elif line[:1] in ("-", "+"):
            table[-1].edits[-1]["-+".index(line[0]) + 1].append(line[1:])
    return table


class Copy:
    def __init__(self, source, folder):
        self.source, self.root, self.build = source, folder / "copy", folder / "copy/build"
        for name in COPIED:
            path = source / name
            if path.is_dir():
                shutil.copytree(path, self.root / name, dirs_exist_ok=True, copy_function=self.update)
            elif path.exists():
                self.root.mkdir(parents=True, exist_ok=True)
                self.update(path, self.root / name)

    @staticmethod
    def update(path, to):
        """With the time of now where it differs: what was built of another text is built again."""
        path, to = pathlib.Path(path), pathlib.Path(to)
        if not to.exists() or to.read_bytes() != path.read_bytes():
            to.write_bytes(path.read_bytes())
            to.chmod(path.stat().st_mode)

    def run(self, *command):
        return subprocess.run([str(c) for c in command], cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)

    def setup(self):
        # what a mutation makes unused is no error
        done = self.run("meson", "setup", self.build, "-Dwerror=false", "-Db_ndebug=false")
        if done.returncode != 0:
            sys.exit(done.stdout)

    def test(self, names):
        """(None, log) where it does not build; else (passed, log). meson builds what the tests need."""
        done = self.run("meson", "test", "-C", self.build, "--timeout-multiplier", TIMEOUT_FACTOR, "--num-processes",
                        os.cpu_count() or 1, "--print-errorlogs", *names)
        built = "ninja: build stopped" not in done.stdout and "Ok:" in done.stdout
        skipped = re.search(r"^Skipped: +([1-9]\d*)", done.stdout, re.M)
        return ("skipped" if skipped else done.returncode == 0) if built else None, done.stdout

    def mutate(self, mutation):
        """The files as they were; raises where a text is not there exactly once."""
        before = {}
        if mutation.switch:
            use = f"MUTANT({mutation.switch})"
            for path in (self.root / "src").rglob("*.c"):
                text = path.read_text()
                if use in text:
                    before[path] = text
                    path.write_text(text.replace(use, "true"))
            if not before:
                raise LookupError(f"nothing has {use}")
        for name, old, new in mutation.edits:
            path = self.root / name
            text = path.read_text()
            before.setdefault(path, text)
            old, new = "\n".join(old), "\n".join(new)
            if text.count(old) != 1:
                self.restore(before)
                raise LookupError(f"{name} has this {text.count(old)} times:\n{old}")
            path.write_text(text.replace(old, new))
        return before

    @staticmethod
    def restore(before):
        for path, text in before.items():
            path.write_text(text)


def try_one(copy, mutation):
    """None where its test failed as it should; else why not."""
    try:
        before = copy.mutate(mutation)
    except LookupError as e:
        return str(e)
    try:
        passed, log = copy.test([mutation.test])
    finally:
        copy.restore(before)
    if passed is None:
        return "does not build:\n" + "\n".join(log.split("\n")[-30:])
    if passed == "skipped":
        return "skipped"
    return f"the test '{mutation.test}' passes without this defence" if passed else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="parts of names, or row numbers; none: all")
    parser.add_argument("--keep", type=pathlib.Path, help="folder of the copy, used again")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_intermixed_args()
    table = read_table(HERE / "mutations.txt")
    chosen = [m for m in table if not options.names or any(n == m.row or n in m.name for n in options.names)]
    if options.list:
        for m in chosen:
            print(f"{m.row:>3}  {m.test:22} {m.name}")
        return 0
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="sluice-mutation-"))
    bad = skipped = 0
    try:
        copy = Copy(options.source.resolve(), folder)
        copy.setup()
        tests = sorted({m.test for m in chosen})
        passed, log = copy.test(tests)
        if not passed:
            print("\n".join(log.split("\n")[-60:]))
            print("without any mutation: " + ("not built" if passed is None else "a test fails"))
            return 1
        for m in chosen:
            begun = time.monotonic()
            why = try_one(copy, m)
            state = "found" if why is None else "skipped" if why == "skipped" else "NOT FOUND"
            bad, skipped = bad + (state == "NOT FOUND"), skipped + (state == "skipped")
            print(f"row {m.row:>3}  {state:9} {m.test:22} {m.name}  {time.monotonic() - begun:.0f} s", flush=True)
            if state == "NOT FOUND":
                print("         " + why.replace("\n", "\n         "), flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(chosen)} mutations of {len({m.row for m in chosen})} rows: {len(chosen) - bad - skipped} found by their tests, "
          f"{bad} not, {skipped} skipped")
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
