# SPDX-License-Identifier: Apache-2.0
"""Turns the results of bench/bench.py into a table for people and a Markdown section for docs/benchmarks.md."""

# key, heading, decimals, True where more is better
COLUMNS = [
    ("single_p50_ms", "single p50 ms", 2, False),
    ("single_p95_ms", "single p95 ms", 2, False),
    ("tokens256_ms", "256 tokens ms", 1, False),
    ("batch8_ms", "batch 8 ms", 2, False),
    ("batch32_ms", "batch 32 ms", 1, False),
    ("short_per_s", "short texts/s", 0, True),
    ("paragraphs_per_s", "paragraphs/s", 0, True),
    ("short_pinned_per_s", "short texts/s, pinned", 0, True),
    ("paragraphs_pinned_per_s", "paragraphs/s, pinned", 0, True),
    ("start_s", "start to first vector s", 3, False),
    ("peak_rss_mb", "peak RSS MB", 0, False),
    ("cosine_min", "cosine min", 6, True),
    ("cosine_mean", "cosine mean", 6, True),
    ("recall", "recall @10", 3, True),
]
# In the comparison, not in the table: the better of one process with all threads and several pinned processes.
RATIOS_ONLY = [
    ("short_best_per_s", "short texts/s, better of both ways", 0, True),
    ("paragraphs_best_per_s", "paragraphs/s, better of both ways", 0, True),
]


def _cell(row, key, decimals):
    value = row.get(key)
    return "-" if value is None else f"{value:.{decimals}f}"


def _ratio_table(results):
    """(dtypes, [(heading, {dtype: "2.10 (openvino int8)"})]): Wick against the best other engine."""
    dtypes = [dtype for dtype in ("f32", "bf16", "int8", "any") if any(r["dtype"] == dtype for r in results["ratios"])]
    rows = []
    for key, heading, _, _ in COLUMNS + RATIOS_ONLY:
        cells = {r["dtype"]: f"{r['ratio']:.2f} ({r['best'] if r['dtype'] == 'any' else r['best'].split()[0]})"
                 for r in results["ratios"] if r["key"] == key}
        if cells:
            rows.append((heading, cells))
    return dtypes, rows


def _stacked(heading, cells):
    """One column, right-aligned: the heading's words one below another, bottom-aligned by the caller."""
    words = heading.replace("/", "/ ").split()
    return words, max(map(len, words + cells)) + 2


def people(results):
    """A row for each engine; the headings stand upright, so that a line is not too long."""
    rows = results["engines"]
    names = max(len(row["label"]) for row in rows)
    columns = []
    for key, heading, decimals, _ in COLUMNS:
        cells = [_cell(row, key, decimals) for row in rows]
        if any(cell != "-" for cell in cells):
            columns.append((*_stacked(heading, cells), cells))
    height = max(len(words) for words, _, _ in columns)
    lines = []
    for i in range(height):
        upright = [([""] * (height - len(words)) + words)[i].rjust(width) for words, width, _ in columns]
        lines.append(" " * names + "".join(upright))
    for i, row in enumerate(rows):
        lines.append(row["label"].ljust(names) + "".join(cells[i].rjust(width) for _, width, cells in columns))
    lines.append("")
    dtypes, ratios = _ratio_table(results)
    if ratios:
        lines.append("Wick is so many times as good as the best other engine:".ljust(60) + "".join(dtype.ljust(31) for dtype in dtypes).rstrip())
        lines += [heading.ljust(60) + "".join(cells.get(dtype, "-").ljust(31) for dtype in dtypes).rstrip() for heading, cells in ratios]
        lines.append("")
    lines += notes(results)
    return "\n".join(lines)


def notes(results):
    machine, run = results["machine"], results["run"]
    lines = [
        f"{results['date']} · {machine['cpu']}, {machine['cores']} usable cores ({', '.join(machine['flags'])}), "
        f"{machine['memory_gib']} GiB, {machine['system']}, load {machine['load_before']} before the run",
        f"{run['threads']} threads; {run['rounds']} rounds ({run['pinned_rounds']} pinned), engines alternating; {run['n_short']} short texts "
        f"({run['tokens_short']:.0f} tokens on average), {run['n_paragraphs']} paragraphs ({run['tokens_paragraphs']:.0f}); texts: "
        f"{run['texts']}; pinned: {run['pinned']} processes of one thread; the run took {run['minutes']:.0f} minutes",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in results["versions"].items()),
    ]
    if machine["load_before"] > 0.25 * machine["cores"]:
        lines.append("The machine was busy with other work when the run began: not figures to rely on")
    for label, mb in results.get("command_peak_mb", {}).items():
        lines.append(f"Peak RSS above is of a Python process with the engine in it; the `wick embed` command itself ({label}): {mb:.0f} MB")
    return lines


def markdown(results):
    lines = [f"## {results['date']}, {results['machine']['cpu']}, {results['run']['threads']} threads", ""]
    lines += ["- " + line for line in notes(results)] + [""]
    lines.append("| engine | " + " | ".join(heading for _, heading, _, _ in COLUMNS) + " |")
    lines.append("|---" * (len(COLUMNS) + 1) + "|")
    for row in results["engines"]:
        lines.append(f"| {row['label']} | " + " | ".join(_cell(row, key, decimals) for key, _, decimals, _ in COLUMNS) + " |")
    dtypes, ratios = _ratio_table(results)
    if ratios:
        lines += ["", "How many times better Wick is than the best other engine in the same dtype, and its best dtype than the best of all others "
                  "(any): the median of the rounds' ratios.", "", "| | " + " | ".join(dtypes) + " |", "|---" * (len(dtypes) + 1) + "|"]
        lines += [f"| {heading} | " + " | ".join(cells.get(dtype, "-") for dtype in dtypes) + " |" for heading, cells in ratios]
    return "\n".join(lines) + "\n"
