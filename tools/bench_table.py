#!/usr/bin/env python3
"""Rows of a benchmark, one JSON object a line, as a table for people."""
import json
import sys


def number(value):
    return "-" if value is None else f"{value:,.4g}" if isinstance(value, (int, float)) else str(value)


rows = [json.loads(line) for line in sys.stdin if line.strip()]
table = [("name", "ours", "peer", "theirs", "unit", "ratio", "goal", "")]
for row in rows:
    peer = " ".join(str(row.get(k) or "") for k in ("peer", "peer_version")).strip()
    peer += f" ({row['form']})" if row.get("form") else ""
    met = {True: "met", False: "MISSED"}.get(row.get("met"), "")
    table.append((row["name"], number(row.get("ours")), peer or "-", number(row.get("theirs")), row.get("unit", ""),
                  number(row.get("ratio")), str(row.get("goal") or ""), met))
widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
for line in table:
    print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
