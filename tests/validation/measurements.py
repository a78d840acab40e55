#!/usr/bin/env python3
"""Writes published measurements as the table that `ergometer fit` and `ergometer validate` read.

    python3 tests/validation/measurements.py DATA ZOO OUT.csv

ZOO is a folder with the graphs of the measured models, `timm/NAME-SIDE.onnx` and `transformers/NAME.onnx`; rows of others
are left out. Single kernels get a graph of one node each, beside OUT.csv; that needs onnx. DATA holds the measurements, which are not part of this repository:
  timm_infer_dev.csv         images per second of timm's benchmark (huggingface/pytorch-image-models, aa4b585)
  neusight_e2e_fp32_dev.csv  time of FP32 transformers            (sitar-lab/NeuSight, 6945927)
  neusight_ops_dev.csv       time of single FP32 kernels          (the same): every tenth
  nvidia_dle_inference.csv   images per second of convolutional networks at small batches too
                                                                  (NVIDIA/DeepLearningExamples, 729963d)
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
    "i7_12700h_fp32_nchw_pt240_dynamo": ("i7-12700h", "compiled"),
}
NEUSIGHT = {
    "P4": "p4",
    "T4": "t4",
    "P100": "p100",
    "V100": "nvidia-tesla-v100-pcie-32-gb",
    "A100": "a100-pcie-40gb",
}
# Of NVIDIA's examples, those in PyTorch that have a graph here.
EXAMPLES = {
    "PyTorch/Classification/ConvNets/resnet50v1.5": "tv_resnet50__ts13.onnx",
    "PyTorch/Classification/ConvNets/resnext101-32x4d": "timm/resnext101_32x4d-224.onnx",
    "PyTorch/Classification/ConvNets/efficientnet efficientnet-b0": "tv_efficientnet_b0__dynamo20_dyn-batch.onnx",
}
EXAMPLE_DEVICES = {
    "NVIDIA A100 (1x A100 80GB)": "a100-sxm4-80gb",
    "NVIDIA V100 (1x V100 16GB)": "nvidia-tesla-v100-sxm2-16-gb",
    "NVIDIA DGX-1 (1x V100 16GB)": "nvidia-tesla-v100-sxm2-16-gb",
    "NVIDIA T4": "t4",
}
EXAMPLE_PRECISIONS = {"fp32": "fp32", "tf32": "tf32", "mixed/fp16": "amp"}
# The data says only "device_1"; its memory clock fits this card.
IRENE = {"device_1": "gtx-1070"}
COLUMNS = ["path", "device", "batch", "dims", "precision", "runtime", "seconds", "joules", "joules_wall", "class", "family"]


# Of the single kernels, one in so many.
SAMPLED = 10
BINARY = {"add": "Add", "mul": "Mul", "div": "Div", "pow": "Pow"}
UNARY = {"gelu": "Gelu", "relu": "Relu", "tanh": "Tanh"}


def kernel(op):
    """A graph of one node, its sizes open."""
    from onnx import TensorProto, helper

    element = TensorProto.FLOAT

    def value(name, *dims):
        return helper.make_tensor_value_info(name, element, dims)

    rows, weights, attributes = value("x", "b", "h"), [], {}
    if op in BINARY:
        kind, inputs = BINARY[op], [rows, value("y", "b", "h")]
    elif op[:-1] in BINARY and op[-1] == "u":
        kind, inputs = BINARY[op[:-1]], [rows]
        weights = [helper.make_tensor("c", element, [], [2.0])]
    elif op in UNARY:
        kind, inputs = UNARY[op], [rows]
    elif op == "softmax":
        kind, inputs = "Softmax", [rows]
    elif op == "ln":
        kind, inputs = "LayerNormalization", [rows, value("scale", "h"), value("bias", "h")]
    elif op == "bmm":
        kind, inputs = "MatMul", [value("x", "b", "m", "k"), value("y", "b", "k", "n")]
    elif op == "linear":
        kind, inputs = "Gemm", [value("x", "m", "k"), value("y", "k", "n"), value("bias", "n")]
    else:
        raise ValueError(op)
    operands = [info.name for info in inputs] + [tensor.name for tensor in weights]
    node = helper.make_node(kind, operands, ["result"], name=op, **attributes)
    graph = helper.make_graph([node], op, inputs, [helper.make_tensor_value_info("result", element, None)], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def kernels(data, folder):
    """Every tenth single kernel of each operator and device."""
    found = {}
    for row in rows(data, "neusight_ops_dev.csv"):
        if device := neusight_device(row["device"]):
            found.setdefault((row["op"], device), []).append(row)
    folder.mkdir(exist_ok=True)
    for (op, device), all_rows in found.items():
        path = folder / f"{op}.onnx"
        if not path.exists():
            path.write_bytes(kernel(op).SerializeToString())
        for row in all_rows[::SAMPLED]:
            sizes = {key: row[key] for key in "bmnkh" if row[key]}
            if op == "linear":
                sizes["m"] = str(int(sizes.pop("b")) * int(sizes["m"]))
            yield {
                "path": path,
                "device": device,
                "dims": ";".join(f"{key}={size}" for key, size in sizes.items()),
                "precision": "fp32",
                "runtime": "kernels",
                "seconds": float(row["latency_ms"]) / 1e3,
                "class": op,
                "family": op,
            }


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
                "precision": row["run"].split("_")[-4],
                "runtime": runtime,
                "seconds": float(row["batch"]) / float(row["samples_per_s"]),
                "class": "images (timm)",
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
                "class": "transformers (NeuSight)",
            }
    for row in rows(data, "nvidia_dle_inference.csv"):
        path = EXAMPLES.get(f"{row['example']} {row['model']}".strip())
        if path and row["device_text"] in EXAMPLE_DEVICES:
            yield {
                "path": path,
                "device": EXAMPLE_DEVICES[row["device_text"]],
                "batch": row["batch"],
                "precision": EXAMPLE_PRECISIONS[row["precision"]],
                "seconds": float(row["batch"]) / float(row["throughput"]),
                "class": "images (NVIDIA)",
                "family": path.split("/")[-1].removeprefix("tv_").split("_")[0].split("-")[0].rstrip("0123456789"),
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
                "class": "transformers (IrEne)",
            }


def main(data, zoo, out):
    zoo, out = pathlib.Path(zoo).resolve(), pathlib.Path(out)
    found = [row for row in measurements(pathlib.Path(data)) if (zoo / row["path"]).exists()]
    found += kernels(pathlib.Path(data), out.resolve().parent / "kernels")
    # Rows of a model stand together: it is counted once for all of them.
    found.sort(key=lambda row: (str(row["path"]), str(row.get("batch")), row.get("dims", "")))
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**row, "path": zoo / row["path"]} for row in found)
    print(f"{out}: {len(found)} measurements")


if __name__ == "__main__":
    main(*sys.argv[1:4])
