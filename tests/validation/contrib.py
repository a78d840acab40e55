#!/usr/bin/env python3
"""Holds the types of com.microsoft operators against what ONNX Runtime really gives back.

usage: contrib.py ERGOMETER [-v]

The backend tests of ONNX have no case of these operators. Here each is a model of one node with random inputs; the runtime
runs it on the CPU, and the shape and element type of every output must be ergometer's. A dimension may stay open only
where CASES say that it depends on data. Operators that the runtime has for other processors only cannot be held so.

pip fetches what runtime-requirements.txt names. Exit code 1 if an output differs, or if the runtime refuses a case; -v
lists every case.
"""

import pathlib
import sys

import runtime

# Sequences, tokens, heads and what is in one.
B, S, H, D = 2, 5, 4, 8
HIDDEN = H * D


class Data:
    """Random operands, the same in every run."""

    def __init__(self):
        import numpy

        self.numpy = numpy
        self.random = numpy.random.default_rng(0)

    def f32(self, *shape):
        return (self.random.standard_normal(shape) * 0.1).astype("float32")

    def u8(self, *shape):
        return self.random.integers(0, 255, shape).astype("uint8")

    def i8(self, *shape):
        return self.random.integers(-100, 100, shape).astype("int8")

    def i16(self, *shape):
        return self.random.integers(-9, 9, shape).astype("int16")

    def below(self, end, *shape, kind="int32"):
        return self.random.integers(0, end, shape).astype(kind)

    def i32(self, *elements):
        return self.numpy.array(elements, "int32")

    def i64(self, *elements):
        return self.numpy.array(elements, "int64")

    def scalar(self, element, kind):
        return self.numpy.array(element, kind)


class Case:
    """A node: its operands, None for one left out; those in `constant` by position are initializers."""

    def __init__(self, operator, *inputs, outputs=1, constant=(), domain="com.microsoft", open=False, **attributes):
        self.operator, self.inputs, self.outputs = operator, inputs, outputs
        self.constant, self.domain, self.open, self.attributes = constant, domain, open, attributes


