"""Makes the models of this folder: real architectures, real exporters, random weights, and then no weights at all.

    pip install -r models/requirements.txt
    python models/make.py                        # everything
    python models/make.py resnet50.onnx          # only some
    python models/make.py --ergometer target/release/ergometer

Each recipe builds a model from its public configuration, fills it with random weights, exports it to a temporary
folder, checks the file (onnx.checker, then onnxruntime on the example inputs, compared with PyTorch where both run the
same arithmetic) and counts multiply-accumulates in the *eager* PyTorch model. `ergometer strip` then replaces the
weights by references to a file that does not exist, which leaves a graph of a few hundred kilobytes.

`reference.csv` holds what PyTorch says, at the input shapes it says it for: expected values from outside.
"""

import argparse
import csv
import logging
import shlex
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy
import onnx
import onnxruntime
import timm
import tokenizers
import torch
import torchvision
import transformers
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from transformers.cache_utils import DynamicCache

FOLDER = Path(__file__).resolve().parent
TORCHSCRIPT_OPSET = 17

Inputs = dict[str, Tensor]


@dataclass
class Example:
    """One set of inputs and the multiply-accumulates that PyTorch, or a formula, gives for it."""

    inputs: Inputs
    macs: int


@dataclass
class Made:
    """What a recipe knows about the file it wrote, from sources other than the file."""

    params: int
    examples: list[Example]
    # Weights that the file holds, as exporting changes their number in known ways; None for quantised files.
    params_in_file: int | None
    # Called with an example's inputs, gives the outputs that onnxruntime must reproduce; None where it cannot
    # (quantised weights, outputs whose number depends on the data).
    expected_outputs: Callable[[Inputs], list[Tensor]] | None = None
    # False where the exporter writes an operator that the ONNX specification does not have.
    within_specification: bool = True


# Building blocks


def fill_with_random_weights(model: nn.Module) -> nn.Module:
    """Gives every tensor its own random values, as the TorchScript exporter merges tensors that are equal."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.normal_(0.0, 0.02, generator=generator)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.9, 1.1, generator=generator)
            module.running_mean.normal_(0.0, 0.1, generator=generator)
            module.running_var.uniform_(0.9, 1.1, generator=generator)
    return model.eval()


def count_params(model: nn.Module) -> int:
    """Elements of the distinct parameters: a tied weight counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def arguments(of_input: dict) -> tuple:
    """What is given by input name as a model's arguments: in order, and a key-value cache as one list at the end."""
    plain = [value for name, value in of_input.items() if not name.startswith("past_key_values.")]
    past = [value for name, value in of_input.items() if name.startswith("past_key_values.")]
    return (*plain, past) if past else tuple(plain)


def count_params_after_folding(model: nn.Module) -> int:
    """Both exporters fold a normalisation into the convolution before it: scale and shift become one bias."""
    folded = sum(module.num_features for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    return count_params(model) - folded


def count_macs(model: nn.Module, inputs: Inputs) -> int:
    """Half of what torch's flop counter says: contractions only.

    Without oneDNN an LSTM runs as plain matrix products, which the counter sees; with it the LSTM counts as nothing.
    """
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        model(*arguments(inputs))
    return counter.get_total_flops() // 2


def run_eager(model: nn.Module) -> Callable[[Inputs], list[Tensor]]:
    def run(inputs: Inputs) -> list[Tensor]:
        with torch.no_grad():
            outputs = model(*arguments(inputs))
        return [outputs] if isinstance(outputs, Tensor) else list(outputs)

    return run


def images(batch: int, side: int, name: str = "input") -> Inputs:
    return {name: torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(batch))}


def tokens(batch: int, sequence: int, vocabulary: int) -> Tensor:
    return torch.randint(vocabulary, (batch, sequence), generator=torch.Generator().manual_seed(sequence))


