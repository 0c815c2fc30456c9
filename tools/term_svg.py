#!/usr/bin/env python3
"""Records a command in a terminal of its own and renders what was seen as an SVG that plays it.

    tools/term_svg.py docs/demo.svg -- ./demo.sh
    tools/term_svg.py --still docs/demo.svg -- ./demo.sh      the last picture alone

The terminal understands what ./demo.sh prints: text, line ends, colours, moving up, erasing. No library is needed.
"""
import argparse
import codecs
import fcntl
import html
import os
import pty
import select
import struct
import sys
import termios
import time

FRAME_SECONDS = 0.2
LAST_SECONDS = 6.0
CELL_WIDTH, CELL_HEIGHT, FONT = 8.4, 18, 14
BACKGROUND, FOREGROUND = "#10141a", "#d6dde6"
COLOURS = {31: "#ff6b6b", 32: "#5fd38d", 33: "#f4c95d", 34: "#6ea8fe", 35: "#d19df0", 36: "#5ec8d8"}
MARGIN = 18


class Terminal:
    """Lines of (character, style) cells; style: (colour or None, bold, dim)."""

    def __init__(self, columns):
        self.columns, self.lines, self.row, self.column = columns, [[]], 0, 0
        self.style, self.pending = (None, False, False), ""

    def feed(self, text):
        text = self.pending + text
        self.pending = ""
        i = 0
        while i < len(text):
            char = text[i]
            if char == "\x1b":
                end = i + 2
                while end < len(text) and not text[end].isalpha():
                    end += 1
                if end >= len(text):
                    self.pending = text[i:]
                    return
                self.escape(text[i + 2:end], text[end])
                i = end
            elif char == "\n":
                self.row, self.column = self.row + 1, 0
                if self.row == len(self.lines):
                    self.lines.append([])
            elif char == "\r":
                self.column = 0
            elif char >= " ":
                self.put(char)
            i += 1

    def put(self, char):
        line = self.lines[self.row]
        while len(line) <= self.column:
            line.append((" ", (None, False, False)))
        line[self.column] = (char, self.style)
        self.column += 1

    def escape(self, argument, final):
        if final == "m":
            self.colour([int(n or 0) for n in argument.split(";")])
        elif final == "F":
            self.row, self.column = max(0, self.row - int(argument or 1)), 0
        elif final == "K":
            del self.lines[self.row][self.column:]
        elif final == "J":
            del self.lines[self.row][self.column:]
            del self.lines[self.row + 1:]

    def colour(self, numbers):
        for n in numbers:
            colour, bold, dim = self.style
            if n == 0:
                self.style = (None, False, False)
            elif n == 1:
                self.style = (colour, True, dim)
            elif n == 2:
                self.style = (colour, bold, True)
            elif n in COLOURS:
                self.style = (n, bold, dim)

    def picture(self):
        return tuple(tuple(line) for line in self.lines)


def record(command, columns, rows):
    """[(seconds, picture)], one for each change, and the exit status."""
    child, master = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", PYTHONIOENCODING="utf-8")
        os.environ.pop("NO_COLOR", None)
        os.execvp(command[0], command)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    terminal, frames, begun = Terminal(columns), [], time.monotonic()
    decode = codecs.getincrementaldecoder("utf-8")("replace")
    while True:
        try:
            if not select.select([master], [], [], FRAME_SECONDS)[0]:
                continue
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        terminal.feed(decode.decode(data))
        now = time.monotonic() - begun
        if frames and now - frames[-1][0] < FRAME_SECONDS:
            frames[-1] = (frames[-1][0], terminal.picture())
        elif not frames or frames[-1][1] != terminal.picture():
            frames.append((now, terminal.picture()))
    _, status = os.waitpid(child, 0)
    return frames, os.waitstatus_to_exitcode(status)


def css_class(style):
    colour, bold, dim = style
    return " ".join(filter(None, [f"c{colour}" if colour else "", "b" if bold else "", "d" if dim else ""]))


def runs(line):
    """Neighbouring cells of one style, without the wide gaps between columns: (column, text, style)."""
    out = []
    for column, (char, style) in enumerate(line):
        if out and out[-1][2] == style and not (char == " " and out[-1][1].endswith(" ")):
            out[-1] = (out[-1][0], out[-1][1] + char, style)
        elif char != " ":
            out.append((column, char, style))
        elif out:
            out.append((column, "", None))
    return [(column, text.rstrip(), style) for column, text, style in out if text.strip()]


def line_svg(line):
    parts = []
    for column, text, style in runs(line):
        kind = css_class(style)
        parts.append(f'<text x="{column * CELL_WIDTH:.1f}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""} '
                     f'textLength="{len(text) * CELL_WIDTH:.1f}">{html.escape(text)}</text>')
    return "".join(parts)


def render(frames, columns):
    """Each different line once, each picture a column of references, shown in turn by one animation. The last picture
    comes first in the film: it is what is seen where nothing moves."""
    rows = max(len(picture) for _, picture in frames)
    width, height = columns * CELL_WIDTH + 2 * MARGIN, rows * CELL_HEIGHT + 2 * MARGIN
    lines, pictures = {}, []
    for _, picture in frames:
        refs = []
        for row, line in enumerate(picture):
            drawn = line_svg(line)
            if drawn:
                name = lines.setdefault(drawn, f"l{len(lines)}")
                refs.append(f'<use href="#{name}" y="{row * CELL_HEIGHT}"/>')
        pictures.append("".join(refs))
    total = frames[-1][0] - frames[0][0] + LAST_SECONDS
    styles = [f"text{{font:{FONT}px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:{FOREGROUND};"
              "white-space:pre}.b{font-weight:700}.d{opacity:.55}"]
    styles += [f".c{n}{{fill:{colour}}}" for n, colour in COLOURS.items()]
    if len(frames) > 1:
        slots = [*range(1, len(frames)), 0]
        steps = "".join(f"{100 * (at - frames[0][0]) / total:.2f}%{{transform:translateX({-i * width:.0f}px)}}"
                        for i, (at, _) in zip(slots, frames))
        last = "100%{transform:translateX(0)}"
        styles.append(f"@keyframes play{{{steps}{last}}}#film{{animation:play {total:.1f}s steps(1,end) infinite}}")
    film = "".join(f'<g transform="translate({i * width:.0f} 0)">{p}</g>' 
                   for i, p in enumerate([pictures[-1], *pictures[:-1]]))
    defs = "".join(f'<g id="{name}">{drawn}</g>' for drawn, name in lines.items())
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}"><style>{"".join(styles)}</style><defs>{defs}</defs>'
            f'<rect width="100%" height="100%" rx="10" fill="{BACKGROUND}"/>'
            f'<svg x="{MARGIN}" y="{MARGIN + FONT}" width="{width - 2 * MARGIN:.0f}" height="{height:.0f}" '
            f'overflow="visible"><svg y="-{FONT}" overflow="hidden" width="{width - 2 * MARGIN:.0f}">'
            f'<g transform="translate(0 {FONT})"><g id="film">{film}</g></g></svg></svg></svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--still", action="store_true")
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    frames, status = record(options.command, options.columns, options.rows)
    if status != 0:
        sys.exit(f"{' '.join(options.command)} ended with {status}; nothing was written")
    with open(options.out, "w") as out:
        out.write(render(frames[-1:] if options.still else frames, options.columns))


main()
