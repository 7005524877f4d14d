"""Times ByzFL and spirt-aggregation in one run, on rows of the same kind, and prints a table.

    python3 aggregation/benches/byzfl.py [n] [d] [part of a rule's text]...

Installs ByzFL (and with it PyTorch) into `target/byzfl` unless `BYZFL_PYTHON` names an interpreter that
has it. Both libraries use all cores; for ByzFL the faster one of its NumPy and its PyTorch path counts,
for both the least of a few runs. The rows are already in memory, in huge pages where the system has them (NumPy asks for
them, and for ours so does the allocator), and known to be finite.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = [a for a in sys.argv[1:] if not a.startswith("--")]
N, D = (int(x) for x in (ARGUMENTS[:2] + ["16", "1000000"][len(ARGUMENTS) :]))
WORDS = ARGUMENTS[2:]

# Ours, and ByzFL's: pre-aggregators and aggregator with their arguments.
PAIRS = [
    ("mean", [], "Average", {}),
    ("median", [], "Median", {}),
    ("trimmed-mean", [], "TrMean", {"f": N // 4}),
    ("meamed", [], "Meamed", {"f": N // 4}),
    ("krum", [], "Krum", {"f": N // 4}),
    ("multi-krum", [], "MultiKrum", {"f": N // 4}),
    ("geometric-median:preset=byzfl", [], "GeometricMedian", {}),
    ("centered-clip:radius=1000", [], "CenteredClipping", {"tau": 1000.0}),
    ("monna", [], "MoNNA", {"f": N // 4}),
    ("caf", [], "CAF", {"f": N // 4}),
    ("nnm+trimmed-mean", ["NNM"], "TrMean", {"f": N // 4}),
]
PAIRS = [pair for pair in PAIRS if not WORDS or any(word in pair[0] for word in WORDS)]


def python_with_byzfl():
    given = os.environ.get("BYZFL_PYTHON")
    if given:
        return given
    home = ROOT / "target" / "byzfl"
    if not (home / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", "byzfl"], check=True)
    return str(home / "bin" / "python")


def least(run, seconds=4.0):
    times, end = [], time.perf_counter() + seconds
    while len(times) < 2 or (len(times) < 7 and time.perf_counter() < end):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def measure_byzfl():
    # Beside this file lies nothing that Python should find first.
    sys.path = [path for path in sys.path if path != str(Path(__file__).resolve().parent)]
    import byzfl
    import numpy as np
    import torch

    torch.set_num_threads(os.cpu_count())
    rng = np.random.default_rng(1)
    x = rng.standard_normal((N, D), dtype=np.float32)
    x[N - N // 4 :] *= 3
    arrays = {"numpy": x, "torch": torch.from_numpy(x)}
    for text, pre, name, arguments in PAIRS:
        times = {}
        for path, rows in arrays.items():
            steps = [getattr(byzfl, p)(f=N // 4) for p in pre]
            rule = getattr(byzfl, name)(**arguments)

            def run():
                y = rows
                for step in steps:
                    y = step(y)
                rule(y)

            times[path] = least(run)
        best = min(times, key=times.get)
        print(f"{text} {best} {times[best] * 1e3}", flush=True)


def measure_ours():
    command = ["cargo", "bench", "--quiet", "-p", "spirt-aggregation", "--", f"n={N}", f"d={D}"]
    command += [f"={text}" for text, *_ in PAIRS]
    environment = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    text = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    lines = re.finditer(r"^(\S+) +([0-9.]+)(?: +[0-9.]+){4} +\S+$", text, re.M)
    return {m[1]: float(m[2]) for m in lines}


def main():
    print(f"n = {N}, f = {N // 4}, d = {D}, {os.cpu_count()} cores\n")
    ours = measure_ours()
    print("| rule | ByzFL, ms | its path | ours, ms | ratio |\n|---|---|---|---|---|", flush=True)
    command = [python_with_byzfl(), __file__, str(N), str(D), *WORDS, "--byzfl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as theirs:
        for line in theirs.stdout:
            text, path, time = line.split()
            ratio = float(time) / ours[text]
            print(f"| `{text}` | {float(time):.1f} | {path} | {ours[text]:.2f} | {ratio:.1f} |", flush=True)
    sys.exit(theirs.returncode)


if __name__ == "__main__":
    measure_byzfl() if "--byzfl" in sys.argv else main()
