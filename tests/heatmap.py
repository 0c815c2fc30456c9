#!/usr/bin/env python3
"""tools/heatmap.py draws the same picture of the CSV and of the JSON of one heat map: heatmap.py TOOL."""
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.dom.minidom

CSV = "time_ms,low_ns,high_ns,count\n1000,1024,1280,900\n1000,1280,1536,3\n2000,1024,1280,10\n2000,2048,2560,1\n"
LOW = [0, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560]
COLUMNS = [{"time_ms": 1000, "count": [0, 0, 0, 0, 900, 3, 0, 0, 0]},
           {"time_ms": 2000, "count": [0, 0, 0, 0, 10, 0, 0, 0, 1]}]
PICTURE = """\
  2.05 us | :
  1.79 us |  
  1.54 us |  
  1.28 us |- 
  1.02 us |@=
          +--
           1 s; at most 900 in a cell
"""


def draw(text, *options):
    return subprocess.run([sys.executable, sys.argv[1], *options], input=text, capture_output=True, text=True,
                          check=True).stdout


as_json = json.dumps({"series": "s", "low_ns": LOW, "columns": COLUMNS})
assert draw(CSV) == PICTURE, draw(CSV)
assert draw(as_json) == "s\n" + PICTURE, draw(as_json)
assert draw("time_ms,low_ns,high_ns,count\n")
with tempfile.TemporaryDirectory() as folder:
    svg = pathlib.Path(folder) / "h.svg"
    draw(as_json, "--svg", str(svg))
    picture = xml.dom.minidom.parse(str(svg))
    assert len(picture.getElementsByTagName("rect")) == 1 + 4
