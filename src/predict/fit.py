#!/usr/bin/env python3
"""Fits the constants of `constants.rs` on measurements, and says how well they do on devices held back.

    cargo build --release
    pip install numpy                 # Python 3.11 or newer
    python3 src/predict/fit.py target/release/ergometer DATA ZOO

ZOO is a folder with the graphs of the measured models, `timm/NAME-SIDE.onnx` and `transformers/NAME.onnx`; ergometer
counts them. It takes a minute or two.

DATA holds the measurements, which are not part of this repository:
  timm_infer_dev.csv         images per second of timm's benchmark (huggingface/pytorch-image-models, aa4b585)
  neusight_ops_dev.csv       time of single FP32 kernels          (sitar-lab/NeuSight, 6945927)
  neusight_e2e_fp32_dev.csv  time of FP32 transformers            (the same)
  irene_model_energy_dev.csv time and GPU energy of transformers  (StonyBrookNLP/irene, 3e013f1)
  mlenergy_v3.csv            average GPU power while serving      (ml-energy/leaderboard, 0cd52da)
The model of a time is that of `time.rs`; a device's figures are read from the catalogue beside it.
"""

import collections
import csv
import itertools
import json
import math
import pathlib
import subprocess
import sys
import tomllib

import numpy as np

CATALOGUE = pathlib.Path(__file__).parent.parent / "device" / "catalogue"
SPECIAL, HOST_BYTES = 8, 256  # as in time.rs

# One run a device, all with one version of PyTorch; the other versions are not independent measurements.
TIMM = {"rtx3090_amp_nchw_pt240_eager": "rtx-3090", "rtx4090_amp_nchw_pt240_eager": "rtx-4090"}
# Never fitted on: the constants are those of eager PyTorch, these show how far a compiler is from them.
TIMM_COMPILED = {"rtx4090_amp_nchw_pt240_dynamo": "rtx-4090", "rtx4090_amp_nchw_pt291_dynamo": "rtx-4090"}
# The data says only "device_1"; its memory clock fits this card.
IRENE = {"device_1": "gtx-1070"}
NEUSIGHT = {
    "P4": "p4",
    "T4": "t4",
    "P100": "p100",
    "V100": "nvidia-tesla-v100-pcie-32-gb",
    "A100": "a100-pcie",
}
# Never fitted on: the constants are NVIDIA's, these show what they are worth elsewhere.
OTHERS = {"MI100": "mi100", "MI210": "mi210"}
BOARD_POWER_W = {"H100": 700, "B200": 1000}
ROOFLINE = {"matrix": 1, "vector": 1, "bandwidth": 1, "launch": 0}
BOUNDS = {"matrix": (0.1, 1.0), "vector": (0.1, 1.0), "bandwidth": (0.1, 1.0), "launch": (1e-6, 5e-5)}


def rows(data, name):
    with open(pathlib.Path(data) / name, newline="") as file:
        yield from csv.DictReader(file)


def neusight_device(text):
    text = text.replace(" ", "-").replace("_", "-") + "-"
    return next((ours for theirs, ours in (NEUSIGHT | OTHERS).items() if f"{theirs}-" in text), None)


def irene_case(row):
    return f"transformers/{row['model'].split('/')[-1]}.onnx batch={row['batch']} sequence={row['seq_len']}"


def model_rows(data):
    """(source, device, precision, model, case: a file of the zoo and its dimensions, seconds)"""
    for row in rows(data, "timm_infer_dev.csv"):
        if device := (TIMM | TIMM_COMPILED).get(row["run"]):
            case = f"timm/{row['model']}-{row['img_size']}.onnx batch={row['batch']}"
            seconds = float(row["batch"]) / float(row["samples_per_s"])
            source = row["run"] if row["run"] in TIMM_COMPILED else "timm"
            yield source, device, "fp16", row["model"], case, seconds
    for row in rows(data, "neusight_e2e_fp32_dev.csv"):
        case = f"transformers/{row['model']}.onnx batch={row['batch']} sequence={row['seq']}"
        yield "neusight models", neusight_device(row["device"]), "fp32", row["model"], case, float(row["measured_ms"]) / 1e3
    for row in rows(data, "irene_model_energy_dev.csv"):
        if row["device"] in IRENE:
            model = row["model"].split("/")[-1]
            yield "irene", IRENE[row["device"]], "fp32", model, irene_case(row), float(row["time_s"])