def export_torchscript(
    model: nn.Module, path: Path, inputs: Inputs, outputs: list[str], dynamic: dict[str, dict[int, str]] | None = None
) -> None:
    """The older exporter: node names are module paths, `/layer1/layer1.0/conv1/Conv`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            arguments(inputs),
            path,
            dynamo=False,
            opset_version=TORCHSCRIPT_OPSET,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=dynamic,
        )


def export_dynamo(
    model: nn.Module, path: Path, inputs: Inputs, outputs: list[str], opset: int, dynamic: dict[str, dict[int, str]]
) -> None:
    """The newer exporter: node names are numbered, and the module path of a node is in its metadata.

    All other metadata is dropped: it holds source lines with folders of the machine, and as many bytes as the graph.
    """
    torch.onnx.export(
        model,
        arguments(inputs),
        path,
        dynamo=True,
        verbose=False,
        opset_version=opset,
        input_names=list(inputs),
        output_names=outputs,
        dynamic_shapes=arguments({name: dynamic[name] for name in inputs}),
        external_data=False,
    )
    exported = onnx.load(path)
    del exported.graph.metadata_props[:]
    for value in [*exported.graph.input, *exported.graph.output, *exported.graph.initializer]:
        del value.metadata_props[:]
    for node in exported.graph.node:
        scopes = [entry for entry in node.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del node.metadata_props[:]
        node.metadata_props.extend(scopes)
        node.ClearField("doc_string")
    onnx.save(exported, path)


def vision(model: nn.Module, sides: list[tuple[int, int]]) -> Made:
    """Counts an image model at (batch, side) pairs."""
    examples = [images(batch, side) for batch, side in sides]
    return Made(
        count_params(model),
        [Example(inputs, count_macs(model, inputs)) for inputs in examples],
        count_params_after_folding(model),
        run_eager(model),
    )


# Vision


def make_resnet50(path: Path) -> Made:
    model = fill_with_random_weights(torchvision.models.resnet50())
    export_torchscript(model, path, images(1, 224), ["logits"], {"input": {0: "batch"}, "logits": {0: "batch"}})
    return vision(model, [(1, 224), (4, 224)])


def make_mobilenet_v3_small(path: Path) -> Made:
    model = fill_with_random_weights(torchvision.models.mobilenet_v3_small())
    export_dynamo(model, path, images(2, 224), ["logits"], 20, {"input": {0: "batch"}})
    return vision(model, [(1, 224), (4, 224)])


class Detector(nn.Module):
    """Takes one image as a batch of one, gives boxes, scores and labels as three tensors."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (found,) = self.model([image[0]])
        return found["boxes"], found["scores"], found["labels"]


def make_ssdlite320(path: Path) -> Made:
    model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    detector = fill_with_random_weights(Detector(model))
    export_torchscript(detector, path, images(1, 320), ["boxes", "scores", "labels"])
    made = vision(detector, [(1, 320)])
    made.expected_outputs = None
    return made


class Segmenter(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)["out"]


def make_lraspp(path: Path) -> Made:
    model = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None)
    segmenter = fill_with_random_weights(Segmenter(model))
    axes = {0: "batch", 2: "height", 3: "width"}
    export_torchscript(segmenter, path, images(1, 224), ["out"], {"input": axes, "out": axes})
    return vision(segmenter, [(1, 224), (1, 520)])


def make_vit_tiny(path: Path) -> Made:
    """Attention is one node here (opset 23); the flop counter needs it as two products."""
    model = fill_with_random_weights(timm.create_model("vit_tiny_patch16_224"))
    export_dynamo(model, path, images(2, 224), ["logits"], 23, {"input": {0: "batch"}})
    for block in model.blocks:
        block.attn.fused_attn = False
    return vision(model, [(1, 224), (4, 224)])


