#!/usr/bin/env python3
"""Draws what rt/heatmap writes, time across and latency upwards: a text picture, or an SVG.

    tools/heatmap.py [--svg FILE] [INPUT]       CSV or JSON; standard input where there is none

The darker, the more; on a logarithmic scale, so that the rare and slow is seen beside the frequent and fast.
"""
import argparse
import html
import json
import math
import sys

SHADES = " .:-=+*#%@"
CELL_WIDTH, CELL_HEIGHT, LEFT, TOP = 8, 12, 80, 24
UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns"))


def load(text):
    """Columns in time; each is a table from (low, high), in nanoseconds, to a count. And the series' name."""
    if text.lstrip().startswith("{"):
        data = json.loads(text)
        low = data["low_ns"]
        return data["series"], [(c["time_ms"], {(low[i], low[i + 1]): n for i, n in enumerate(c["count"]) if n})
                                for c in data["columns"]]
    columns = {}
    for line in text.splitlines()[1:]:
        time, low, high, count = map(int, line.split(","))
        columns.setdefault(time, {})[low, high] = count
    return "", sorted(columns.items())


def rows_of(columns):
    """The rows from the lowest to the highest with anything in it, none left out between them."""
    used = sorted({row for _, cells in columns for row in cells})
    rows = used[:1]
    for row in used[1:]:
        while rows[-1][1] < row[0]:  # empty ones between: quarters of an octave, as the writer has them
            low, step = rows[-1][1], max(256, 1 << max(0, rows[-1][1].bit_length() - 3))
            rows.append((low, min(low + step, row[0])))
        rows.append(row)
    return rows


def shade(count, most):
    """0 for none, up to 1."""
    return 0 if count == 0 else (1 + math.log(count)) / (1 + math.log(most))


def label(ns):
    size, name = next((u for u in UNITS if ns >= u[0]), (1, "ns"))
    return f"{ns / size:.3g} {name}"


def text_picture(name, columns, rows, most):
    lines = [name] if name else []
    for row in reversed(rows):
        cells = (shade(cells.get(row, 0), most) for _, cells in columns)
        lines.append(f"{label(row[0]):>9} |" + "".join(SHADES[math.ceil(s * (len(SHADES) - 1))] for s in cells))
    lines.append(" " * 10 + "+" + "-" * len(columns))
    if columns:
        lines.append(f"{'':11}{(columns[-1][0] - columns[0][0]) / 1000:.0f} s; at most {most} in a cell")
    return "\n".join(lines) + "\n"


def svg_picture(name, columns, rows, most):
    width, height = LEFT + CELL_WIDTH * len(columns), TOP + CELL_HEIGHT * len(rows)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 8}" height="{height + 24}" '
           'font-family="monospace" font-size="10"><rect width="100%" height="100%" fill="#fff"/>',
           f'<text x="{LEFT}" y="14">{html.escape(name)}</text>']
    for i, row in enumerate(reversed(rows)):
        y = TOP + i * CELL_HEIGHT
        if i % 4 == 0:
            out.append(f'<text x="{LEFT - 6}" y="{y + 10}" text-anchor="end">{label(row[0])}</text>')
        for j, (_, cells) in enumerate(columns):
            if count := cells.get(row, 0):
                light = 90 - 70 * shade(count, most)
                out.append(f'<rect x="{LEFT + j * CELL_WIDTH}" y="{y}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}" '
                           f'fill="hsl(210,80%,{light:.0f}%)"><title>{label(row[0])} to {label(row[1])}: {count}</title></rect>')
    seconds = (columns[-1][0] - columns[0][0]) / 1000 if columns else 0
    out.append(f'<text x="{LEFT}" y="{height + 16}">{seconds:.0f} s</text></svg>')
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", type=argparse.FileType("w"))
    parser.add_argument("input", nargs="?", type=argparse.FileType(), default=sys.stdin)
    args = parser.parse_args()
    name, columns = load(args.input.read())
    rows = rows_of(columns)
    most = max((count for _, cells in columns for count in cells.values()), default=1)
    if args.svg:
        args.svg.write(svg_picture(name, columns, rows, most))
    else:
        sys.stdout.write(text_picture(name, columns, rows, most))


main()
