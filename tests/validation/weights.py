"""Bundled models made runnable: seeded random weights in place of the missing ones, and inputs at the default sizes.

Times do not depend on the values, with two exceptions that the values avoid: subnormal numbers are slow on a CPU, and
what overflows would hide that a kernel ran at all.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper, numpy_helper

SEED = 20
NORMALIZATIONS = {"LayerNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization",
                  "SkipSimplifiedLayerNormalization", "InstanceNormalization", "GroupNormalization"}


def runnable(path: Path) -> ModelProto:
    """The model with every tensor that refers to the absent file filled; tensors it holds itself stay as they are."""
    model = onnx.load(path, load_external_data=False)
    uses = uses_of(model)
    generator = numpy.random.default_rng(SEED)
    for name, tensor in tensors(model.graph):
        if tensor.external_data:
            own_name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values(tensor, uses[name], generator), own_name))
    return model


def graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph and every body inside it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def tensors(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    """Initializers and values of Constant nodes, by the name that nodes use."""
    for part in graphs(graph):
        for tensor in part.initializer:
            yield tensor.name, tensor
        for node in part.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    yield node.output[0], attribute.t


def uses_of(model: ModelProto) -> dict[str, set[tuple[str, int]]]:
    """For each value: the operators that read it, and as which input."""
    uses = defaultdict(set)
    for part in graphs(model.graph):
        for node in part.node:
            for position, name in enumerate(node.input):
                uses[name].add((node.op_type, position))
    return uses


def values(tensor: TensorProto, uses: set[tuple[str, int]], generator: numpy.random.Generator) -> numpy.ndarray:
    """Values that keep activations near 1: what a tensor is for decides their scale."""
    shape = tuple(tensor.dims)
    kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if kind == numpy.bool_:
        # The only large boolean of the bundled models is GPT-2's causal mask.
        return numpy.tril(numpy.ones(shape, kind))
    if not numpy.issubdtype(kind, numpy.floating):
        limits = numpy.iinfo(kind)
        return generator.integers(max(limits.min, -64), min(limits.max, 255), shape, endpoint=True).astype(kind)
    operators = {operator for operator, _ in uses}
    if uses & {("BatchNormalization", 4)}:
        filled = 0.5 + generator.random(shape)
    elif operators & NORMALIZATIONS or uses & {("BatchNormalization", 1)}:
        filled = 1 + 0.02 * generator.standard_normal(shape)
    elif operators & {"QuantizeLinear", "DequantizeLinear"} or ("MatMulNBits", 2) in uses:
        filled = 0.01 * (0.5 + generator.random(shape))
    elif len(shape) < 2:
        filled = 0.02 * generator.standard_normal(shape)
    else:
        filled = fan_in(shape, operators) ** -0.5 * generator.standard_normal(shape, dtype=numpy.float32)
    return numpy.asarray(filled, kind)


def fan_in(shape: tuple[int, ...], operators: set[str]) -> int:
    """Products that one output sums: of a matrix either side, because `Gemm` may transpose it."""
    if "Conv" in operators:
        return int(numpy.prod(shape[1:]))
    return max(shape[-2:])


def sizes(models: Path, file: str) -> dict[str, list[int]]:
    """Each input's dimensions: the first row of `reference.csv`, which is at ergometer's defaults."""
    with open(models / "reference.csv", newline="") as table:
        row = next(row for row in csv.DictReader(table) if row["file"] == file)
    pairs = (pair.partition("=") for pair in row["inputs"].split())
    return {name: [int(part) for part in dims.split("x")] for name, _, dims in pairs}


def inputs(session, shapes: dict[str, list[int]]) -> dict[str, numpy.ndarray]:
    """One value for each input of the session."""
    generator = numpy.random.default_rng(SEED)
    return {i.name: value_of(i.name, i.type, shapes, generator) for i in session.get_inputs()}


def value_of(name: str, kind: str, shapes: dict[str, list[int]], generator: numpy.random.Generator) -> numpy.ndarray:
    """Noise for a picture or a cache; for whole numbers what their name means, each within its table."""
    shape = shapes[name]
    if kind == "tensor(float)":
        return generator.standard_normal(shape, dtype=numpy.float32)
    if kind == "tensor(float16)":
        return generator.standard_normal(shape, dtype=numpy.float32).astype(numpy.float16)
    if "mask" in name:
        return numpy.ones(shape, numpy.int64)
    if "type" in name:
        return numpy.zeros(shape, numpy.int64)
    if "position" in name:
        past = next((dims[2] for other, dims in shapes.items() if "past" in other), 0)
        return numpy.broadcast_to(past + numpy.arange(shape[-1]), shape).astype(numpy.int64)
    return generator.integers(0, 500, shape)


def bindings(session, shapes: dict[str, list[int]]) -> dict[str, int]:
    """What each free dimension was bound to."""
    return {
        dimension: shapes[i.name][axis]
        for i in session.get_inputs()
        for axis, dimension in enumerate(i.shape)
        if isinstance(dimension, str)
    }
