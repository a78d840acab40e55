#!/usr/bin/env python3
"""What machines draw beside their accelerators, from certified measurements at the wall.

    python3 tests/validation/host.py DATA

DATA holds mlperf_inference_power.csv, which is not part of this repository (tables of MLCommons results,
aryatschand/MLPerf-Power-HPCA-2025, 49b63de). Offline runs of NVIDIA boards without a power cap: of each system the median
power, less what its boards draw at their limit.
"""

import csv
import pathlib
import statistics
import sys

# Watts of a board, from the catalogue.
BOARD = {
    "NVIDIA A100-SXM-80GB": 400,
    "NVIDIA A100-PCIe": 250,
    "NVIDIA A100-PCIe-40GB": 250,
    "NVIDIA A100-PCIe-80GB": 300,
    "NVIDIA H100-SXM-80GB": 700,
    "NVIDIA H100-PCIe-80GB": 350,
    "NVIDIA A30": 165,
    "NVIDIA A10": 150,
    "NVIDIA T4": 70,
    "NVIDIA L4": 72,
    "NVIDIA GeForce RTX 4090": 450,
    "NVIDIA GeForce RTX 4090 (Ada Lovelace)": 450,
}
LIMIT = 0.97


def main(data):
    systems = {}
    with open(pathlib.Path(data) / "mlperf_inference_power.csv", newline="") as file:
        for row in csv.DictReader(file):
            capped = "maxq" in (row["system"] + row["notes"]).lower()
            if row["scenario"] != "Offline" or capped or not (row["system_power_w"] and row["n_accel"]):
                continue
            if row["accelerator"] in BOARD:
                key = row["system"], row["accelerator"], int(float(row["n_accel"]))
                systems.setdefault(key, []).append(float(row["system_power_w"]))
    hosts = []
    for (system, accelerator, count), watts in sorted(systems.items()):
        each = statistics.median(watts) / count
        hosts.append(each - LIMIT * BOARD[accelerator])
        print(f"{system[:44]:44} {count} x {accelerator:40} {each:4.0f} W each, {hosts[-1]:4.0f} W of it the host's")
    deciles = statistics.quantiles(hosts, n=10, method="inclusive")
    print(f"{len(hosts)} systems: median {statistics.median(hosts):.0f} W, p10 {deciles[0]:.0f}, p90 {deciles[-1]:.0f}")


if __name__ == "__main__":
    main(sys.argv[1])
