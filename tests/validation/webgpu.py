"""Predictions for `--runtime webgpu` against ONNX Runtime's WebGPU provider, on a software adapter.

    python3 tests/validation/webgpu.py record -o target/recording.json
    python3 tests/validation/webgpu.py compare --ergometer target/release/ergometer --profile lavapipe \
        --recording target/recording.json --assert

README.md, beside this file, says what is measured and how to read the tables.
"""

import argparse
import datetime
import gzip
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import comparison
import environment

MODELS = environment.ROOT / "models"
SCHEMA = "ergometer.recording/1"
# A kernel of a smaller share of its model is not listed in a compact recording.
SMALL_KERNEL = 0.0005


def main() -> int:
    arguments = parse()
    if arguments.command == "record":
        environment.enter(arguments.icd)
        recording = record(arguments.model)
        write(arguments.output, compact(recording) if arguments.compact else recording)
        return 0
    if arguments.recording is None:
        environment.enter(arguments.icd)
        recording = record(arguments.model)
    else:
        recording = read(arguments.recording)
    return comparison.compare(recording, arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    recorder = commands.add_parser("record", help="measure the bundled models")
    recorder.add_argument("-o", "--output", type=Path, required=True, help="gzip-compressed if it ends in .gz")
    recorder.add_argument("--compact", action="store_true", help="merge equal kernels, drop the names of nodes and the smallest kernels")
    comparer = commands.add_parser("compare", help="print predicted against measured seconds")
    comparer.add_argument("--ergometer", type=Path, required=True, help="the binary")
    comparer.add_argument("--profile", required=True, help="a name or file for --device")
    comparer.add_argument("--recording", type=Path, help="an earlier recording; without it, one is made")
    comparer.add_argument("--assert", dest="strict", action="store_true", help="fail where a target is missed")
    comparer.add_argument("--markdown", action="store_true", help="the table of models only, for a document")
    for command in (recorder, comparer):
        command.add_argument("--icd", type=Path, help="a Vulkan manifest to use in place of the one found")
        command.add_argument("--model", action="append", default=[], metavar="FILE", help="only this bundled model")
    return parser.parse_args()


def record(only: list[str]) -> dict:
    """Every bundled model, one process each; a model that cannot be measured is listed with its reason."""
    files = sorted(path for path in MODELS.glob("*.onnx") if not only or path.name in only)
    if not files:
        raise environment.SetupError(f"no such bundled model: {', '.join(only)}")
    machine = describe_machine()
    models, failed = [], {}
    for path in files:
        print(f"{path.name} ...", end=" ", file=sys.stderr, flush=True)
        result = in_process(str(path))
        if isinstance(result, str):
            failed[path.name] = result
            print(result, file=sys.stderr)
        else:
            models.append(result)
            print(f"{result['cpu_s']['median']:.3g} s", file=sys.stderr)
    machine["dispatch"] = in_process("--dispatch")
    machine["load_average"].append(os.getloadavg()[0])
    return {"schema": SCHEMA, "machine": machine, "models": models, "failed": failed}


def in_process(argument: str) -> dict | str:
    """What `measure.py` says, or the last line of why it says nothing."""
    script = Path(__file__).with_name("measure.py")
    done = subprocess.run([sys.executable, script, argument], capture_output=True, text=True)
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return json.loads(done.stdout)


def describe_machine() -> dict:
    """What decides the figures. The load is recorded at the start and the end: neighbours share caches and memory."""
    # Only this script's own interpreter has the runtime, so it is imported here and not above.
    import onnxruntime

    manifest = Path(os.environ[environment.MARK])
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "adapter": "lavapipe",
        "mesa": environment.mesa_version(manifest),
        "runtime": f"onnxruntime-webgpu {onnxruntime.__version__}",
        "date": datetime.date.today().isoformat(),
        "load_average": [os.getloadavg()[0]],
    }


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def compact(recording: dict) -> dict:
    """Equal kernels as one row with a count and the sum of shares; what is too small to matter as one row a class."""
    models = []
    for model in recording["models"]:
        merged = {}
        for kernel in model["kernels"]:
            name = comparison.class_of_program(kernel)
            row = {"operator": kernel["operator"], "program": kernel["program"], "key": kernel["key"], "shapes": kernel["shapes"]}
            if kernel["share"] < SMALL_KERNEL:
                row = {"operator": "", "program": "", "key": "", "shapes": ""}
            row = merged.setdefault((name, *row.values()), {**row, "class": name, "count": 0, "profiled_s": 0.0, "share": 0.0})
            row["count"] += 1
            row["profiled_s"] += kernel["profiled_s"]
            row["share"] += kernel["share"]
        models.append({**model, "kernels": list(merged.values())})
    return rounded({**recording, "models": models})


def rounded(value):
    """Four significant digits, which is more than these measurements repeat to."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return value


def write(path: Path, recording: dict) -> None:
    # A line for each kernel, so that two recordings can be compared as text.
    text = json.dumps(recording, separators=(",", ":")).replace('{"operator"', '\n{"operator"') + "\n"
    if path.suffix == ".gz":
        # No time stamp: the same recording gives the same file.
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text)


def read(path: Path) -> dict:
    data = path.read_bytes()
    recording = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    if recording.get("schema") != SCHEMA:
        raise environment.SetupError(f"{path} is no {SCHEMA}")
    return recording


if __name__ == "__main__":
    try:
        sys.exit(main())
    except environment.SetupError as reason:
        sys.exit(f"error: {reason}")
