# SPDX-License-Identifier: Apache-2.0
"""Writes short.txt (1000 different one-liners, 13 tokens on average) and paragraphs.txt (100 paragraphs, about 100 tokens), the texts that
bench/bench.py uses where no corpus is given. Composed from the phrases below, which were written for this repository; the seed is fixed, so
that the same files come out on every machine: python3 bench/texts/make_texts.py
"""
import pathlib
import random

KINDS = ["library", "command line tool", "daemon", "graphical editor", "plug-in", "web server", "test suite", "puzzle game", "viewer",
         "compiler", "converter", "monitor", "backup program", "mail client", "desktop panel", "code generator", "terminal emulator",
         "package manager", "font", "scheduler", "spell checker", "synthesizer", "ray tracer", "database driver"]
TASKS = ["reading bitmap images", "encrypting archives", "measuring disk latency", "drawing railway maps", "sorting large text files",
         "tagging music collections", "parsing configuration files", "simulating tidal currents", "comparing directory trees",
         "watching log files", "planning bicycle routes", "solving linear equations", "recording radio broadcasts",
         "rendering chess diagrams", "converting subtitles", "indexing family photographs", "balancing network traffic",
         "transcribing interviews", "designing knitting patterns", "checking hyperlinks", "modelling protein structures",
         "counting votes", "editing vector graphics", "controlling stepper motors", "translating user interfaces"]
EXTRAS = ["", "", "", " - documentation", " (development files)", " for Python 3", " with a curses interface", ", written in Rust",
          " over SSH", " - shared library", " on embedded boards", " without root privileges", " - common data files",
          " in real time", " (debug symbols)", " for beginners"]
LEADS = ["", "", "simple ", "fast ", "portable ", "multi-threaded ", "lightweight ", "interactive ", "scriptable "]

OPENINGS = ["This package contains a {kind} for {task}.", "{name} is a {lead}{kind} for {task}.",
            "With {name}, {task} becomes a matter of minutes rather than days.", "{name} started as a student project about {task}.",
            "Anyone who has tried {task} by hand knows how tedious it can get; {name} takes over the dull part."]
MIDDLES = ["It reads and writes {n} different formats, among them some that were abandoned decades ago.",
           "Several threads share the work, so that a machine with {n} cores is kept busy.",
           "The settings live in one plain file, and every option can also be given on the command line.",
           "Results are shown as a table, a chart or machine-readable lines, whichever suits the reader.",
           "It needs less than {n} MB of memory, even when the input is much larger than that.",
           "A plug-in interface lets others add support for {task} or {task2}.",
           "Unlike older programs of its kind, it keeps the original files untouched and can undo every step.",
           "Version {n}.2 replaced the old parser, which could not cope with accented characters such as é, ß or ø.",
           "The manual describes {n} worked examples, from {task} to {task2}.",
           "Errors are reported with the line, the column and a hint at the mend.",
           "Where a graphics card is present it is used; otherwise everything runs on the processor.",
           "Communication is encrypted by default, and keys are kept in the desktop's own wallet."]
CLOSINGS = ["This is the {lead}variant without graphical dependencies.", "The example data is in a separate package.",
            "It is used daily by observatories, libraries and one lighthouse.", "Bug reports and translations are welcome.",
            "Install the suggested packages for {task}."]
NAMES = ["Harbourmaster", "Quillet", "Tessellate", "Marrow", "Ostler", "Brindle", "Lanternfish", "Copperplate", "Sundial", "Wherry",
         "Gantry", "Peppercorn", "Thimble", "Foxglove", "Ballast", "Inkwell"]


def short(rng):
    return f"{rng.choice(LEADS)}{rng.choice(KINDS)} for {rng.choice(TASKS)}{rng.choice(EXTRAS)}"


def paragraph(rng):
    def fill(pattern):
        return pattern.format(kind=rng.choice(KINDS), task=rng.choice(TASKS), task2=rng.choice(TASKS), lead=rng.choice(LEADS),
                              n=rng.randint(2, 64), name=name)

    name = rng.choice(NAMES)
    middles = rng.sample(MIDDLES, min(len(MIDDLES), rng.choice([1, 1, 2, 2, 3, 3, 4, 12])))
    return " ".join(fill(part) for part in [rng.choice(OPENINGS), *middles, rng.choice(CLOSINGS)])


def main():
    rng = random.Random(20)
    here = pathlib.Path(__file__).parent
    for name, make, count in (("short", short, 1000), ("paragraphs", paragraph, 100)):
        texts = {}  # no text twice: an engine may compute equal ones once
        while len(texts) < count:
            texts[make(rng)] = None
        (here / f"{name}.txt").write_text("".join(text + "\n" for text in texts))


if __name__ == "__main__":
    main()
