"""Makes the models that benches/peers.py compares tools on, in a folder of your choice.

    pip install onnx==1.22.0
    python benches/make_large.py /tmp/large

    external_2560mib.onnx     40 MatMul of 4096 x 4096 fp32, weights in a file beside it
    embedded_1472mib.onnx     23 of the same, weights inside the file (a protobuf message ends at 2 GiB)
    chain_20000.onnx          20,000 small nodes one after another, 16 KB of weights
    resnet50.onnx             models/resnet50.onnx with a weight file that does exist
    densenet121.onnx          the light DenseNet-121 that the onnx package ships for its tests

Weights are zeros in sparse files: they read as any other bytes but take no disk. Nothing here needs more memory than
the graph itself.
"""

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import onnx
from onnx import TensorProto, helper

SIDE = 4096
WEIGHT_BYTES = SIDE * SIDE * 4
EXTERNAL_WEIGHTS = 40
EMBEDDED_WEIGHTS = 23
CHAIN_NODES = 20_000

REPOSITORY = Path(__file__).resolve().parent.parent


def weight_without_data(index: int) -> TensorProto:
    return TensorProto(name=f"weight_{index}", data_type=TensorProto.FLOAT, dims=[SIDE, SIDE])


def matmul_chain(count: int, initializers: Iterable[TensorProto]) -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", [f"x_{i}", f"weight_{i}"], [f"x_{i + 1}"], f"/layer.{i}/MatMul")
        for i in range(count)
    ]
    graph = helper.make_graph(
        nodes,
        "matmul_chain",
        [helper.make_tensor_value_info("x_0", TensorProto.FLOAT, [1, 128, SIDE])],
        [helper.make_tensor_value_info(f"x_{count}", TensorProto.FLOAT, [1, 128, SIDE])],
        list(initializers),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_zeros(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def refer(tensor: TensorProto, location: str, offset: int, length: int) -> TensorProto:
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in [("location", location), ("offset", offset), ("length", length)]:
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def write_external(path: Path) -> None:
    weights = path.with_suffix(".weights")
    tensors = [
        refer(weight_without_data(i), weights.name, i * WEIGHT_BYTES, WEIGHT_BYTES) for i in range(EXTERNAL_WEIGHTS)
    ]
    path.write_bytes(matmul_chain(EXTERNAL_WEIGHTS, tensors).SerializeToString())
    write_zeros(weights, EXTERNAL_WEIGHTS * WEIGHT_BYTES)


def varint(value: int) -> bytes:
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def field_header(number: int, length: int) -> bytes:
    """What precedes a length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(length)


def write_embedded(path: Path) -> None:
    """Writes the protobuf message piece by piece, so that no weight is ever in memory.

    A message may hold its fields in any order and in several parts: the model without its graph, then the graph as
    its nodes and, one by one, the initializers, whose `raw_data` is a hole in the file.
    """
    graph_field = onnx.ModelProto.GRAPH_FIELD_NUMBER
    initializer_field = onnx.GraphProto.INITIALIZER_FIELD_NUMBER
    raw_data = field_header(TensorProto.RAW_DATA_FIELD_NUMBER, WEIGHT_BYTES)

    model = matmul_chain(EMBEDDED_WEIGHTS, [])
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    headers = []
    for i in range(EMBEDDED_WEIGHTS):
        tensor = weight_without_data(i).SerializeToString() + raw_data
        headers.append(field_header(initializer_field, len(tensor) + WEIGHT_BYTES) + tensor)
    graph_bytes = len(graph) + sum(len(header) + WEIGHT_BYTES for header in headers)

    with path.open("wb") as file:
        file.write(model.SerializeToString())
        file.write(field_header(graph_field, graph_bytes))
        file.write(graph)
        for header in headers:
            file.write(header)
            skip(file, WEIGHT_BYTES)


def skip(file: BinaryIO, size: int) -> None:
    """Leaves a hole, which reads as zeros."""
    end = file.tell() + size
    file.truncate(end)
    file.seek(end)


def write_chain(path: Path) -> None:
    """MatMul, Add, Relu, Mul and again, on a vector of 64."""
    width = 64
    weights = [
        TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims, raw_data=bytes(4 * size))
        for name, dims, size in [("weight", [width, width], width * width), ("bias", [width], width), ("scale", [], 1)]
    ]
    steps = [("MatMul", ["weight"]), ("Add", ["bias"]), ("Relu", []), ("Mul", ["scale"])]
    nodes = []
    for i in range(CHAIN_NODES):
        operator, constants = steps[i % len(steps)]
        nodes.append(
            helper.make_node(operator, [f"x_{i}", *constants], [f"x_{i + 1}"], f"/block.{i // len(steps)}/{operator}")
        )
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x_0", TensorProto.FLOAT, [1, width])],
        [helper.make_tensor_value_info(f"x_{CHAIN_NODES}", TensorProto.FLOAT, [1, width])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def write_resnet50(path: Path) -> None:
    """Most tools refuse a model whose weight file is missing, so it gets one, of zeros."""
    shutil.copyfile(REPOSITORY / "models" / "resnet50.onnx", path)
    model = onnx.load(path, load_external_data=False)
    size_of: dict[str, int] = {}
    for tensor in model.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if entries:
            end = int(entries.get("offset", 0)) + int(entries["length"])
            size_of[entries["location"]] = max(size_of.get(entries["location"], 0), end)
    for location, size in size_of.items():
        write_zeros(path.parent / location, size)


def write_densenet121(path: Path) -> None:
    shipped = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_densenet121.onnx"
    shutil.copyfile(shipped, path)


WRITERS = {
    "external_2560mib.onnx": write_external,
    "embedded_1472mib.onnx": write_embedded,
    "chain_20000.onnx": write_chain,
    "resnet50.onnx": write_resnet50,
    "densenet121.onnx": write_densenet121,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the models that benches/peers.py compares tools on.")
    parser.add_argument("folder", type=Path, help="where to write them")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in WRITERS.items():
        write(folder / name)
        print(f"{name}: {(folder / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
