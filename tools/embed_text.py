#!/usr/bin/env python3
"""Make a C file that holds a text: embed_text.py INPUT OUTPUT.c NAME. The header is NAME.h's user's."""
import pathlib
import sys

source, output, name = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
data = source.read_bytes()
lines = [f'#include "node/{name}.h"', "", f"const unsigned char {name}[] = {{"]
for at in range(0, len(data), 16):
    lines.append("\t" + " ".join(f"0x{b:02x}," for b in data[at:at + 16]))
lines += ["};", f"const size_t {name}_len = sizeof {name};", ""]
output.write_text("\n".join(lines))
