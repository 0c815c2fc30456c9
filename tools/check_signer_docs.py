#!/usr/bin/env python3
"""docs/signer.md shows what sluice-signer prints. With --write: make it so."""
import pathlib
import re
import subprocess
import sys

binary, path = sys.argv[1], pathlib.Path(sys.argv[2]) / "docs/signer.md"
text = path.read_text()
shown = text
for command in ("policy explain", "rules"):
    printed = subprocess.run([binary, *command.split()], check=True, capture_output=True, text=True).stdout
    block = re.compile(rf"(<!-- {command} -->\n```\w*\n).*?(```\n<!-- end -->)", re.DOTALL)
    shown, count = block.subn(lambda m: m.group(1) + printed + m.group(2), shown)
    if count != 1:
        sys.exit(f"{path}: no place for '{command}'")
if "--write" in sys.argv:
    path.write_text(shown)
elif shown != text:
    sys.exit(f"{path}: differs from what {binary} prints: run {sys.argv[0]} with --write")