def make_mobilenet_v2_int8(path: Path) -> Made:
    """Static quantisation: QuantizeLinear and DequantizeLinear around every operator, int8 weights per channel."""
    model = fill_with_random_weights(torchvision.models.mobilenet_v2())
    with tempfile.TemporaryDirectory() as folder:
        exported, prepared = Path(folder) / "exported.onnx", Path(folder) / "prepared.onnx"
        axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
        export_torchscript(model, exported, images(1, 224), ["logits"], axes)
        quant_pre_process(str(exported), str(prepared), skip_symbolic_shape=True)

        class FourImages(CalibrationDataReader):
            def __init__(self):
                self.remaining = iter([{"input": images(batch, 224)["input"].numpy()} for batch in range(1, 5)])

            def get_next(self):
                return next(self.remaining, None)

        quantize_static(str(prepared), str(path), FourImages(), quant_format=QuantFormat.QDQ, per_channel=True)
    made = vision(model, [(1, 224), (4, 224)])
    made.params_in_file = None
    made.expected_outputs = None
    return made


# Language


class Encoder(nn.Module):
    """Tensors in, tensors out, for a BERT-like model."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> tuple[Tensor, Tensor]:
        return self.model(input_ids, attention_mask, token_type_ids, return_dict=False)


def make_bert_base(path: Path) -> Made:
    config = transformers.BertConfig(attn_implementation="eager")
    model = fill_with_random_weights(Encoder(transformers.BertModel(config)))

    def inputs(batch: int, sequence: int) -> Inputs:
        input_ids = tokens(batch, sequence, config.vocab_size)
        return {
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids),
            "token_type_ids": torch.zeros_like(input_ids),
        }

    axes = {0: "batch", 1: "sequence"}
    dynamic = {name: axes for name in ["input_ids", "attention_mask", "token_type_ids", "last_hidden_state"]}
    dynamic["pooler_output"] = {0: "batch"}
    export_torchscript(model, path, inputs(2, 8), ["last_hidden_state", "pooler_output"], dynamic)
    examples = [Example(i, count_macs(model, i)) for i in [inputs(1, 128), inputs(4, 384)]]
    return Made(count_params(model), examples, count_params(model), run_eager(model))


class CachedDecoder(nn.Module):
    """A decoder whose key-value cache goes in and comes out as tensors: key and value of layer 0, of layer 1, ..."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, past: list[Tensor]
    ) -> list[Tensor]:
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=DynamicCache.from_legacy_cache(tuple(zip(past[::2], past[1::2]))),
            use_cache=True,
        )
        present = outputs.past_key_values.to_legacy_cache()
        return [outputs.logits] + [tensor for layer in present for tensor in layer]


@dataclass
class CacheShape:
    layers: int
    heads: int
    head_size: int

    def names(self, prefix: str) -> list[str]:
        return [f"{prefix}.{layer}.{kind}" for layer in range(self.layers) for kind in ["key", "value"]]

    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """Of all inputs and outputs of a cached decoder."""
        axes = {
            "input_ids": {0: "batch", 1: "sequence"},
            "attention_mask": {0: "batch", 1: "total"},
            "position_ids": {0: "batch", 1: "sequence"},
            "logits": {0: "batch", 1: "sequence"},
        }
        axes |= {name: {0: "batch", 2: "past"} for name in self.names("past_key_values")}
        axes |= {name: {0: "batch", 2: "total"} for name in self.names("present")}
        return axes

    def outputs(self) -> list[str]:
        return ["logits", *self.names("present")]

    def inputs(self, vocabulary: int, batch: int, sequence: int, past: int) -> Inputs:
        named = {
            "input_ids": tokens(batch, sequence, vocabulary),
            "attention_mask": torch.ones(batch, past + sequence, dtype=torch.int64),
            "position_ids": torch.arange(past, past + sequence).expand(batch, sequence).contiguous(),
        }
        generator = torch.Generator().manual_seed(past)
        for name in self.names("past_key_values"):
            named[name] = torch.randn(batch, self.heads, past, self.head_size, generator=generator)
        return named


