#!/usr/bin/env python3
"""Holds the counts of text generation against the runs that ONNX Runtime really does.

usage: generation.py ERGOMETER

BeamSearch, GreedySearch and Sampling run a decoder once for each token, on a past that grows, and nothing but the runtime
says how often and on what. Small models of each kind are made here and run with the runtime's profile on; the
multiply-accumulates of the matrix products in it, from the shapes that they were given, must be ergometer's.

pip fetches what runtime-requirements.txt names. Exit code 1 if a count differs.
"""

import json
import pathlib
import sys

import runtime

BATCH, PROMPT, VOCABULARY, BEAMS = 3, 5, 50, 4


def node(operator, inputs, outputs, **attributes):
    from onnx import helper

    return helper.make_node(operator, inputs, outputs, name=f"make_{outputs[0]}", **attributes)


def constant(name, elements, kind):
    import numpy
    from onnx import numpy_helper

    return numpy_helper.from_array(numpy.array(elements, kind), name)


def value(name, kind, shape):
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)


def weights():
    """An embedding of width 8, a projection to two heads of four, the vocabulary, and constants."""
    import numpy

    random = numpy.random.default_rng(0)
    sizes = {"embedding": (VOCABULARY, 8), "projection": (8, 8), "vocabulary": (8, VOCABULARY)}
    return [constant(name, random.standard_normal(size) * 0.3, "float32") for name, size in sizes.items()] + [
        constant("parted", [0, 0, 2, 4], "int64"), constant("zero", 0, "int64"), constant("first_axis", [0], "int64"),
        constant("nothing", 0, "float32"),
    ]


def heads(tokens):
    """Tokens, embedded, projected and parted into heads."""
    return [
        node("Gather", ["embedding", tokens], ["x"]),
        node("MatMul", ["x", "projection"], ["wide"]),
        node("Reshape", ["wide", "parted"], ["by_token"]),
        node("Transpose", ["by_token"], ["q"], perm=[0, 2, 1, 3]),
    ]


def scores(keys, name):
    """Products of the queries with keys, summed so that the logits can depend on them."""
    return [
        node("Transpose", [keys], [f"{name}_turned"], perm=[0, 1, 3, 2]),
        node("MatMul", ["q", f"{name}_turned"], [name]),
        node("ReduceSum", [name], [f"{name}_sum"], keepdims=0),
    ]


def logits(name):
    return [
        node("MatMul", ["x", "vocabulary"], ["raw"]),
        node("Mul", [f"{name}_sum", "nothing"], ["no_more"]),
        node("Add", ["raw", "no_more"], ["logits"]),
    ]


def decoder():
    """As GPT-2's: what it keeps of a layer is one tensor of keys and values."""
    from onnx import helper

    nodes = heads("input_ids")
    nodes += [node("Gather", ["past_0", "zero"], ["past_keys"], axis=0),
              node("Concat", ["past_keys", "q"], ["keys"], axis=2)]
    nodes += scores("keys", "scores") + logits("scores")
    nodes += [node("Unsqueeze", ["keys", "first_axis"], ["one"]), node("Concat", ["one", "one"], ["present_0"], axis=0)]
    inputs = [value(name, "INT32", ["rows", length]) for name, length in
              (("input_ids", "tokens"), ("position_ids", "tokens"), ("attention_mask", "total"))]
    inputs.append(value("past_0", "FLOAT", [2, "rows", 2, "past", 4]))
    outputs = [value("logits", "FLOAT", ["rows", "tokens", VOCABULARY]),
               value("present_0", "FLOAT", [2, "rows", 2, "total", 4])]
    return helper.make_graph(nodes, "decoder", inputs, outputs, weights())


def cache(name, length):
    return value(name, "FLOAT", ["rows", 2, length, 4])


def encoder(first_token):
    """Makes the keys that the decoder looks at; an older form also the first token, from the start token."""
    from onnx import helper

    nodes = heads("encoder_input_ids")
    nodes += [node("Identity", ["q"], ["present_key_cross_0"]), node("Identity", ["q"], ["present_value_cross_0"])]
    inputs = [value(name, "INT32", ["rows", "length"]) for name in ("encoder_input_ids", "encoder_attention_mask")]
    outputs = [cache("present_key_cross_0", "length"), cache("present_value_cross_0", "length")]
    if first_token:
        inputs.append(value("decoder_input_ids", "INT32", ["rows", 1]))
        nodes += [
            node("Gather", ["embedding", "decoder_input_ids"], ["first"]),
            node("MatMul", ["first", "vocabulary"], ["logits"]),
            node("Identity", ["wide"], ["encoder_hidden_states"]),
            node("Reshape", ["first", "parted"], ["first_by_token"]),
            node("Transpose", ["first_by_token"], ["present_key_self_0"], perm=[0, 2, 1, 3]),
            node("Identity", ["present_key_self_0"], ["present_value_self_0"]),
        ]
        outputs = [value("logits", "FLOAT", ["rows", 1, VOCABULARY]),
                   value("encoder_hidden_states", "FLOAT", ["rows", "length", 8]),
                   cache("present_key_self_0", 1), cache("present_value_self_0", 1), *outputs]
    return helper.make_graph(nodes, "encoder", inputs, outputs, weights())


