# SPDX-License-Identifier: Apache-2.0
"""What machine a measurement was made on: processor, usable cores, the instruction sets that matter, memory, system, load."""
import os
import pathlib
import platform
import subprocess

FLAGS = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8", "asimd", "asimddp", "i8mm", "bf16",
         "sve"]


def _first(lines, *keys):
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in keys:
            return value.strip()
    return ""


def describe():
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        model = _first(lines, "model name", "Model") or platform.machine()
        has = set(_first(lines, "flags", "Features").split())
        cores = len(os.sched_getaffinity(0))
        kib = int(_first(pathlib.Path("/proc/meminfo").read_text().splitlines(), "MemTotal").split()[0])
        memory = kib / 2**20
    else:  # macOS
        ask = lambda name: subprocess.run(["sysctl", "-n", name], capture_output=True, text=True).stdout.strip()
        model, has, cores, memory = ask("machdep.cpu.brand_string"), {"asimd"}, os.cpu_count(), int(ask("hw.memsize")) / 2**30
    return {"cpu": model, "cores": cores, "flags": [flag for flag in FLAGS if flag in has], "memory_gib": round(memory),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}", "python": platform.python_version(),
            "load_before": round(os.getloadavg()[0], 2)}