# Batch, sequence, past: one token of one conversation, and a chunk of two.
CACHED_EXAMPLES = [(1, 1, 128), (2, 16, 64)]


def make_gpt2(path: Path) -> Made:
    config = transformers.GPT2Config(attn_implementation="eager")
    decoder = fill_with_random_weights(CachedDecoder(transformers.GPT2LMHeadModel(config)))
    cache = CacheShape(config.n_layer, config.n_head, config.n_embd // config.n_head)
    export_torchscript(decoder, path, cache.inputs(config.vocab_size, 2, 3, 5), cache.outputs(), cache.dynamic_axes())
    chosen = [cache.inputs(config.vocab_size, *example) for example in CACHED_EXAMPLES]
    examples = [Example(inputs, count_macs(decoder, inputs)) for inputs in chosen]
    # Embedding and output projection are one parameter; this exporter stores the second, transposed, as well.
    params_in_file = count_params(decoder) + config.vocab_size * config.n_embd
    return Made(count_params(decoder), examples, params_in_file, run_eager(decoder))


# The published shape of SmolLM-135M: a Llama with nine query heads over three key-value heads and tied embeddings.
SMOLLM = transformers.LlamaConfig(
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    max_position_embeddings=2048,
    tie_word_embeddings=True,
    attn_implementation="eager",
)
SMOLLM_CACHE = CacheShape(layers=30, heads=3, head_size=64)


def make_smollm(path: Path) -> Made:
    """Grouped-query attention, rotary positions and the cache in plain ONNX operators."""
    decoder = fill_with_random_weights(CachedDecoder(transformers.LlamaForCausalLM(SMOLLM)))
    inputs = SMOLLM_CACHE.inputs(SMOLLM.vocab_size, 2, 3, 5)
    export_dynamo(decoder, path, inputs, SMOLLM_CACHE.outputs(), 20, SMOLLM_CACHE.dynamic_axes())
    chosen = [SMOLLM_CACHE.inputs(SMOLLM.vocab_size, *example) for example in CACHED_EXAMPLES]
    examples = [Example(inputs, count_macs(decoder, inputs)) for inputs in chosen]
    # The rotary frequencies are no parameter for PyTorch, but a constant operand of a MatMul in the file.
    params_in_file = count_params(decoder) + SMOLLM_CACHE.head_size // 2
    return Made(count_params(decoder), examples, params_in_file, run_eager(decoder))


def make_smollm_int4(path: Path) -> Made:
    """The same decoder as onnxruntime-genai builds it: MatMulNBits, 4 bits in blocks, and GroupQueryAttention."""
    model = transformers.LlamaForCausalLM(SMOLLM)
    decoder = fill_with_random_weights(CachedDecoder(model))
    with tempfile.TemporaryDirectory() as folder:
        source, built = Path(folder) / "source", Path(folder) / "built"
        model.save_pretrained(source)
        # The builder copies a tokenizer; it does not matter which.
        words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"unknown": 0}, unk_token="unknown"))
        transformers.PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(source)
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
        subprocess.run(
            [*builder, "-i", source, "-o", built, "-c", folder, "-p", "int4", "-e", "cpu"],
            check=True,
            capture_output=True,
        )
        onnx.save(onnx.load(built / "model.onnx"), path)
    examples = []
    # onnxruntime's GroupQueryAttention takes several new tokens after a past only for a batch of one.
    for batch, sequence, past in [(1, 1, 128), (1, 16, 64), (4, 1, 64)]:
        inputs = SMOLLM_CACHE.inputs(SMOLLM.vocab_size, batch, sequence, past)
        # PyTorch makes the rotary angles with a matrix product; here they are a table.
        macs = count_macs(decoder, inputs) - batch * sequence * SMOLLM_CACHE.head_size // 2
        del inputs["position_ids"]
        examples.append(Example(inputs, macs))
    # The builder writes SimplifiedLayerNormalization in the default domain, where only onnxruntime knows it.
    return Made(count_params(decoder), examples, params_in_file=None, within_specification=False)