def kernel_rows(data):
    """(device, operator, layer as layers_of gives it, seconds)"""
    for row in rows(data, "neusight_ops_dev.csv"):
        b, m, n, k, h = (int(row[key] or 0) for key in "bmnkh")
        if row["op"] in ("linear", "bmm"):
            weights = n * k if row["op"] == "linear" else b * n * k
            layer = [1, b * m * n * k, 0, 0, 4 * b * m * k, 4 * weights, 4 * b * m * n]
        else:
            inputs = 2 if row["op"] in ("add", "sub", "mul", "div", "pow") else 1
            layer = [1, 0, b * h, 0, 4 * b * h * inputs, 0, 4 * b * h]
        yield neusight_device(row["device"]), row["op"], layer, float(row["latency_ms"]) / 1e3


def analyze(ergometer, zoo, case, device):
    """The analysis of a case, None where the zoo lacks its file or ergometer cannot count all of it."""
    file, *dims = case.split()
    path = pathlib.Path(zoo) / file
    if not path.exists():
        return None
    command = [ergometer, "analyze", path, "--format", "json", "--device", device, *(f"--dim={dim}" for dim in dims)]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    analysis = json.loads(run.stdout)
    return None if run.returncode != 0 or analysis["uncosted"] else analysis


def layers_of(analysis):
    """[repeat, MACs, simple operations, special ones, bytes read, of weights, written] of each layer that moves data."""
    layers = []
    for layer in analysis["layers"]:
        moved = [layer["bytes_read"], layer["bytes_weights"], layer["bytes_written"]]
        if any(moved):
            simple = layer["alu"] + layer["int"]
            special = layer["div"] + layer["trans"] + layer["rng"]
            layers.append([layer["repeat"], layer["macs"], simple, special, *moved])
    return layers


def catalogue():
    devices = {}
    for path in CATALOGUE.glob("*.toml"):
        for family in tomllib.loads(path.read_text()).get("family", []):
            for device in family["device"]:
                rates = {}
                for line in device["rates"].split("\n"):
                    precision, _, tera = (line.split() + [None] * 3)[:3]
                    if tera:
                        rates[precision] = max(rates.get(precision, 0), float(tera) * 1e12)
                device["peaks"] = rates
                device["bandwidth"] = float(device["bandwidth_gb_s"].split()[0]) * 1e9
                for name in (device["id"], *device.get("aliases", [])):
                    devices[name] = device
    return devices


class Case:
    """Layers on a device: the times at full rates, and what was measured."""

    def __init__(self, source, device, figures, precision, name, layers, seconds):
        repeat, macs, simple, special, read, weights, written = np.array(layers, float).T
        self.source, self.device, self.name, self.seconds = source, device, name, seconds
        self.unit = "matrix" if precision == "fp16" else "vector"
        moved = read + weights + written
        # An fp32 graph run in fp16 moves half the bytes.
        stored = moved / 2 if precision == "fp16" else moved
        self.contraction = 2 * macs / figures["peaks"][precision]
        self.vector = 2 * (simple + SPECIAL * special) / figures["peaks"]["fp32"]
        self.memory = stored / figures["bandwidth"]
        self.launches = repeat[moved >= HOST_BYTES * repeat].sum()

    def predict(self, c):
        compute = self.contraction / c[self.unit] + self.vector / c["vector"]
        return np.maximum(compute, self.memory / c["bandwidth"]).sum() + self.launches * c["launch"]

    def error(self, c):
        return math.log(self.predict(c) / self.seconds)


