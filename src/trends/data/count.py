#!/usr/bin/env python3
"""Counts the graphs that vision.csv and language.csv name, and estimates what they take: writes counts.csv and estimates.csv.

usage: count.py ERGOMETER FOLDER

FOLDER holds the graphs. They are not part of the repository, which is why what follows from them is. A vision model is
counted at batch 1 and its own side, a language model at its tokens. Estimates are of one input of a batch of 32 (1 for
language) in compiled PyTorch, in FP16 where the device has tensor cores: on the newest server GPU of NVIDIA's at the model's
date, and on one device for all.
"""

import collections
import csv
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
# Launches as in the catalogue; the first stands for all before it.
SERVERS = [("2010-11", "gtx-580"), ("2012-11", "k20x"), ("2013-11", "k40m"), ("2015-11", "m40"), ("2016-06", "p100"),
           ("2017-06", "v100"), ("2020-05", "a100"), ("2022-10", "h100"), ("2024-11", "b200")]
TENSOR_CORES = {"v100", "a100", "h100", "b200"}
ONE_FOR_ALL = "a100"
COUNTED = ["params", "macs", "fvcore", "torch", "onnx-tool", "tract", "ptflops"]


def of_its_time(date):
    return [name for launch, name in SERVERS if launch <= max(date, SERVERS[0][0])][-1]


def run(arguments, failures=False):
    """What a command prints; with `failures`, some of its models may fail, and their rows say so."""
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0 and not (failures and done.returncode in (4, 5)):
        sys.exit(f"{' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def rows():
    for domain, per in (("cv", "side"), ("nlp", "tokens")):
        table = {"cv": "vision.csv", "nlp": "language.csv"}[domain]
        with open(HERE / table, newline="") as file:
            for row in csv.DictReader(file):
                if row["graph"]:
                    yield domain, row["name"], row["graph"], row["date"][:7], row[per]


def sizes(program, domain, path, size):
    """Options that set the length of a text: exporters call the dimension by different names, or fix it."""
    if domain == "cv":
        return []
    bindings = json.loads(run([program, "analyze", path, "--format", "json"]))["bindings"]
    options = [f"--dim={one['name']}={size}" for one in bindings if one["name"].startswith("seq")]
    if not options and not any(one["value"] == int(size) for one in bindings):
        sys.exit(f"{path} takes no {size} tokens")
    return options


def main(program, folder):
    models = list(rows())
    counts, estimates = [], []
    for domain, name, graph, _, size in models:
        table = run([program, "analyze", f"{folder}/{graph}", "--batch", "1", *sizes(program, domain, f"{folder}/{graph}", size), "--by", "op", "--all",
                     "--fields", ",".join(COUNTED), "--format", "csv"])
        sums = collections.Counter()
        for row in csv.DictReader(table.splitlines()):
            for key in COUNTED:
                sums[key] += int(row[key])
        counts.append([domain, name, graph, *(sums[key] for key in COUNTED)])
    runs = collections.defaultdict(list)
    for domain, name, graph, date, size in models:
        for device in {of_its_time(date), ONE_FOR_ALL}:
            options = tuple(sizes(program, domain, f"{folder}/{graph}", size))
            runs[domain, device, options].append((name, graph, device == of_its_time(date)))
    for (domain, device, options), of in sorted(runs.items()):
        batch = 32 if domain == "cv" else 1
        precision = "fp16" if device in TENSOR_CORES else "fp32"
        lines = run([program, "score", *(f"{folder}/{graph}" for graph in {graph for _, graph, _ in of}), "--device", device,
                     "--batch", str(batch), *options, "--runtime", "compiled", "--precision", precision,
                     "--format", "jsonl", "--no-cache", "--quiet"], failures=True)
        found = {}
        for line in lines.splitlines():
            row = json.loads(line)
            for estimate in row["estimates"]:
                found[row["path"]] = estimate
        for name, graph, contemporary in of:
            estimate = found.get(f"{folder}/{graph}")
            energy = estimate and estimate["energy_j"]
            if not energy:
                print(f"{name} on {device}: no energy", file=sys.stderr)
                continue
            figures = [float(f"{energy[key] / batch:.4g}") for key in ("value", "low", "high")]
            for which in (["of-its-time"] if contemporary else []) + (["one-for-all"] if device == ONE_FOR_ALL else []):
                estimates.append([domain, name, which, estimate["device"], precision, *figures])
    write("counts.csv", ["domain", "name", "graph", *COUNTED], counts)
    write("estimates.csv", ["domain", "name", "which", "device", "precision", "energy_j", "low_j", "high_j"], estimates)


def write(name, header, lines):
    with open(HERE / name, "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(sorted(lines))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
