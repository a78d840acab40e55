"""Times `ergometer analyze` and its peers on the same files: whole processes, from start to exit.

    pip install onnx==1.22.0 onnx-tool==1.0.1 onnxsim==0.8.1 tract==0.23.9 onnx-opcounter==0.0.4 onnxruntime==1.23.2
    python benches/make_large.py /tmp/large
    python benches/peers.py /tmp/large --ergometer target/release/ergometer

Time is the median wall time of the runs. Memory is measured in runs before those, which also warm the page cache, by
reading /proc/PID/status over and over:

    peak        VmHWM, the kernel's own record of the most memory ever resident
    anonymous   the largest RssAnon seen: memory the process asked for
    file        the largest RssFile seen: pages of programs, libraries and mapped models, which the kernel can drop

These are samples, some thousands a second: what grows and shrinks between two of them is missed. The peak that `wait4`
reports is not used, as it starts from the memory of the process that forked, here Python: more than ergometer needs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PAUSE_BETWEEN_SAMPLES_S = 0.0002
LEAST_WATCHED_S = 1.0
LONGEST_FAILURE_TEXT = 90


@dataclass
class Case:
    file: str
    description: str
    input_name: str
    input_dims: str


CASES = [
    Case("resnet50.onnx", "ResNet-50, 122 nodes", "input", "1x3x224x224"),
    Case("densenet121.onnx", "DenseNet-121, 1,746 nodes", "data_0", "1x3x224x224"),
    Case("chain_20000.onnx", "20,000 nodes", "x_0", "1x64"),
    Case("embedded_1472mib.onnx", "1.5 GB, weights inside", "x_0", "1x128x4096"),
    Case("external_2560mib.onnx", "2.7 GB, weights beside", "x_0", "1x128x4096"),
]

# onnxsim's command line simplifies the model as well: its counter alone is the fairer comparison.
ONNXSIM = """
import sys, onnx
from onnxsim.model_info import ModelInfo
print(ModelInfo(onnx.load(sys.argv[1])).macs)
"""

# tract's command line has no wheel. The Python package reads, types and optimises the model by the same code; the cost
# of each operator then comes only with a timed run of the model, which is left out here in tract's favour.
TRACT = """
import sys, tract
model = tract.onnx().load(sys.argv[1])
model.set_input_fact(0, sys.argv[2].replace("x", ",") + ",f32")
print(model.into_model().into_runnable().input_count())
"""


def commands(case: Case, path: Path, ergometer: Path | None) -> dict[str, list[str]]:
    """What to run for each tool. The peers are those installed beside the Python that runs this file."""
    scripts = Path(sys.executable).parent
    model = str(path)
    by_tool = {}
    if ergometer is not None:
        by_tool["ergometer"] = [str(ergometer), "analyze", model]
    onnx_tool = [sys.executable, "-m", "onnx_tool", "-i", model]
    by_tool["onnx-tool 1.0.1"] = [*onnx_tool, "--dynamic_shapes", f"{case.input_name}:f32:{case.input_dims}"]
    by_tool["onnxsim 0.8.1 (counter)"] = [sys.executable, "-c", ONNXSIM, model]
    by_tool["tract 0.23.9 (no count)"] = [sys.executable, "-c", TRACT, model, case.input_dims]
    by_tool["onnx-opcounter 0.0.4"] = [str(scripts / "onnx_opcounter"), "--calculate-macs", model]
    return by_tool


class Failed(Exception):
    """A run that took too long or ended with an error; the text is what the tool said last."""


def start(command: list[str], errors: BinaryIO) -> subprocess.Popen:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)


def refuse_failure(exit_code: int, errors: BinaryIO) -> None:
    if exit_code < 0:
        raise Failed(f"killed by signal {-exit_code}")
    if exit_code > 0:
        errors.seek(0)
        lines = [line.strip() for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
        raise Failed((lines or [f"exit code {exit_code}"])[-1].replace("|", "/")[:LONGEST_FAILURE_TEXT])


def run_once(command: list[str], timeout_s: float) -> float:
    """Seconds from start to exit."""
    with tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        process = start(command, errors)
        # `wait` with a limit would look only every so often: too coarse for runs of milliseconds.
        limit = threading.Timer(timeout_s, process.kill)
        limit.start()
        exit_code = process.wait()
        duration_s = time.perf_counter() - begun
        limit.cancel()
        if duration_s > timeout_s:
            raise Failed(f"more than {timeout_s:.0f} s")
        refuse_failure(exit_code, errors)
    return duration_s


@dataclass
class Memory:
    """In bytes."""

    peak: int = 0
    anonymous: int = 0
    file: int = 0


def read_status(pid: int) -> dict[str, int]:
    """The memory lines of /proc/PID/status in bytes; none once the process has let its memory go."""
    with open(f"/proc/{pid}/status") as status:
        lines = [line.split() for line in status if line.startswith(("VmHWM", "RssAnon", "RssFile"))]
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}


def run_watched(command: list[str], timeout_s: float, memory: Memory) -> None:
    """Runs once without timing and fills in `memory`, also where the run fails."""
    with tempfile.TemporaryFile() as errors:
        deadline = time.perf_counter() + timeout_s
        process = start(command, errors)
        while (exit_code := process.poll()) is None:
            sample = read_status(process.pid)
            if sample:
                memory.peak = max(memory.peak, sample["VmHWM"])
                memory.anonymous = max(memory.anonymous, sample["RssAnon"])
                memory.file = max(memory.file, sample["RssFile"])
            if time.perf_counter() > deadline:
                process.kill()
                process.wait()
                raise Failed(f"more than {timeout_s:.0f} s")
            time.sleep(PAUSE_BETWEEN_SAMPLES_S)
        refuse_failure(exit_code, errors)


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}" if size < 1e8 else f"{size / 1e6:,.0f}"


def seconds(duration_s: float) -> str:
    return f"{duration_s * 1e3:.1f} ms" if duration_s < 0.1 else f"{duration_s:.2f} s"


def table_row(case: Case, tool: str, command: list[str], runs: int, timeout_s: float, budget_s: float) -> str:
    memory = Memory()
    durations_s: list[float] = []
    try:
        # Also warms the page cache for the timed runs. A run of milliseconds gives few samples, so it is repeated.
        watched_from = time.perf_counter()
        while not memory.peak or time.perf_counter() - watched_from < LEAST_WATCHED_S:
            run_watched(command, timeout_s, memory)
        begun = time.perf_counter()
        while len(durations_s) < runs and (not durations_s or time.perf_counter() - begun < budget_s):
            durations_s.append(run_once(command, timeout_s))
        taken = f"{seconds(statistics.median(durations_s))} (of {len(durations_s)})"
    except Failed as failed:
        taken = f"fails: {failed}"
    cells = [case.description, tool, taken, megabytes(memory.peak), megabytes(memory.anonymous), megabytes(memory.file)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Times ergometer and its peers on the files of make_large.py.")
    parser.add_argument("folder", type=Path, help="where make_large.py wrote them")
    parser.add_argument("--ergometer", type=Path, help="the ergometer program; without it only the peers run")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=180, help="seconds for one run (default: %(default)s)")
    parser.add_argument(
        "--budget", type=float, default=60, help="seconds after which a case is not repeated (default: %(default)s)"
    )
    parser.add_argument("--only", help="comma-separated files to take instead of all")
    parser.add_argument("--tool", default="", help="only the tools with this in their name")
    options = parser.parse_args()
    if options.ergometer is not None and not os.access(options.ergometer, os.X_OK):
        print(f"{options.ergometer} is not there: only the peers run", file=sys.stderr)
        options.ergometer = None
    chosen = options.only.split(",") if options.only else [case.file for case in CASES]

    print("| model | tool | time (median) | peak MB | anonymous MB | file MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for case in CASES:
        if case.file not in chosen:
            continue
        for tool, command in commands(case, options.folder / case.file, options.ergometer).items():
            if options.tool not in tool:
                continue
            row = table_row(case, tool, command, options.runs, options.timeout, options.budget)
            print(row, flush=True)


if __name__ == "__main__":
    main()