def cross_decoder(first_token):
    """Sees its own past and what the encoder made; with an older encoder its hidden states too."""
    from onnx import helper

    nodes = heads("input_ids")
    nodes += [node("Concat", ["past_key_self_0", "q"], ["present_key_self_0"], axis=2),
              node("Identity", ["present_key_self_0"], ["present_value_self_0"])]
    nodes += scores("past_key_cross_0", "far") + scores("present_key_self_0", "near")
    nodes += [node("Add", ["far_sum", "near_sum"], ["both_sum"]), *logits("both")]
    inputs = [value("input_ids", "INT32", ["rows", 1]), value("encoder_attention_mask", "INT32", ["rows", "length"])]
    if first_token:
        inputs.append(value("encoder_hidden_states", "FLOAT", ["rows", "length", 8]))
    inputs += [cache(f"past_{kind}_self_0", "past") for kind in ("key", "value")]
    inputs += [cache(f"past_{kind}_cross_0", "length") for kind in ("key", "value")]
    outputs = [value("logits", "FLOAT", ["rows", 1, VOCABULARY]),
               cache("present_key_self_0", "total"), cache("present_value_self_0", "total")]
    return helper.make_graph(nodes, "decoder", inputs, outputs, weights())


def search(operator, length, **graphs):
    """A model of one node that generates until the sequences have so many tokens."""
    from onnx import helper

    inputs = ["ids", "max_length"]
    constants = [constant("max_length", [length], "int32")]
    if operator == "BeamSearch":
        inputs += ["min_length", "num_beams", "num_return_sequences", "length_penalty", "repetition_penalty"]
        constants += [constant("min_length", [1], "int32"), constant("num_beams", [BEAMS], "int32"),
                      constant("num_return_sequences", [2], "int32"), constant("length_penalty", [1], "float32"),
                      constant("repetition_penalty", [1], "float32")]
    searching = helper.make_node(operator, inputs, ["sequences"], domain="com.microsoft", name="search", **graphs,
                                 model_type=int("encoder" in graphs), decoder_start_token_id=0,
                                 # No token is the last one: every sequence runs to its full length.
                                 eos_token_id=VOCABULARY - 1, pad_token_id=VOCABULARY - 1, vocab_size=VOCABULARY)
    shape = [BATCH, 2, length] if operator == "BeamSearch" else [BATCH, length]
    graph = helper.make_graph([searching], "search", [value("ids", "INT32", [BATCH, PROMPT])],
                              [value("sequences", "INT32", shape)], constants)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def executed(path):
    """Multiply-accumulates of the matrix products that the runtime did, and how many products there were."""
    import math

    import numpy

    session = runtime.session(path, enable_profiling=True, profile_file_prefix=str(path.with_suffix("")))
    ids = numpy.random.default_rng(1).integers(1, VOCABULARY - 10, (BATCH, PROMPT)).astype("int32")
    session.run(None, {"ids": ids})
    profile = pathlib.Path(session.end_profiling())
    macs = products = 0
    for event in json.loads(profile.read_text(encoding="utf-8")):
        details = event.get("args", {})
        if details.get("op_name") == "MatMul" and event["name"].endswith("kernel_time"):
            [left, *_], [made] = ([shape for entry in details[key] for shape in entry.values()]
                                  for key in ("input_type_shape", "output_type_shape"))
            macs += math.prod(made) * left[-1]
            products += 1
    profile.unlink()
    return macs, products


def main():
    import onnx

    command = pathlib.Path(sys.argv[1]).resolve()
    models = {f"{operator} of {length}": search(operator, length, decoder=decoder())
              for operator in ("GreedySearch", "Sampling", "BeamSearch") for length in (6, 7, 8, 12)}
    for first_token in (True, False):
        form = "encoder with the first token" if first_token else "encoder alone"
        graphs = {"encoder": encoder(first_token), "decoder": cross_decoder(first_token)}
        models |= {f"BeamSearch of {length}, {form}": search("BeamSearch", length, **graphs) for length in (3, 4, 5, 8)}
    differ = 0
    for number, (name, model) in enumerate(models.items()):
        path = runtime.FOLDER / f"{number}.onnx"
        onnx.save(model, path)
        done, products = executed(path)
        totals = runtime.analysis(command, path)["totals"]
        right = totals["macs"] == done and totals["complete"]
        differ += not right
        print(f"{name}: {products} products, {done} MACs; ergometer {totals['macs']}{'' if right else '  DIFFERS'}")
    print(f"{len(models)} models, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    runtime.enter()
    sys.exit(main())
