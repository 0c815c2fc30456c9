#!/usr/bin/env python3
"""Rows of a benchmark, one JSON object a line, as a table for people.

    tools/bench_table.py < ROWS              columns, a row for each peer
    tools/bench_table.py --markdown < ROWS   a row for each piece of work, its peers beside each other
"""
import json
import sys


def number(value):
    return "-" if value is None else f"{value:,.4g}" if isinstance(value, (int, float)) else str(value)


def short(value):
    return f"{value:,.0f}" if value is not None and abs(value) >= 1000 else number(value if value is None else float(f"{value:.3g}"))


def columns(rows):
    table = [("name", "ours", "peer", "theirs", "unit", "ratio", "goal", "")]
    for row in rows:
        peer = " ".join(str(row.get(k) or "") for k in ("peer", "peer_version")).strip()
        peer += f" ({row['form']})" if row.get("form") else ""
        met = {True: "met", False: "MISSED"}.get(row.get("met"), "")
        table.append((row["name"], number(row.get("ours")), peer or "-", number(row.get("theirs")), row.get("unit", ""),
                      number(row.get("ratio")), str(row.get("goal") or ""), met))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()


def peer_name(row):
    return row["peer"] + (f", {row['form']}" if row.get("form") else "")


def goal_text(row):
    met = "met" if row["met"] else "**missed**"
    return f"{row['peer']} {row['goal']}: {met}" if row["peer"] else f"{row['goal']}: {met}"


def markdown(rows):
    """Peers from the fastest to the slowest, as the ratios say."""
    work = {}
    for row in rows:
        work.setdefault((row["name"], row["unit"]), []).append(row)
    yield "| what | unit | sluice | peers: figure (ratio) | goal |"
    yield "|---|---|---|---|---|"
    for (name, unit), group in work.items():
        peers = sorted((r for r in group if r["peer"]), key=lambda r: r["ratio"] or 0)
        beside = "; ".join(f"{peer_name(r)} {short(r['theirs'])} ({short(r['ratio'])})" for r in peers)
        goals = "; ".join(goal_text(r) for r in group if r.get("goal"))
        yield f"| {name} | {unit} | {short(group[0]['ours'])} | {beside or '-'} | {goals} |"


rows = [json.loads(line) for line in sys.stdin if line.strip()]
for line in markdown(rows) if sys.argv[1:] == ["--markdown"] else columns(rows):
    print(line)