def attention(d):
    q, k, v = d.f32(B, S, HIDDEN), d.f32(B, 7, HIDDEN), d.f32(B, 7, 16)
    weights, bias = d.f32(HIDDEN, 3 * HIDDEN), d.f32(3 * HIDDEN)
    past = d.f32(B, H, 3, D)
    yield Case("Attention", q, weights, bias, num_heads=H)
    yield Case("Attention", q, weights, bias, num_heads=H, unidirectional=1)
    yield Case("Attention", q, weights, bias, None, d.f32(2, B, H, 7, D), outputs=2, num_heads=H, unidirectional=1)
    yield Case("Attention", q, d.f32(HIDDEN, 80), d.f32(80), num_heads=H, qkv_hidden_sizes=[32, 32, 16])
    yield Case("Attention", q, weights, bias, d.i32(4, 5), num_heads=H)
    yield Case("QAttention", d.u8(B, S, HIDDEN), d.i8(HIDDEN, 3 * HIDDEN), bias, d.scalar(0.02, "float32"),
               d.scalar(0.02, "float32"), None, d.scalar(128, "uint8"), d.scalar(0, "int8"), num_heads=H)
    yield Case("MultiHeadAttention", q, k, d.f32(B, 7, HIDDEN), num_heads=H)
    yield Case("MultiHeadAttention", q, k, v, outputs=3, num_heads=H)
    yield Case("MultiHeadAttention", q, d.f32(B, H, 7, D), d.f32(B, H, 7, D), num_heads=H)
    yield Case("MultiHeadAttention", q, q, q, None, None, None, past, past, outputs=3, num_heads=H)
    yield Case("DecoderMaskedMultiHeadAttention", q[:, :1], q[:, :1], q[:, :1], None, None, d.f32(B, H, 10, D),
               d.f32(B, H, 10, D), d.i32(4), outputs=3, constant=(7,), num_heads=H, past_present_share_buffer=1)
    yield Case("DecoderMaskedMultiHeadAttention", q[:, :1], d.f32(B, H, 10, D), d.f32(B, H, 10, D), num_heads=H)
    tables = d.f32(20, 8)
    for heads, kv in ((4, 4), (4, 2)):
        def grouped(tokens, cached, total, *more, packed=False, **attributes):
            width = (heads + 2 * kv if packed else heads) * 16
            new = None if packed else d.f32(B, tokens, kv * 16)
            cache = d.f32(B, kv, cached, 16)
            last = d.i32(*[total - 1] * B)
            return Case("GroupQueryAttention", d.f32(B, tokens, width), new, new, cache, cache, last,
                        d.scalar(total, "int32"), *more, outputs=3, constant=(5, 6), num_heads=heads, kv_num_heads=kv,
                        **attributes)

        yield grouped(S, S, S)
        yield grouped(1, 9, 9)
        yield grouped(1, 9, 9, tables, tables, packed=True, do_rotary=1, local_window_size=4)
        yield grouped(S, 0, S, softcap=5.0)
    half = d.f32(20, D // 2)
    yield Case("RotaryEmbedding", q, d.i64(0), half, half)
    yield Case("RotaryEmbedding", d.f32(B, H, S, D), d.below(9, B, S, kind="int64"), half, half)
    yield Case("RotaryEmbedding", q, d.i64(0), d.f32(20, 2), d.f32(20, 2), num_heads=H, rotary_embedding_dim=4)
    yield Case("LinearAttention", q, q, q, outputs=2, q_num_heads=H, kv_num_heads=H, update_rule="linear")


def normalisations(d):
    x, gamma = d.f32(B, S, HIDDEN), d.f32(HIDDEN)
    ids, words, places = d.below(9, B, S), d.f32(10, HIDDEN), d.f32(9, HIDDEN)
    yield Case("SkipLayerNormalization", x, x, gamma, gamma, gamma, outputs=4)
    yield Case("SkipLayerNormalization", x, d.f32(1, S, HIDDEN), gamma)
    yield Case("SkipSimplifiedLayerNormalization", x, x, gamma, outputs=4)
    yield Case("SimplifiedLayerNormalization", x, gamma, domain="")
    yield Case("EmbedLayerNormalization", ids, d.below(2, B, S), words, places, d.f32(2, HIDDEN), gamma, gamma,
               d.numpy.ones((B, S), "int32"), outputs=3)
    yield Case("EmbedLayerNormalization", ids, None, words, places, None, gamma, gamma, outputs=2)


def activations(d):
    for operator in ("Gelu", "FastGelu", "QuickGelu"):
        yield Case(operator, d.f32(3, 4))
    yield Case("BiasGelu", d.f32(3, 4, 8), d.f32(8))


def products(d):
    scale, zero = d.scalar(0.02, "float32"), d.scalar(128, "uint8")
    yield Case("FusedMatMul", d.f32(2, 5, 4), d.f32(2, 5, 6), transA=1, alpha=0.5)
    yield Case("FusedMatMul", d.f32(5, 2, 4), d.f32(2, 4, 6), transBatchA=1)
    yield Case("FusedMatMul", d.f32(2, 4), d.f32(6, 4), transB=1)
    yield Case("TransposeMatMul", d.f32(5, 4), d.f32(5, 6), transA=1)
    yield Case("FusedGemm", d.f32(3, 4), d.f32(5, 4), d.f32(5), transB=1, activation="Relu")
    yield Case("QGemm", d.u8(3, 4), scale, zero, d.u8(4, 5), scale, zero, None, scale, zero)
    yield Case("QGemm", d.u8(3, 4), scale, zero, d.u8(5, 4), scale, zero, transB=1)
    yield Case("DynamicQuantizeMatMul", d.f32(2, 3, 4), d.u8(4, 5), scale, zero, d.f32(5))
    yield Case("MatMulIntegerToFloat", d.u8(2, 3, 4), d.u8(4, 5), scale, scale, zero, zero)
    yield Case("MatMulInteger16", d.i16(3, 4), d.i16(4, 5))
    packed = {"K": 64, "N": 48, "block_size": 32}
    yield Case("MatMulNBits", d.f32(2, 3, 64), d.u8(48, 2, 16), d.f32(96), constant=(1, 2), bits=4, **packed)
    yield Case("MatMulNBits", d.f32(3, 64), d.u8(48, 2, 16), d.f32(96), d.u8(48), constant=(1, 2, 3), bits=4, **packed)
    yield Case("MatMulNBits", d.f32(3, 64), d.u8(48, 2, 32), d.f32(96), constant=(1, 2), bits=8, **packed)
    yield Case("MatMulBnb4", d.f32(3, 64), d.u8(48 * 32), d.f32(96), constant=(1, 2), quant_type=1, **packed)
    yield Case("GatherBlockQuantized", d.u8(10, 16), d.below(9, 2, 3), d.f32(10, 1), constant=(0, 2), block_size=32,
               gather_axis=0, quantize_axis=1, bits=4)
    yield Case("MoE", d.f32(6, 8), d.f32(6, 4), d.f32(4, 16, 8), None, d.f32(4, 8, 16), k=2, activation_type="relu")
    yield Case("QMoE", d.f32(6, 32), d.f32(6, 4), d.u8(4, 64, 16), d.f32(4, 64), None, d.u8(4, 32, 32), d.f32(4, 32),
               k=2, activation_type="relu", expert_weight_bits=4)
    yield Case("Inverse", d.f32(2, 4, 4) + d.numpy.eye(4, dtype="float32"))
    yield Case("CDist", d.f32(5, 4), d.f32(6, 4), metric="euclidean")


def windows(d):
    scale, zero = d.scalar(0.02, "float32"), d.scalar(128, "uint8")
    yield Case("FusedConv", d.f32(1, 3, 9, 9), d.f32(8, 3, 3, 3), d.f32(8), activation="Relu", strides=[2, 2])
    yield Case("NhwcMaxPool", d.u8(1, 9, 9, 4), kernel_shape=[3, 3], strides=[2, 2])
    yield Case("QLinearConv", d.u8(1, 9, 9, 3), scale, zero, d.u8(8, 3, 3, 3), scale, zero, scale, zero, channels_last=1)
    yield Case("ConvTransposeWithDynamicPads", d.f32(1, 3, 5, 5), d.f32(3, 4, 3, 3), d.i64(1, 1, 1, 1), constant=(2,),
               strides=[2, 2])
    yield Case("WordConvEmbedding", d.below(5, 3, 6), d.f32(7, 1, 2, 4), d.f32(7), d.f32(9, 4), conv_window_size=2,
               embedding_size=7, char_embedding_size=4)
    yield Case("DynamicQuantizeLSTM", d.f32(5, 2, 4), d.u8(1, 4, 24), d.u8(1, 6, 24), d.f32(1, 48), None, None, None,
               None, scale.reshape(1), zero.reshape(1), scale.reshape(1), zero.reshape(1), outputs=3,
               constant=(1, 2, 8, 9, 10, 11), hidden_size=6)
    yield Case("CausalConvWithState", d.f32(2, 4, 6), d.f32(4, 1, 3), outputs=2)
    yield Case("CropAndResize", d.f32(2, 3, 9, 9), d.f32(5, 4), d.i32(0, 1, 0, 1, 0), d.i32(4, 6), constant=(3,))
    yield Case("GridSample", d.f32(1, 3, 9, 9), d.f32(1, 4, 5, 2))
    yield Case("MaxpoolWithMask", d.f32(1, 1, 9, 9), d.numpy.ones((1, 1, 9, 9), "int32"), kernel_shape=[3, 3])
    image, last = d.u8(1, 4, 9, 9), d.u8(1, 9, 9, 4)
    both = {"kernel_shape": [3, 3], "strides": [2, 2]}
    yield Case("QLinearAveragePool", image, scale, zero, scale, zero, **both)
    yield Case("QLinearAveragePool", last, scale, zero, scale, zero, channels_last=1, ceil_mode=1, **both)
    yield Case("QLinearGlobalAveragePool", image, scale, zero, scale, zero)
    yield Case("QLinearGlobalAveragePool", last, scale, zero, scale, zero, channels_last=1)


def quantised(d):
    scale, zero = d.scalar(0.02, "float32"), d.scalar(128, "uint8")
    x = d.u8(2, 3, 4)
    yield Case("QLinearAdd", x, scale, zero, d.u8(4), scale, zero, scale, zero)
    yield Case("QLinearMul", x, scale, zero, d.u8(3, 1), scale, zero, scale, zero)
    yield Case("QLinearConcat", scale, zero, d.u8(2, 3), scale, zero, d.u8(2, 5), scale, zero, axis=1)
    yield Case("QLinearLeakyRelu", x, scale, zero, scale, zero)
    yield Case("QLinearSigmoid", x, scale, zero, scale, zero)
    yield Case("QLinearSoftmax", x, scale, zero, scale, zero, axis=-1, opset=13)
    yield Case("QLinearWhere", d.numpy.ones((3, 1), bool), x, scale, zero, d.u8(4), scale, zero, scale, zero)
    yield Case("QuantizeLinear", d.f32(3, 4), scale, zero)
    yield Case("QuantizeLinear", d.f32(3, 4), scale, d.scalar(1, "uint16"))
    yield Case("DequantizeLinear", d.u8(3, 4), scale, zero)


def layouts(d):
    yield Case("ExpandDims", d.f32(3, 4), d.scalar(-1, "int32"), constant=(1,))
    yield Case("ExpandDims", d.f32(3, 4), d.scalar(1, "int32"), constant=(1,))
    yield Case("Pad", d.f32(3, 4), d.i64(1, 0, 2, -1), constant=(1,))
    yield Case("Range", *(d.scalar(n, "int32") for n in (1, 9, 2)), constant=(0, 1, 2))
    yield Case("Trilu", d.f32(3, 4))
    yield Case("Unique", d.f32(7), outputs=3, open=True)
    yield Case("UnfoldTensor", d.f32(2, 9), dim=1, size=4, step=2)
    yield Case("GatherND", d.f32(3, 4, 5), d.below(3, 2, 2, kind="int64"))
    yield Case("NGramRepeatBlock", d.below(5, 2, 6, kind="int64"), d.f32(2, 9), ngram_size=2)
    yield Case("MurmurHash3", d.below(9, 3, 4))
    yield Case("DynamicTimeWarping", d.f32(5, 7), open=True)
    yield Case("Tokenizer", d.numpy.array(["a b c", "d"], object), mark=0, pad_value="#", separators=[" "], mincharnum=1,
               open=True)


FAMILIES = (attention, normalisations, activations, products, windows, quantised, layouts)


def write(case, path):
    """Writes the model of a case; the values of its inputs."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    names, inputs, constants, feeds = [], [], [], {}
    for position, operand in enumerate(case.inputs):
        names.append("" if operand is None else f"input_{position}")
        if operand is None:
            continue
        if position in case.constant:
            constants.append(numpy_helper.from_array(operand, names[-1]))
            continue
        text = operand.dtype == object
        element = TensorProto.STRING if text else helper.np_dtype_to_tensor_dtype(operand.dtype)
        inputs.append(helper.make_tensor_value_info(names[-1], element, operand.shape))
        feeds[names[-1]] = operand
    outputs = [f"output_{position}" for position in range(case.outputs)]
    node = helper.make_node(case.operator, names, outputs, domain=case.domain, name="node", **case.attributes)
    declared = [helper.make_empty_tensor_value_info(output) for output in outputs]
    graph = helper.make_graph([node], case.operator, inputs, declared, constants)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), path)
    return feeds


def ran(path, feeds):
    """Element type and shape of each output that the runtime gives back."""
    text = {"object": "string"}
    return [(text.get(str(made.dtype), str(made.dtype)), list(made.shape)) for made in runtime.session(path).run(None, feeds)]


def counted(command, path):
    """Element type and shape of each output as ergometer infers them."""
    [layer] = runtime.analysis(command, path)["layers"]
    return [(made["dtype"], made["shape"]) for made in layer["outputs"]]


def agrees(case, ours, theirs):
    """Whether an output is as the runtime makes it; an open dimension is, where it may be open."""
    if ours[0] != theirs[0] or ours[1] is None or len(ours[1]) != len(theirs[1]):
        return False
    return all(a == b or (case.open and a is None) for a, b in zip(ours[1], theirs[1]))


def main():
    command, verbose = pathlib.Path(sys.argv[1]).resolve(), "-v" in sys.argv
    path = runtime.FOLDER / "case.onnx"
    data = Data()
    cases, differ, operators = 0, 0, set()
    for case in (case for family in FAMILIES for case in family(data)):
        cases += 1
        operators.add(case.operator)
        try:
            theirs = ran(path, write(case, path))
        except Exception as refusal:  # The runtime has no common class for what it refuses.
            differ += 1
            print(f"{case.operator}: refused: {str(refusal)[:200]}")
            continue
        ours = counted(command, path)
        right = len(ours) == len(theirs) and all(map(agrees, [case] * len(ours), ours, theirs))
        differ += not right
        if verbose or not right:
            print(f"{case.operator}: runtime {theirs}, ergometer {ours}{'' if right else '  DIFFERS'}")
    print(f"{cases} cases of {len(operators)} operators, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    runtime.enter()
    sys.exit(main())