def groups_of(cases):
    groups = collections.defaultdict(list)
    for case in cases:
        groups[case.source, case.device].append(case)
    return groups


def loss(cases, c):
    """Mean absolute error of the logarithm, each source on each device weighing the same."""
    return float(np.mean([np.mean([abs(case.error(c)) for case in group]) for group in groups_of(cases).values()]))


def fit(cases, start):
    """Coordinate descent on the logarithms of the constants, to steps of 1 %."""
    c, step = dict(start), 1.5
    best = loss(cases, c)
    while step > 1.01:
        improved = False
        for name, (low, high) in BOUNDS.items():
            for factor in (step, 1 / step):
                trial = dict(c, **{name: min(max(c[name] * factor, low), high)})
                value = loss(cases, trial)
                if value < best - 1e-6:
                    best, c, improved = value, trial, True
        if not improved:
            step = math.sqrt(step)
    return c


def report(label, errors, low=None, high=None):
    ape = np.abs(np.exp(errors) - 1)
    draws = np.random.default_rng(0).choice(ape, (1000, len(ape)))
    ends = np.quantile(np.median(draws, axis=1), [0.05, 0.95])
    line = f"{label:44} n {len(errors):5}  median APE {np.median(ape):5.1%} ({ends[0]:.1%} to {ends[1]:.1%}, 90 % bootstrap)"
    line += f"  MAPE {ape.mean():5.1%}  bias x{math.exp(np.median(errors)):.2f}"
    if low:
        # The measured time over the predicted one is what the interval must hold.
        inside = np.mean((np.exp(-errors) >= low) & (np.exp(-errors) <= high))
        line += f"  p10-p90 covers {inside:4.0%}, width x{high / low:.2f}"
    print(line)


def spread(groups):
    """p10 and p90 of measured over predicted time, each group weighing the same."""
    quantiles = [np.quantile(np.exp(-np.array(group)), np.linspace(0.005, 0.995, 100)) for group in groups]
    return tuple(np.quantile(np.concatenate(quantiles), [0.1, 0.9]))


def hold_out(label, cases, start, key, among):
    """Each value of `key` left out in turn: errors on what was left out, under constants fitted on the rest."""
    print(label)
    left_out, full = {}, []
    for value in sorted({key(case) for case in among}):
        held = [case for case in among if key(case) == value]
        c = fit([case for case in cases if key(case) != value], start)
        left_out[value] = [case.error(c) for case in held]
        full += [case.error(ROOFLINE) for case in held]
    for value, errors in left_out.items():
        others = [errors for other, errors in left_out.items() if other != value]
        report(f"  held back: {value}", np.array(errors), *spread(others))
    low, high = spread(left_out.values())
    report("  all held back", np.concatenate([np.array(errors) for errors in left_out.values()]), low, high)
    report("  the same by the plain roofline", np.array(full))
    print(f"  LATENCY_SPREAD {low:.2f} {high:.2f}")


def family(case):
    """The letters of a model's name up to its first digit or underscore, in one of five folds."""
    name = "".join(itertools.takewhile(str.isalpha, case.name))
    return sum(name.encode()) % 5 if case.unit == "matrix" else case.name


