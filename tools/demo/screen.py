"""A picture that changes in place on a terminal, and plain lines everywhere else.

On a terminal the last lines (the panel) are drawn again over themselves, in a frame of fixed height, so that nothing
scrolls. Elsewhere each line of the panel that carries a key is printed once whenever what it says changes.
"""
import os
import shutil
import sys
import unicodedata

COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36", "dim": "2",
           "bold": "1"}
WIDTH_MAX = 100


def utf8():
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


class Screen:
    def __init__(self, out, live=None):
        self.out = out
        terminal = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.live = terminal if live is None else live
        self.colours = terminal and not os.environ.get("NO_COLOR")
        if os.environ.get("CLICOLOR_FORCE"):
            self.colours = True
        self.fancy = utf8()
        self.drawn = 0  # lines of the panel on the screen
        self.said = {}

    def paint(self, text, *colours):
        if not self.colours or not colours:
            return text
        return f"\x1b[{';'.join(COLOURS[c] for c in colours)}m{text}\x1b[0m"

    def sign(self, fancy, plain):
        return fancy if self.fancy else plain

    def width(self):
        return min(WIDTH_MAX, shutil.get_terminal_size((WIDTH_MAX, 40)).columns)

    def say(self, text=""):
        """A line above the panel; it stays."""
        self.erase()
        self.out.write(text + "\n")
        self.out.flush()

    def erase(self):
        if self.drawn:
            self.out.write(f"\x1b[{self.drawn}F\x1b[J")
            self.drawn = 0

    def show(self, lines):
        """lines: (key, text, plain) each; plain is what is said, once, where there is no terminal; None: nothing."""
        if not self.live:
            for key, _, plain in lines:
                if plain is not None and self.said.get(key) != plain:
                    self.said[key] = plain
                    self.out.write(plain + "\n")
            self.out.flush()
            return
        width = self.width()
        moved = f"\x1b[{self.drawn}F" if self.drawn else ""
        text = "".join(clip(line, width) + "\x1b[K\n" for _, line, _ in lines)
        self.out.write(f"\x1b[?25l{moved}{text}\x1b[J")
        self.out.flush()
        self.drawn = len(lines)

    def keep(self):
        """What is drawn stays; the next panel begins below it."""
        self.drawn = 0
        self.said = {}
        if self.live:
            self.out.write("\x1b[?25h")
            self.out.flush()


def cells(char):
    return 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1


def plain_len(text):
    """Columns that a text takes, without its colours."""
    total, escape = 0, False
    for char in text:
        if escape:
            escape = char != "m"
        elif char == "\x1b":
            escape = True
        else:
            total += cells(char)
    return total


def clip(text, width):
    """Cut to so many columns; colours are closed."""
    out, total, escape = [], 0, False
    for char in text:
        if escape:
            escape = char != "m"
        elif char == "\x1b":
            escape = True
        else:
            total += cells(char)
            if total > width:
                return "".join(out) + "\x1b[0m"
        out.append(char)
    return "".join(out)


def pad(text, width):
    return text + " " * max(0, width - plain_len(text))
