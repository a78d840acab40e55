#!/usr/bin/env python3
"""Holds estimates against published measurements, and prints the tables of the README.

    python3 tests/validation/accuracy.py ERGOMETER DATA ZOO [FOLDER]

DATA and ZOO are those of measurements.py, which writes FOLDER/measured.csv (target/accuracy); serving.py runs last. Needs
onnx, numpy and scipy.
"""

import json
import pathlib
import subprocess
import sys

import measurements
import serving

# Figure, runtime, unit, class of runs, what is held back, and its name.
ROWS = [
    ("time", "eager", "matrix", "images (timm)", "family", "FP16 image models, eager; one family of models"),
    ("time", "eager", "matrix", "images (timm)", "device", "the same; one GPU of 5"),
    ("time", "compiled", "matrix", "images (timm)", "family", "FP16 image models, compiled; one family of models"),
    ("time", "compiled", "vector", "images (timm)", "family", "FP32 image models on a CPU, compiled; one family of models"),
    ("time", "eager", "vector", "all", "device", "FP32 models, eager; one GPU of 7"),
    ("time", "eager", "vector", "transformers (NeuSight)", "device", "of these, NeuSight's transformers"),
    ("time", "eager", "vector", "images (NVIDIA)", "device", "of these, NVIDIA's convolutional examples"),
    ("time", "eager", "matrix", "images (NVIDIA)", "device", "FP16 and TF32 of the same examples"),
    ("kernels", "eager", "vector", "all", "device", "single FP32 kernels; one GPU of 5"),
    ("energy at the wall", "eager", "vector", "all", "device", "energy of FP32 transformers at the wall; the machine"),
    ("energy", "eager", "vector", "all", "device", "energy of the same by the GPU's own figure"),
]


def validated(ergometer, measured, by):
    command = [ergometer, "validate", "--measured", measured, "--held-back", by, "--json"]
    # Exit code 4: some rows cannot be predicted.
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode not in (0, 4):
        raise SystemExit(run.stderr)
    return json.loads(run.stdout)


def main(ergometer, data, zoo, folder="target/accuracy"):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    measured = folder / "measured.csv"
    measurements.main(data, zoo, measured)
    found = {by: validated(ergometer, measured, by) for by in ("family", "device")}
    print("\n| measured; held back | runs | median | mean | roofline, mean | within 30 % | in the interval | rank |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for figure, runtime, unit, kind, by, name in ROWS:
        keys = {"figure": figure, "runtime": runtime, "unit": unit, "device": kind}
        row = next((row for row in found[by] if all(row[key] == value for key, value in keys.items())), None)
        if row is None:
            print(f"| {name} | none |")
            continue

        def percent(key, digits=1):
            return "" if row[key] is None else f"{100 * row[key]:.{digits}f} %"

        print(
            f"| {name} | {row['runs']} | {percent('median_error')} | {percent('mean_error')} |"
            f" {percent('roofline_mean_error')} | {percent('within_30', 0)} | {percent('in_interval', 0)} |"
            f" {row['rank_correlation']:.3f} |"
        )
    print()
    serving.main(ergometer, data, folder / "decoders")


if __name__ == "__main__":
    main(*sys.argv[1:5])