def fit_time(ergometer, data, zoo):
    devices = catalogue()
    costs = {}
    for case, device in sorted({row[4]: row[1] for row in model_rows(data)}.items()):
        if analysis := analyze(ergometer, zoo, case, device):
            costs[case] = layers_of(analysis)
    models = [
        Case(source, device, devices[device], precision, name, costs[case], seconds)
        for source, device, precision, name, case, seconds in model_rows(data)
        if case in costs
    ]
    # Every tenth row is plenty, and keeps this within minutes.
    kernels = [
        Case("neusight kernels", device, devices[device], "fp32", operator, [layer], seconds)
        for index, (device, operator, layer, seconds) in enumerate(kernel_rows(data))
        if index % 10 == 0
    ]
    start = {"matrix": 0.5, "vector": 0.7, "bandwidth": 0.75, "launch": 1e-5}
    others = [case for case in models if case.device in OTHERS.values() or case.source in TIMM_COMPILED]
    models = [case for case in models if case not in others]
    cases = models + kernels
    constants = fit(cases, start)
    print("constants", {name: float(f"{value:.2g}") for name, value in constants.items()})
    for (source, device), group in groups_of(cases + others).items():
        never = "never fitted on" if group[0] in others else "fitted on"
        report(f"  {never}: {source}, {device}", np.array([case.error(constants) for case in group]))
    vector = [case for case in models if case.unit == "vector"]
    matrix = [case for case in models if case.unit == "matrix"]
    neusight = [case for case in vector if case.source == "neusight models"]
    hold_out("FP32 models, one device held back", cases, constants, lambda case: case.device, vector)
    hold_out("of these NeuSight's", cases, constants, lambda case: case.device, neusight)
    hold_out("FP32 models, one model held back", cases, constants, family, vector)
    hold_out("FP32 kernels, one device held back", cases, constants, lambda case: case.device, kernels)
    hold_out("FP16 image models, one device held back", cases, constants, lambda case: case.device, matrix)
    hold_out("FP16 image models, a fifth of the families held back", cases, constants, family, matrix)


def fit_power(data):
    share = collections.defaultdict(list)
    for row in rows(data, "mlenergy_v3.csv"):
        kind = "compute" if row["unit"] in ("image", "video") else "memory"
        share[kind, row["gpu"]].append(float(row["avg_power_w"]) / float(row["num_gpus"]) / BOARD_POWER_W[row["gpu"]])
    medians = {}
    for kind in ("compute", "memory"):
        medians[kind] = np.mean([np.median(values) for (k, _), values in share.items() if k == kind])
        print(f"power, {kind}: {medians[kind]:.2f} of the board power")
    ratios = []
    for (kind, gpu), values in sorted(share.items()):
        other = next(np.median(v) for (k, g), v in share.items() if k == kind and g != gpu)
        ratio = np.array(values) / other
        ratios.append(np.log(1 / ratio))
        print(f"  {kind} {gpu}: n {len(values)}, median APE by the other GPU {np.median(np.abs(1 / ratio - 1)):.1%}")
    print("POWER_SPREAD", [float(f"{x:.2f}") for x in spread(ratios)])
    watts = collections.defaultdict(list)
    for row in rows(data, "irene_model_energy_dev.csv"):
        kind = "launch" if row["model"].endswith("tiny-ctrl") else "busy"
        watts[kind].append(float(row["gpu_energy_j_software"]) / float(row["time_s"]))
    print(f"power, launch: {np.median(watts['launch']) / np.median(watts['busy']):.2f} of that of a busy GPU")


def check_energy(ergometer, data, zoo):
    """What ergometer says of energy, against the only measured energy there is. Its constants were fitted on the times."""
    ratios, inside = [], []
    for row in rows(data, "irene_model_energy_dev.csv"):
        if row["device"] in IRENE:
            case = irene_case(row)
            energy = analyze(ergometer, zoo, case, IRENE[row["device"]])["estimates"][0]["energy_j"]
            measured = float(row["gpu_energy_j_software"])
            ratios.append(energy["value"] / measured)
            inside.append(energy["low"] <= measured <= energy["high"])
    print(f"energy: n {len(ratios)}, predicted x{np.median(ratios):.2f} of the measured (median), {np.mean(inside):.0%} inside p10-p90")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [ergometer, data, zoo]:
            fit_time(ergometer, data, zoo)
            fit_power(data)
            check_energy(ergometer, data, zoo)
        case _:
            sys.exit(__doc__)
