#!/usr/bin/env python3
"""Holds `ergometer llm` against measured serving, and fits to it what an engine takes and what boards draw.

    python3 tests/validation/serving.py ERGOMETER DATA [FOLDER]

DATA holds mlenergy_v3.csv, which is not part of this repository: power, energy and throughput of vLLM on H100 and B200
(ml-energy/leaderboard, 0cd52da). Of its models, those are taken whose decoder is plain: no experts, no other modality, no
sliding window. Their graphs are written here from their published sizes, without weights.

The data does not say how long prompts are: 256 tokens are taken. FP8 models keep their cache in 16 bits; `--precision fp8`
halves it. Needs onnx, numpy and scipy.
"""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile
from collections import defaultdict

import numpy as np
import onnx
from onnx import TensorProto, helper
from scipy.optimize import least_squares

# Layers, hidden size, heads, heads of keys and values, size of a head, width of the MLP, vocabulary.
LLAMA = {
    "Llama-3.1-8B": (32, 4096, 32, 8, 128, 14336, 128256),
    "Llama-3.1-70B": (80, 8192, 64, 8, 128, 28672, 128256),
    "Llama-3.3-70B": (80, 8192, 64, 8, 128, 28672, 128256),
    "Llama-3.1-405B": (126, 16384, 128, 8, 128, 53248, 128256),
}
QWEN = {
    "Qwen3-8B": (36, 4096, 32, 8, 128, 12288, 151936),
    "Qwen3-14B": (40, 5120, 40, 8, 128, 17408, 151936),
    "Qwen3-32B": (64, 5120, 64, 8, 128, 25600, 151936),
}
SIZES = {f"meta-llama/{name}-Instruct": sizes for name, sizes in LLAMA.items()}
SIZES["meta-llama/Llama-3.1-405B-Instruct-FP8"] = LLAMA["Llama-3.1-405B"]
SIZES |= {f"Qwen/{name}": sizes for name, sizes in QWEN.items()}
DEVICES = {"H100": "nvidia-h100-sxm5-80-gb", "B200": "nvidia-b200"}
PROMPT = 256
# Watts of the board, FLOPS in 16 bits and bytes a second, from the catalogue.
BOARD = {"H100": (700, 989.4e12, 3.35e12), "B200": (1000, 2250e12, 8e12)}
LIMIT = 0.97