class Tagger(nn.Module):
    """A two-layer bidirectional LSTM over embeddings, with a label for each token."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20_000, 128)
        self.lstm = nn.LSTM(128, 256, num_layers=2, bidirectional=True, batch_first=True)
        self.labels = nn.Linear(512, 32)

    def forward(self, input_ids: Tensor) -> Tensor:
        hidden, _ = self.lstm(self.embedding(input_ids))
        return self.labels(hidden)


def make_lstm_tagger(path: Path) -> Made:
    model = fill_with_random_weights(Tagger())
    axes = {0: "batch", 1: "sequence"}
    inputs = {"input_ids": tokens(2, 7, 20_000)}
    export_torchscript(model, path, inputs, ["labels"], {"input_ids": axes, "labels": axes})
    examples = []
    for batch, sequence in [(1, 128), (4, 32)]:
        inputs = {"input_ids": tokens(batch, sequence, 20_000)}
        # Four gates of 256, over input and hidden state, in two directions; the second layer reads both directions.
        per_token = 2 * 4 * 256 * (128 + 256) + 2 * 4 * 256 * (512 + 256) + 512 * 32
        macs = batch * sequence * per_token
        assert count_macs(model, inputs) == macs
        examples.append(Example(inputs, macs))
    return Made(count_params(model), examples, count_params(model), run_eager(model))


def make_greedy_decoder(path: Path) -> Made:
    """Twelve steps of a greedy decoder in one Loop node: each step reads the token that the step before chose.

    Made by hand, as a GRU language model with Gemm nodes: x = embedding[token], h = GRU(x, h), token = argmax(W h).
    """
    steps, vocabulary, width = 12, 1000, 256
    generator = numpy.random.default_rng(0)

    def weight(name: str, *dims: int) -> TensorProto:
        return numpy_helper.from_array(generator.normal(0, 0.02, dims).astype(numpy.float32), name)

    weights = [
        weight("embedding", vocabulary, width),
        weight("gru.input_weight", 3 * width, width),
        weight("gru.input_bias", 3 * width),
        weight("gru.hidden_weight", 3 * width, width),
        weight("gru.hidden_bias", 3 * width),
        weight("head.weight", vocabulary, width),
        weight("head.bias", vocabulary),
    ]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["running"], ["still_running"], "/decoder/condition/Identity"),
            helper.make_node("Gather", ["embedding", "token"], ["x"], "/decoder/embedding/Gather", axis=0),
            helper.make_node(
                "Gemm", ["x", "gru.input_weight", "gru.input_bias"], ["from_x"], "/decoder/gru/input/Gemm", transB=1
            ),
            helper.make_node(
                "Gemm", ["h", "gru.hidden_weight", "gru.hidden_bias"], ["from_h"], "/decoder/gru/hidden/Gemm", transB=1
            ),
            helper.make_node("Split", ["from_x"], ["xr", "xz", "xn"], "/decoder/gru/Split", axis=1, num_outputs=3),
            helper.make_node("Split", ["from_h"], ["hr", "hz", "hn"], "/decoder/gru/Split_1", axis=1, num_outputs=3),
            helper.make_node("Add", ["xr", "hr"], ["sum_r"], "/decoder/gru/Add"),
            helper.make_node("Sigmoid", ["sum_r"], ["r"], "/decoder/gru/Sigmoid"),
            helper.make_node("Add", ["xz", "hz"], ["sum_z"], "/decoder/gru/Add_1"),
            helper.make_node("Sigmoid", ["sum_z"], ["z"], "/decoder/gru/Sigmoid_1"),
            helper.make_node("Mul", ["r", "hn"], ["reset"], "/decoder/gru/Mul"),
            helper.make_node("Add", ["xn", "reset"], ["sum_n"], "/decoder/gru/Add_2"),
            helper.make_node("Tanh", ["sum_n"], ["n"], "/decoder/gru/Tanh"),
            helper.make_node("Sub", ["h", "n"], ["difference"], "/decoder/gru/Sub"),
            helper.make_node("Mul", ["z", "difference"], ["kept"], "/decoder/gru/Mul_1"),
            helper.make_node("Add", ["n", "kept"], ["next_h"], "/decoder/gru/Add_3"),
            helper.make_node(
                "Gemm", ["next_h", "head.weight", "head.bias"], ["scores"], "/decoder/head/Gemm", transB=1
            ),
            helper.make_node("ArgMax", ["scores"], ["next_token"], "/decoder/head/ArgMax", axis=1, keepdims=0),
            helper.make_node("Identity", ["next_token"], ["chosen"], "/decoder/head/Identity"),
        ],
        "step",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("running", TensorProto.BOOL, []),
            helper.make_tensor_value_info("token", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, ["batch", width]),
        ],
        [
            helper.make_tensor_value_info("still_running", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next_token", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("next_h", TensorProto.FLOAT, ["batch", width]),
            helper.make_tensor_value_info("chosen", TensorProto.INT64, ["batch"]),
        ],
    )
    constants = [
        numpy_helper.from_array(numpy.array(steps, numpy.int64), "steps"),
        numpy_helper.from_array(numpy.array(True), "start"),
    ]
    graph = helper.make_graph(
        [
            helper.make_node(
                "Loop",
                ["steps", "start", "first_token", "state"],
                ["last_token", "last_state", "by_step"],
                "/decoder/Loop",
                body=body,
            ),
            helper.make_node("Transpose", ["by_step"], ["generated"], "/Transpose", perm=[1, 0]),
        ],
        "greedy_decoder",
        [
            helper.make_tensor_value_info("first_token", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", width]),
        ],
        [helper.make_tensor_value_info("generated", TensorProto.INT64, ["batch", steps])],
        weights + constants,
    )
    model = helper.make_model(
        graph, producer_name="models/make.py", opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )
    onnx.save(model, path)

    examples = []
    for batch in [1, 4]:
        inputs = {"first_token": torch.zeros(batch, dtype=torch.int64), "state": torch.zeros(batch, width)}
        examples.append(Example(inputs, steps * batch * (2 * 3 * width * width + vocabulary * width)))
    params = sum(int(numpy.prod(tensor.dims)) for tensor in weights)
    return Made(params, examples, params)


# Speech


class SpeechEncoder(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, input_features: Tensor) -> Tensor:
        return self.model(input_features).last_hidden_state


def make_whisper_tiny_encoder(path: Path) -> Made:
    """The default configuration of transformers is whisper-tiny. One window of 30 seconds is 3,000 frames."""
    config = transformers.WhisperConfig(attn_implementation="eager")
    model = fill_with_random_weights(SpeechEncoder(transformers.WhisperModel(config).encoder))

    def inputs(batch: int) -> Inputs:
        generator = torch.Generator().manual_seed(batch)
        return {"input_features": torch.randn(batch, config.num_mel_bins, 3000, generator=generator)}

    export_dynamo(model, path, inputs(2), ["last_hidden_state"], 20, {"input_features": {0: "batch"}})
    examples = [Example(i, count_macs(model, i)) for i in [inputs(1), inputs(2)]]
    return Made(count_params(model), examples, count_params(model), run_eager(model))


RECIPES: dict[str, Callable[[Path], Made]] = {
    "resnet50.onnx": make_resnet50,
    "mobilenet_v3_small.onnx": make_mobilenet_v3_small,
    "mobilenet_v2_int8.onnx": make_mobilenet_v2_int8,
    "ssdlite320_mobilenet_v3_large.onnx": make_ssdlite320,
    "lraspp_mobilenet_v3_large.onnx": make_lraspp,
    "vit_tiny_patch16_224.onnx": make_vit_tiny,
    "bert_base.onnx": make_bert_base,
    "gpt2_cached.onnx": make_gpt2,
    "smollm_135m_cached.onnx": make_smollm,
    "smollm_135m_cached_int4.onnx": make_smollm_int4,
    "whisper_tiny_encoder.onnx": make_whisper_tiny_encoder,
    "lstm_tagger.onnx": make_lstm_tagger,
    "greedy_decoder_loop.onnx": make_greedy_decoder,
}


def check(path: Path, made: Made) -> None:
    """Refuses a file that is not valid, does not run, holds other weights or computes something else than PyTorch."""
    if made.within_specification:
        onnx.checker.check_model(path)
    if made.params_in_file is not None:
        sizes = [
            numpy.prod(tensor.dims, dtype=int)
            for tensor in onnx.load(path).graph.initializer
            if tensor.data_type == TensorProto.FLOAT
        ]
        stored = sum(size for size in sizes if size > 1)
        assert stored == made.params_in_file, f"{path.name} holds {stored} weights, not {made.params_in_file}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    needed = {value.name for value in session.get_inputs()}
    for example in made.examples:
        feeds = {name: tensor.numpy() for name, tensor in example.inputs.items()}
        assert needed == set(feeds), f"{path.name} takes {needed}, the example gives {set(feeds)}"
        outputs = session.run(None, feeds)
        if made.expected_outputs is not None:
            expected = made.expected_outputs(example.inputs)
            for mine, theirs in zip(outputs, expected, strict=True):
                numpy.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-3, atol=1e-4)


def reference_rows(name: str, made: Made) -> list[list[str]]:
    """`inputs` reads `name=dims name=dims`, dims joined by x, in the order of the model's inputs."""
    rows = []
    for example in made.examples:
        dims = {input_name: "x".join(map(str, tensor.shape)) for input_name, tensor in example.inputs.items()}
        inputs = " ".join(f"{input_name}={shape}" for input_name, shape in dims.items())
        params_in_file = "" if made.params_in_file is None else str(made.params_in_file)
        rows.append([name, inputs, str(made.params), params_in_file, str(example.macs)])
    return rows


