#!/usr/bin/env python3
"""Holds estimates against published measurements, and prints the tables of the README.

    python3 tests/validation/accuracy.py ERGOMETER DATA ZOO [FOLDER]

DATA and ZOO are those of measurements.py, which writes FOLDER/measured.csv (target/accuracy); serving.py runs last. Needs
onnx, numpy and scipy.
"""

import csv
import json
import pathlib
import re
import subprocess
import sys
from collections import defaultdict

import measurements
import numpy as np
import serving
from scipy.optimize import nnls

RESAMPLED = 2000
# FP32 FLOPS and bytes a second, from the catalogue: what the baseline is carried by to a device that it has not seen.
RATES = {
    "nvidia-geforce-rtx-3090": (35.58e12, 936.2e9),
    "nvidia-geforce-rtx-4090": (82.58e12, 1008e9),
    "intel-core-i7-12700h": (0.659e12, 76.8e9),
}

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


def validated(ergometer, measured, by, runs):
    command = [ergometer, "validate", "--measured", measured, "--held-back", by, "--json", "--runs", runs]
    # Exit code 4: some rows cannot be predicted.
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode not in (0, 4):
        raise SystemExit(run.stderr)
    with open(runs, newline="") as file:
        return json.loads(run.stdout), list(csv.DictReader(file))


def ends(runs, by):
    """95 % of resamples of whole groups: median and mean of the absolute relative errors."""
    groups = defaultdict(list)
    for run in runs:
        groups[run[by]].append(abs(float(run["predicted"]) / float(run["measured"]) - 1))
    # Of devices there are too few: models are drawn.
    if len(groups) < 10:
        return ends(runs, "model") if by != "model" else ("", "")
    pools = list(groups.values())
    random = np.random.default_rng(1)
    drawn = [np.concatenate([pools[i] for i in random.integers(0, len(pools), len(pools))]) for _ in range(RESAMPLED)]

    def between(of):
        low, high = np.quantile([of(errors) for errors in drawn], [0.025, 0.975])
        return f"{low:.1%} to {high:.1%}"

    return between(np.median), between(np.mean)


def baseline(runs, by, data):
    """Errors of `a · FLOPs / peak + (b · activations + c · parameters) / bandwidth`, fitted on what is not held back."""
    with open(data / "timm_models.csv", newline="") as file:
        known = {(row["model"], row["img_size"]): row for row in csv.DictReader(file)}
    cases = []
    for run in runs:
        model, side = run["model"].rsplit("-", 1)
        row, batch = known.get((model, side)), re.search(r"batch=(\d+)", run["run"])
        if row and batch and row["gmacs"] and row["macts_m"]:
            flops, bandwidth = RATES[run["device"]]
            batch = float(batch[1])
            work = [float(row["gmacs"]) * batch * 2e9 / flops, float(row["macts_m"]) * batch * 1e6 / bandwidth]
            work.append(float(row["params_m"]) * 1e6 / bandwidth)
            cases.append((run[by], run["device"], np.array(work), float(run["measured"])))
    errors = []
    for group in {case[0] for case in cases}:
        for device in {case[1] for case in cases if case[0] == group}:
            # Its constants are those of a device, where that has been seen.
            rest = [case for case in cases if case[0] != group and (by == "device" or case[1] == device)]
            if not rest:
                continue
            factors, _ = nnls(np.array([work / seconds for _, _, work, seconds in rest]), np.ones(len(rest)))
            own = [case for case in cases if case[0] == group and case[1] == device]
            errors += [abs(work @ factors / seconds - 1) for _, _, work, seconds in own]
    return f"{np.median(errors):.1%}, {np.mean(errors):.1%}" if errors else ""


def main(ergometer, data, zoo, folder="target/accuracy"):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    measured = folder / "measured.csv"
    measurements.main(data, zoo, measured)
    found = {by: validated(ergometer, measured, by, folder / f"by_{by}.csv") for by in ("family", "device")}
    print(
        "\n| measured; held back | runs | median | mean | median, 95 % | mean, 95 % | baseline B | roofline, mean |"
        " within 30 % | in the interval | rank |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for figure, runtime, unit, kind, by, name in ROWS:
        keys = {"figure": figure, "runtime": runtime, "unit": unit, "device": kind}
        table, every = found[by]
        row = next((row for row in table if all(row[key] == value for key, value in keys.items())), None)
        if row is None:
            print(f"| {name} | none |")
            continue

        def percent(key, digits=1):
            return "" if row[key] is None else f"{100 * row[key]:.{digits}f} %"

        wanted = {"figure": figure, "runtime": runtime, "unit": unit} | ({} if kind == "all" else {"class": kind})
        runs = [run for run in every if all(run[key] == value for key, value in wanted.items())]
        simple = baseline(runs, by, pathlib.Path(data)) if kind == "images (timm)" else ""
        print(
            f"| {name} | {row['runs']} | {percent('median_error')} | {percent('mean_error')} |"
            f" {' | '.join(ends(runs, by))} | {simple} | {percent('roofline_mean_error')} | {percent('within_30', 0)} | {percent('in_interval', 0)} |"
            f" {row['rank_correlation']:.3f} |"
        )
    print()
    serving.main(ergometer, data, folder / "decoders")


if __name__ == "__main__":
    main(*sys.argv[1:5])
