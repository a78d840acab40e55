#!/usr/bin/env python3
"""Writes published measurements as the table that `ergometer fit` and `ergometer validate` read.

    python3 tests/validation/measurements.py DATA ZOO OUT.csv

ZOO is a folder with the graphs of the measured models, `timm/NAME-SIDE.onnx` and `transformers/NAME.onnx`; rows of others
are left out. DATA holds the measurements, which are not part of this repository:
  timm_infer_dev.csv         images per second of timm's benchmark (huggingface/pytorch-image-models, aa4b585)
  neusight_e2e_fp32_dev.csv  time of FP32 transformers            (sitar-lab/NeuSight, 6945927)
  irene_model_energy_dev.csv time and energy of transformers      (StonyBrookNLP/irene, 3e013f1)
"""

import csv
import pathlib
import sys

# One run a device, all with one version of PyTorch, and the compiled ones of two.
TIMM = {
    "rtx3090_amp_nchw_pt240_eager": ("rtx-3090", "eager"),
    "rtx4090_amp_nchw_pt240_eager": ("rtx-4090", "eager"),
    "rtx4090_amp_nchw_pt240_dynamo": ("rtx-4090", "compiled"),
    "rtx4090_amp_nchw_pt291_dynamo": ("rtx-4090", "compiled"),
}
NEUSIGHT = {
    "P4": "p4",
    "T4": "t4",
    "P100": "p100",
    "V100": "nvidia-tesla-v100-pcie-32-gb",
    "A100": "a100-pcie-40gb",
}
# The data says only "device_1"; its memory clock fits this card.
IRENE = {"device_1": "gtx-1070"}
COLUMNS = ["path", "device", "batch", "dims", "precision", "runtime", "seconds", "joules", "joules_wall", "family"]


def rows(folder, name):
    with open(folder / name, newline="") as file:
        yield from csv.DictReader(file)


def neusight_device(text):
    text = text.replace(" ", "-").replace("_", "-") + "-"
    return next((ours for theirs, ours in NEUSIGHT.items() if f"{theirs}-" in text), None)


def measurements(data):
    for row in rows(data, "timm_infer_dev.csv"):
        if row["run"] in TIMM:
            device, runtime = TIMM[row["run"]]
            yield {
                "path": f"timm/{row['model']}-{row['img_size']}.onnx",
                "device": device,
                "batch": row["batch"],
                "precision": "amp",
                "runtime": runtime,
                "seconds": float(row["batch"]) / float(row["samples_per_s"]),
            }
    for row in rows(data, "neusight_e2e_fp32_dev.csv"):
        if device := neusight_device(row["device"]):
            yield {
                "path": f"transformers/{row['model']}.onnx",
                "device": device,
                "batch": row["batch"],
                "dims": f"sequence={row['seq']}",
                "precision": "fp32",
                "seconds": float(row["measured_ms"]) / 1e3,
            }
    for row in rows(data, "irene_model_energy_dev.csv"):
        if row["device"] in IRENE:
            yield {
                "path": f"transformers/{row['model'].split('/')[-1]}.onnx",
                "device": IRENE[row["device"]],
                "batch": row["batch"],
                "dims": f"sequence={row['seq_len']}",
                "precision": "fp32",
                "seconds": row["time_s"],
                "joules": row["gpu_energy_j_software"],
                "joules_wall": row["energy_j_wall"],
            }


def main(data, zoo, out):
    zoo = pathlib.Path(zoo).resolve()
    found = [row for row in measurements(pathlib.Path(data)) if (zoo / row["path"]).exists()]
    # Rows of a model stand together: it is counted once for all of them.
    found.sort(key=lambda row: (row["path"], str(row.get("batch")), row.get("dims", "")))
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, "path": zoo / row["path"]} for row in found)
    print(f"{out}: {len(found)} measurements")


if __name__ == "__main__":
    main(*sys.argv[1:4])