def decoder(path, layers, hidden, heads, kv_heads, head, mlp, vocabulary):
    """Writes a decoder with a cache as ONNX, its weights in a file that need not be there."""
    nodes, weights, inputs, outputs = [], [], [], []
    element = TensorProto.BFLOAT16

    def weight(name, *dims):
        tensor = TensorProto(name=name, data_type=element, dims=dims, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="weights.bin")
        weights.append(tensor)
        return name

    def node(op, operands, results, domain="", **attributes):
        nodes.append(helper.make_node(op, operands, results, name=results[0], domain=domain, **attributes))
        return results[0]

    def linear(x, name, rows, columns):
        return node("MatMul", [x, weight(f"{name}.weight", rows, columns)], [name])

    def norm(x, name):
        return node("SimplifiedLayerNormalization", [x, weight(f"{name}.scale", hidden)], [name], epsilon=1e-5)

    value = helper.make_tensor_value_info
    inputs += [
        value("input_ids", TensorProto.INT64, ["batch", "sequence"]),
        value("seqlens_k", TensorProto.INT32, ["batch"]),
        value("total", TensorProto.INT32, []),
    ]
    x = node("Gather", [weight("embed.weight", vocabulary, hidden), "input_ids"], ["embed"])
    for i in range(layers):
        past = [f"past_key_values.{i}.key", f"past_key_values.{i}.value"]
        present = [f"present.{i}.key", f"present.{i}.value"]
        inputs += [value(name, element, ["batch", kv_heads, "past_sequence", head]) for name in past]
        outputs += [value(name, element, ["batch", kv_heads, "total_sequence", head]) for name in present]
        at = f"layers.{i}"
        h = norm(x, f"{at}.norm1")
        q = linear(h, f"{at}.q", hidden, heads * head)
        k = linear(h, f"{at}.k", hidden, kv_heads * head)
        v = linear(h, f"{at}.v", hidden, kv_heads * head)
        attended = node(
            "GroupQueryAttention", [q, k, v, *past, "seqlens_k", "total"], [f"{at}.attend", *present],
            domain="com.microsoft", num_heads=heads, kv_num_heads=kv_heads,
        )  # fmt: skip
        x = node("Add", [x, linear(attended, f"{at}.o", heads * head, hidden)], [f"{at}.sum1"])
        h = norm(x, f"{at}.norm2")
        gate, up = linear(h, f"{at}.gate", hidden, mlp), linear(h, f"{at}.up", hidden, mlp)
        gate = node("Mul", [gate, node("Sigmoid", [gate], [f"{at}.sigmoid"])], [f"{at}.silu"])
        h = node("Mul", [gate, up], [f"{at}.gated"])
        x = node("Add", [x, linear(h, f"{at}.down", mlp, hidden)], [f"{at}.sum2"])
    # Of a prompt, serving needs what follows its last token alone.
    weights.append(helper.make_tensor("last", TensorProto.INT64, [1], [-1]))
    last = node("Gather", [norm(x, "norm"), "last"], ["last_token"], axis=1)
    linear(last, "logits", hidden, vocabulary)
    outputs.insert(0, value("logits", element, ["batch", 1, vocabulary]))
    graph = helper.make_graph(nodes, "decoder", inputs, outputs, weights)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def rows(data):
    with open(data / "mlenergy_v3.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] in SIZES and row["unit"] == "token":
                yield row


def predicted(ergometer, folder, row):
    sizes = SIZES[row["model"]]
    path = folder / f"{'-'.join(map(str, sizes))}.onnx"
    if not path.exists():
        decoder(path, *sizes)
    command = [
        ergometer, "llm", path, "--device", DEVICES[row["gpu"]], "--tensor-parallel", row["num_gpus"],
        "--batch", str(round(float(row["batch"]))), "--prompt", str(PROMPT),
        "--new-tokens", str(round(float(row["avg_output_len"]))), "--json",
    ]  # fmt: skip
    if row["precision"] == "fp8" or row["model"].endswith("FP8"):
        command += ["--precision", "fp8"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[0]


def parts(row, found):
    """Seconds of a step at full rates, each GPU: weights, cache, contractions; then sequences, a step, exchanges."""
    _, peak, bandwidth = BOARD[row["gpu"]]
    eight = found["runs_as"] == "fp8"
    gpus, batch, new = float(row["num_gpus"]), float(row["batch"]), float(row["avg_output_len"])
    # The cache of FP8 models is in 16 bits.
    cached = found["cache_bytes_per_token"] * (2 if eight else 1)
    macs = found["token_macs"] + found["prompt_macs"] / new
    return [
        found["weight_bytes"] / gpus / bandwidth,
        cached * batch * (PROMPT + new / 2) / gpus / bandwidth,
        2 * macs / gpus / (peak * (2 if eight else 1)),
        batch * 1e-6,
        1e-3,
        found["exchange_s"],
    ]


def fit_time(cases):
    start = np.array([1.2, 1.2, 1.2, 20, 0.5, 1])
    sums, seconds = np.array([sums for _, sums, _ in cases]), np.array([time for _, _, time in cases])
    found = least_squares(
        lambda factors: np.log(sums @ np.abs(factors) / seconds), start, loss="soft_l1", f_scale=0.05, x_scale=start
    )
    return np.abs(found.x)


def told(name, ratios):
    """Predicted over measured."""
    ratios = np.array(ratios)
    errors = np.abs(ratios - 1)
    low, high = np.quantile(1 / ratios, [0.1, 0.9])
    print(
        f"{name:46} {len(ratios):4} runs   median {np.median(errors):6.1%}   mean {errors.mean():6.1%}"
        f"   measured over predicted {low:.2f} to {high:.2f} (p10 to p90), {np.median(1 / ratios):.2f}"
    )


def work(row, found):
    """Shares of the peak and of the bandwidth that were reached, of each GPU."""
    _, peak, bandwidth = BOARD[row["gpu"]]
    peak *= 2 if found["runs_as"] == "fp8" else 1
    rate = float(row["throughput"]) / float(row["num_gpus"])
    batch, new = float(row["batch"]), float(row["avg_output_len"])
    flops = 2 * (found["token_macs"] / batch + found["prompt_macs"] / batch / new)
    read = (found["weight_bytes"] + found["cache_bytes_per_token"] * batch * (PROMPT + new / 2)) / batch
    return flops * rate / peak, read * rate / bandwidth


def share(constants, shares, gpu):
    """Draw as a share of the board power."""
    base, compute, picojoules = np.abs(constants)
    board, _, bandwidth = BOARD[gpu]
    flops, read = shares
    return min(LIMIT, base + compute * flops + picojoules * 1e-12 * bandwidth / board * read)


def fit(cases):
    weights = {gpu: sum(gpu == other for other, _, _ in cases) ** -0.5 for gpu, _, _ in cases}

    def off(constants):
        return [
            np.log(share(constants, shares, gpu) / drawn) * weights[gpu] for gpu, shares, drawn in cases
        ]

    starts = [(0.3, 1.5, 100), (0.1, 0.5, 200), (0.5, 0.5, 50)]
    scale = 0.05 * np.mean(list(weights.values()))
    found = [least_squares(off, start, loss="soft_l1", f_scale=scale, x_scale=start) for start in starts]
    return np.abs(min(found, key=lambda result: result.cost).x)


def main(ergometer, data, folder=None):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        every = [(row, predicted(ergometer, folder, row)) for row in rows(pathlib.Path(data))]
    ratios = defaultdict(list)
    cases = []
    for row, found in every:
        gpu = row["gpu"]
        rate = found["request_tokens_per_second"] / float(row["throughput"])
        energy = found["request_j"] / found["new_tokens"] / float(row["joules_per_unit"])
        stalled = float(row["batch"]) / float(row["throughput"]) > 3 * found["token_s"]
        for key in [gpu, f"{gpu} {row['task']}", f"{gpu} without runs that wait for the host"]:
            if not (stalled and "without" in key):
                ratios["tokens a second", key].append(rate)
                ratios["joules a token", key].append(energy)
        ratios["power", gpu].append(energy * rate)
        drawn = float(row["avg_power_w"]) / float(row["num_gpus"]) / BOARD[gpu][0]
        cases.append((gpu, work(row, found), drawn))
        if "-v" in sys.argv:
            print(
                f"{gpu} {row['model']:42} {row['task']:14} n={row['num_gpus']} batch={row['batch']:>9}"
                f" rate {rate:5.2f} energy {energy:5.2f}"
            )
    for (figure, key), values in ratios.items():
        told(f"{figure}, {key}", values)

    print("\na step, factors: weights, cache, contractions at full rates, µs a sequence, ms a step, exchanges")
    steps = [(row["gpu"], parts(row, found), float(row["batch"]) / float(row["throughput"])) for row, found in every]
    own = [case for case in steps if case[0] == "H100"]
    factors = fit_time(own)
    print("fitted on H100:", np.round(factors, 2))
    told("H100 by these", [np.dot(sums, factors) / time for _, sums, time in own])
    # What B200 takes to reason waits for a server that is slower than any other here.
    chats = [case for case, (row, _) in zip(steps, every) if case[0] == "B200" and row["task"] == "lm-arena-chat"]
    told("B200 held back, chats", [np.dot(sums, factors) / time for _, sums, time in chats])

    print("\npower, constants: base of the board, share of the peak, pJ a byte")
    drawn = [(gpu, shares, drawn) for gpu, shares, drawn in cases]
    print("fitted on both:", np.round(fit(drawn), 3))
    told("power by measured rates, fitted on both", [share(fit(drawn), s, g) / d for g, s, d in drawn])
    for gpu in BOARD:
        others = [case for case in drawn if case[0] != gpu]
        constants = fit(others)
        own = [case for case in drawn if case[0] == gpu]
        told(f"the same, {gpu} held back", [share(constants, s, g) / d for g, s, d in own])
        constant = np.median([d for _, _, d in others])
        told(f"a constant share, {gpu} held back", [constant / d for _, _, d in own])


if __name__ == "__main__":
    main(*[argument for argument in sys.argv[1:4] if argument != "-v"])
