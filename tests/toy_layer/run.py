"""Adds a network to a copy of the tree by the rows that docs/adding-a-layer.md has, and by nothing else; builds it and runs
the contract test on it. The copy lies in the directory given, and is used again.

    run.py SOURCE DIRECTORY
"""
import pathlib
import re
import shutil
import subprocess
import sys

FOLDERS = ["src", "bin", "fuzz", "bench", "tests", "tools", "docs", "contracts", "include"]
FILES = ["meson.build", "meson_options.txt", ".clang-format"]
ROW = re.compile(r"^`([^`]+)`, after `([^`]+)`:\n\n```\w+\n(.*?)```$", re.S | re.M)


def copy_changed(source, to):
    """Only what differs is written, so that a second run builds little."""
    if to.exists() and to.read_bytes() == source.read_bytes():
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, to)


def rows(page):
    text = page.read_text()
    found = ROW.findall(text)
    if 2 * len(found) != len(re.findall("^```", text, re.M)):
        sys.exit(f"{page}: {len(found)} rows could be read, and there are more blocks")
    return found


def with_rows(text, path, wanted):
    for after, row in wanted:
        at = [i for i, line in enumerate(text) if after in line]
        if len(at) != 1:
            sys.exit(f"{path}: {len(at)} lines have {after!r}: docs/adding-a-layer.md is not true any more")
        first = at[0] + (2 if text[at[0] + 1].strip() == "{" else 1)
        text[first:first] = row.splitlines(keepends=True)
    return text


def make_tree(source, tree):
    wanted = {}
    for path, after, row in rows(source / "docs/adding-a-layer.md"):
        wanted.setdefault(path, []).append((after, row))
    for folder in FOLDERS:
        for file in (source / folder).rglob("*"):
            relative = str(file.relative_to(source))
            if file.is_file() and "__pycache__" not in relative and relative not in wanted:
                copy_changed(file, tree / relative)
    for name in FILES:
        copy_changed(source / name, tree / name)
    for file in (source / "tests/toy_layer/toy").glob("*.[ch]"):
        copy_changed(file, tree / "src/layer/toy" / file.name)
    for path, add in wanted.items():
        text = "".join(with_rows((source / path).read_text().splitlines(keepends=True), path, add))
        to = tree / path
        if not to.exists() or to.read_text() != text:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text)


def run(*command, **more):
    print("+", " ".join(str(c) for c in command), flush=True)
    return subprocess.run(command, check=True, text=True, **more)


def main():
    source, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    tree, build = work / "tree", work / "build"
    make_tree(source, tree)
    run(sys.executable, tree / "tools/check_source.py", tree)
    if not (build / "build.ninja").exists():
        # without optimisation, which finds other things to warn of: what is built runs once
        run("meson", "setup", build, tree, "--buildtype=debug", "-Dwerror=false", stdout=subprocess.DEVNULL)
    run("ninja", "-C", build, "tests/contract/layer_contract", "bin/sluice", stdout=subprocess.DEVNULL)
    run(build / "tests/contract/layer_contract", "sim-toy")
    keys = run(build / "bin/sluice", "config", "explain", capture_output=True).stdout
    if "\ntoy:\n" not in keys:
        sys.exit("the program has no settings for the new layer")


main()
