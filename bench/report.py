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
    ("cosine_min", "cosine min", 7, True),
    ("cosine_mean", "cosine mean", 7, True),
]
# In the comparison, not in the table: the better of one process with all threads and several pinned processes.
RATIOS_ONLY = [
    ("short_best_per_s", "short texts/s, better of both ways", 0, True),
    ("paragraphs_best_per_s", "paragraphs/s, better of both ways", 0, True),
]


def _cell(row, key, decimals):
    value = row.get(key)
    return "-" if value is None else f"{value:.{decimals}f}"


def _ratio_rows(results):
    """[(key, label of the best other engine, how many times better Wick is)], from ratios taken round by round."""
    return [(key, heading, *results["ratios"][key]) for key, heading, _, _ in COLUMNS + RATIOS_ONLY if key in results["ratios"]]


def people(results):
    rows = results["engines"]
    width = max(len(row["label"]) for row in rows) + 2
    lines = []
    for key, heading, decimals, _ in COLUMNS:
        if not lines:
            lines.append(" " * 26 + "".join(row["label"].rjust(width) for row in rows))
        lines.append(heading.ljust(26) + "".join(_cell(row, key, decimals).rjust(width) for row in rows))
    lines.append("")
    lines += [f"{heading}: Wick against {best}: {ratio:.2f} times as good" for _, heading, best, ratio in _ratio_rows(results)]
    lines += notes(results)
    return "\n".join(lines)


def notes(results):
    machine, run = results["machine"], results["run"]
    lines = [
        f"{results['date']} · {machine['cpu']}, {machine['cores']} usable cores ({', '.join(machine['flags'])}), "
        f"{machine['memory_gib']} GiB, {machine['system']}, load {machine['load_before']} before the run",
        f"{run['threads']} threads; {run['rounds']} rounds, engines alternating; {run['n_short']} short texts "
        f"({run['tokens_short']:.0f} tokens on average), {run['n_paragraphs']} paragraphs ({run['tokens_paragraphs']:.0f}); texts: "
        f"{run['texts']}; pinned: {run['pinned']} processes of one thread",
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
    ratios = _ratio_rows(results)
    if ratios:
        lines += ["", "Wick against the best other engine of the same dtype, median of the rounds' ratios (over 1: Wick is better):", ""]
        lines += ["| | best other | ratio |", "|---|---|---|"]
        lines += [f"| {heading} | {best} | {ratio:.2f} |" for _, heading, best, ratio in ratios]
    return "\n".join(lines) + "\n"
