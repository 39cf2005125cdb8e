# SPDX-License-Identifier: Apache-2.0
"""The server under load, faults and overload: load.py [PART...] prints Markdown tables; --json FILE keeps the figures.

Everything it starts runs on loopback, is bounded in count and time, and is ended by its process id. It wants Linux, wrk, the build's `wick`, `paced` and
libwick (cmake -DWICK_BENCH=ON) and numpy. `make load` runs short versions of all parts; docs/serve-benchmarks.md holds results.

A part that judges itself (soak) says so in its notes, and the exit code is 1 where it found something: load.py soak --dtype int8 >soak.md 2>soak.log &"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import faults  # noqa: E402
import machine  # noqa: E402
import parts  # noqa: E402
from server import binary  # noqa: E402

PARTS = {function.__name__: function for function in
         (parts.rates, parts.mock, parts.load80, parts.overload, faults.idle, faults.slow, faults.hangups, faults.sigterm, faults.sigterm_model,
          parts.soak)}


def cell(value):
    if isinstance(value, dict):
        return ", ".join(f"{key}: {one}" for key, one in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def table(rows):
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def different_lines(path, folder):
    """A copy of a text file without empty lines and duplicates: equal texts in one batch would be computed once."""
    lines = list(dict.fromkeys(line for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines() if line.strip()))
    out = pathlib.Path(folder) / "texts.txt"
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(out), len(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2", help="hub name, or folder (absolute)")
    parser.add_argument("--corpus", default=str(HERE.parent / "texts/short.txt"), help="texts, one a line")
    parser.add_argument("--dtype", action="append", dest="dtypes", choices=["f32", "bf16", "int8"], help="default: all three")
    parser.add_argument("--connections", type=int, action="append", help="of `rates`; default: 1, 16, 256, 600")
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=30, help="of the soak")
    parser.add_argument("--count", type=int, default=100, help="SIGTERMs; 10 x hang-ups, 20 x slow, 100 x idle clients")
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory(prefix="wick-load-") as folder:
        texts, n_texts = different_lines(options.corpus, folder)
        settings = parts.Settings(options.model, texts, options.seconds, options.dtypes or ["f32", "bf16", "int8"],
                                  options.connections or [1, 16, 256, 600], options.minutes, options.count)
        if max(settings.connections) >= n_texts:
            parser.error(f"the corpus has {n_texts} different lines; more than connections are needed")
        version = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=True).stdout.strip()
        about = {"date": datetime.date.today().isoformat(), "version": version, "corpus_lines": n_texts, **machine.describe()}
        print(f'{version}, {about["date"]}; {about["cpu"]}, {about["cores"]} cores ({", ".join(about["flags"])}), {about["system"]}; '
              f'load before: {about["load_before"]}; {n_texts} different texts. "Other cores": what the rest of the machine took meanwhile.\n')
        results = {}
        for name in options.parts or PARTS:
            results[name] = PARTS[name](settings)
            notes = results[name]["notes"]
            print(f'## {results[name]["title"]}\n\n{notes}{chr(10) * 2 if notes else ""}{table(results[name]["rows"])}\n', flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n")
    return 1 if any(result.get("failed") for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