def write_reference(made_rows: dict[str, list[list[str]]]) -> None:
    """Replaces the rows of the models just made and keeps the others."""
    path = FOLDER / "reference.csv"
    rows_of: dict[str, list[list[str]]] = {}
    if path.exists():
        with path.open(newline="") as file:
            for row in list(csv.reader(file))[1:]:
                rows_of.setdefault(row[0], []).append(row)
    rows_of.update(made_rows)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "inputs", "params", "params_in_file", "macs"])
        for name in RECIPES:
            writer.writerows(rows_of.get(name, []))


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the models of this folder and reference.csv.")
    parser.add_argument("models", nargs="*", metavar="FILE", help=f"which to make (default: all): {', '.join(RECIPES)}")
    parser.add_argument(
        "--ergometer", default="cargo run --release --", help="command that runs ergometer (default: %(default)s)"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the models with weights here (2 GB)")
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.WARNING)
    unknown = set(options.models) - set(RECIPES)
    if unknown:
        parser.error(f"no recipe for {', '.join(sorted(unknown))}")

    made_rows = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.models or RECIPES:
            torch.manual_seed(0)
            made = RECIPES[name](folder / name)
            check(folder / name, made)
            strip = [*shlex.split(options.ergometer), "strip", str(folder / name), "-o", str(FOLDER / name)]
            subprocess.run(strip, check=True)
            made_rows[name] = reference_rows(name, made)
            write_reference(made_rows)
            print(f"{name}: {(FOLDER / name).stat().st_size:,} bytes, {made.params:,} parameters", flush=True)
            if options.keep is None:
                (folder / name).unlink()


if __name__ == "__main__":
    main()
