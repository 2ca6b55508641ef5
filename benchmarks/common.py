"""What every benchmark needs to say what it measured: intervals, calibration, tables, processes, and the run itself.

Conventions
    Shares are 0..1. Intervals are Wilson 95 % intervals of a share. Times are seconds unless a name says otherwise.
"""

import json
import math
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

Z_95 = 1.959964  # standard deviations on either side that hold 95 % of a normal distribution
ROOT = Path(__file__).parent.parent


# Metrics


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The Wilson 95 % interval of the share hits / n; (0, 1) when nothing was tried."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    spread = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - spread), min(1.0, centre + spread)


def calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: the mean over guesses of |share right - mean confidence| in their equal-width bin."""
    p, y = np.asarray(confidences, dtype=float), np.asarray(right, dtype=float)
    which = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [abs(y[which == b].sum() - p[which == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(p)) if len(p) else math.nan


def paired(differences: Sequence[Sequence[int]]) -> tuple[float, float]:
    """The mean over groups of the mean difference in each, and the half width of its normal 95 % interval."""
    means = [float(np.mean(group)) for group in differences]
    variances = [float(np.var(group)) / len(group) for group in differences]
    return float(np.mean(means)), Z_95 * float(np.sqrt(sum(variances))) / len(differences)


def median(values: Iterable[float]) -> float:
    """The median, NaN for no values at all."""
    values = list(values)
    return float(np.median(values)) if values else math.nan


# Printing


def share(hits: int, n: int) -> str:
    """A share with its Wilson interval: 12/40 .30 [.18, .45]."""
    low, high = wilson(hits, n)
    return f"{hits}/{n} {decimal(hits / n if n else math.nan)} [{decimal(low)}, {decimal(high)}]"


def decimal(value: float, digits: int = 2) -> str:
    """A share without its leading zero (".30"), empty for NaN."""
    return "" if math.isnan(value) else f"{value:.{digits}f}".replace("0.", ".", 1)


def number(value: float, digits: int = 0) -> str:
    """A number, empty for NaN."""
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up as plain text; the first column to the left, numbers to the right."""
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join(_table_line(line, widths) for line in [lines[0], rule, *lines[1:]])


def _table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]) + " |"


# Work


def in_processes(function: Callable[[Any], Any], tasks: Sequence[Any], jobs: int) -> Iterator[Any]:
    """function(task) for each task, in their order, in `jobs` worker processes of one thread each."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # inherited by the workers: they are the parallelism
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        yield from progress(pool.map(function, tasks, chunksize=4), len(tasks))


def progress(items: Iterable[Any], total: int) -> Iterator[Any]:
    """Pass the items on, counting them on the error output, about once a second."""
    shown = 0.0
    for done, item in enumerate(items, 1):
        if time.monotonic() - shown > 1 or done == total:
            shown = time.monotonic()
            print(f"\r{done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        yield item


# The run


def run() -> dict[str, str]:
    """What was measured, on what, when: printed above each table and saved with each result."""
    return {
        "command": " ".join([Path(sys.argv[0]).stem, *(arg for arg in sys.argv[1:] if "/" not in arg)]),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "python": f"{platform.python_version()}, numpy {np.__version__}",
    }


def commit() -> str:
    """The short hash of the commit that is checked out, with a + when files differ from it."""
    try:
        described = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(described, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor() -> str:
    """The processor's name where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def print_run() -> None:
    print("\n".join(f"{key}: {value}" for key, value in run().items()), end="\n\n")


def save_json(path: Path, result: dict[str, Any]) -> None:
    """Write the result with its run."""
    path.write_text(json.dumps({"run": run(), **result}, indent=1) + "\n")
