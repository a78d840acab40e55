"""Predicted against measured: a table of models, a table of kernel classes, and whether the targets are met.

What `ergometer analyze --format json` says is read in `predict` alone; everything below it takes seconds by class.
"""

import argparse
import json
import re
import statistics
import subprocess
from collections import defaultdict
from pathlib import Path

import environment

# The targets: the median over classes within models, each model, and no two models in the wrong order.
CLASS_TARGET = 0.25
MODEL_TARGET = 0.30
# Below this share of its model's time a class says more about the profiler's floor than about the prediction.
SMALLEST_SHARE = 0.02
# Two models nearer than this in time are not ordered: measurements repeat no better.
TIE = 0.10

# Printed, not judged: what the values are decides how much work there is.
DEPENDS_ON_DATA = {"ssdlite320_mobilenet_v3_large.onnx": "each class sorts as many boxes as random scores let through"}

# The classes are ergometer's own. `host` is the CPU provider, `move` what the runtime inserted, `other` the rest.
PROGRAMS = {
    "packed_matmul": r"MatMulNBits.*|DP4AMatMulNBits.*",
    "matmul": r"MatMul.*|Gemm.*|FlashAttention.*|Lstm.*|LSTM|GRU",
    "conv": r"Conv|Conv2dMM|Conv3DNaive|Im2Col.*",
    "grouped_conv": r"GroupedConv",
    "transpose": r"Transpose",
    "softmax": r"Softmax",
    "normalize": r".*Norm|.*Normalization",
    "reduce": r"Reduce.*|ArgMax|ArgMin",
    "pool": r".*Pool",
    "gather": r"Gather.*|Scatter.*|Resize.*|DequantizeLinear",
    "copy": r"Concat|Slice|Split|Pad|Expand|Tile|CopyKVCache|SplitPackedQKV.*",
    "special": r"Erf|Exp|Tanh|Sigmoid|Gelu|QuickGelu|Sin|Cos|Pow|Log|Sqrt|Reciprocal|Softplus",
    "elementwise": r"DP4AMatMulQuantize|TopK.*|Add|Sub|Mul|Div|Neg|Abs|Relu|Clip|HardSigmoid|Where|Cast|Equal|Greater.*|Less.*|Min|Max|Not|And|Or"
    r"|QuantizeLinear|LeakyRelu|Ceil|Floor",
}
# Which of these a program belongs to is the layer's to say.
FAMILIES = [{"matmul", "packed_matmul", "conv", "grouped_conv"}, {"elementwise", "special"}, {"copy", "gather", "transpose"}]
# The runtime's layout passes name a node after the one they change.
SUFFIX = re.compile(r"(_token_\d+|/QuickGeluFusion/|/duplicated)+$")


def compare(recording: dict, arguments: argparse.Namespace) -> int:
    """Prints both tables; the exit status says whether the targets are met, if that was asked."""
    rows = []
    for model in recording["models"]:
        if arguments.model and model["file"] not in arguments.model:
            continue
        prediction = predict(arguments.ergometer, arguments.profile, model)
        rows.append((model, prediction, measured_by_class(model, prediction["layers"])))
    if not rows:
        raise environment.SetupError("the recording holds none of these models")
    print_models(rows)
    judged = [row for row in rows if row[0]["file"] not in DEPENDS_ON_DATA]
    missed = judge_models(judged) if judged else []
    if not arguments.markdown:
        cells = print_classes(rows)
        missed += judge_classes([cell for cell in cells if cell[0] not in DEPENDS_ON_DATA])
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed and arguments.strict else 0


def predict(ergometer: Path, profile: str, model: dict) -> dict:
    """One analysis: seconds of the whole model and by class of kernel, and the class of each layer by name.

    The bindings are ergometer's defaults, as those of the recording are; where the two differ, the comparison is off.
    """
    file = environment.ROOT / "models" / model["file"]
    command = [ergometer, "analyze", file, "--device", profile, "--runtime", "webgpu", "--format", "json"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise environment.SetupError(f"{model['file']}: {done.stderr.strip()}")
    analysis = json.loads(done.stdout)
    check_bindings(analysis, model)
    estimate = analysis["estimates"][0]
    return {
        "seconds": estimate["latency_s"]["value"],
        "by_class": predicted_by_class(analysis, estimate),
        "layers": {layer["name"]: layer["kernel"] for layer in analysis["layers"] if layer.get("kernel")},
    }


def check_bindings(analysis: dict, model: dict) -> None:
    predicted = {binding["name"]: binding["value"] for binding in analysis["bindings"]}
    for name, value in model["bindings"].items():
        if predicted.get(name) != value:
            raise environment.SetupError(f"{model['file']}: {name} is {predicted.get(name)} here, {value} in the recording")


def predicted_by_class(analysis: dict, estimate: dict) -> dict[str, float]:
    """As the estimate tells them; an estimate that does not tell kernels apart is summed by operator."""
    if estimate.get("kernels"):
        return {row["class"]: row["time_s"] for row in estimate["kernels"]}
    seconds = defaultdict(float)
    for layer in analysis["layers"]:
        seconds[class_of_operator(layer["op"])] += layer.get("time_s") or 0.0
    return dict(seconds)


def measured_by_class(model: dict, layers: dict[str, str]) -> dict[str, float]:
    """The model's CPU seconds, less what the CPU provider took, apportioned by the kernels' shares of GPU time."""
    host = sum(seconds for _, seconds in model["host_nodes"].values())
    on_device = max(0.0, model["cpu_s"]["median"] - host)
    seconds = defaultdict(float, {"host": host} if host else {})
    for kernel in model["kernels"]:
        seconds[class_in(layers, kernel)] += kernel["share"] * on_device
    return dict(seconds)


def class_in(layers: dict[str, str], kernel: dict) -> str:
    """The class of a kernel as ergometer means it.

    A program can serve two classes: a 1×1 convolution is a matrix product or a convolution. The layer decides between
    those, but not more: its other kernels are of their own classes.
    """
    own = kernel.get("class") or class_of_program(kernel)
    layer = layers.get(SUFFIX.sub("", kernel.get("node", "")))
    if any(own in family and layer in family for family in FAMILIES):
        return layer
    # ergometer counts what the runtime inserts among the transposes.
    return "transpose" if own == "move" else own


def inserted(kernel: dict) -> bool:
    """Whether the runtime made this kernel's node itself: it is then named after its operator, or not at all."""
    return re.fullmatch(rf"({kernel['operator']})?(_token_\d+|_\d+)?", kernel["node"]) is not None


def class_of_program(kernel: dict) -> str:
    """The class of a program where no layer tells it."""
    if kernel["program"] == "Transpose" and inserted(kernel):
        return "move"
    return class_of_operator(kernel["program"])


def class_of_operator(name: str) -> str:
    """The class of a program or operator; operators without a program of their name are among them for `predict`."""
    return next((known for known, names in PROGRAMS.items() if re.fullmatch(names, name)), "other")


def error(predicted: float, measured: float) -> float:
    return predicted / measured - 1


def print_models(rows: list) -> None:
    print("| model | measured CPU s | wall s | predicted s | error |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for model, prediction, _ in sorted(rows, key=lambda row: row[0]["cpu_s"]["median"]):
        measured = model["cpu_s"]["median"]
        print(f"| {model['file']} | {measured:.3g} | {model['wall_s']['median']:.3g} | {prediction['seconds']:.3g} "
              f"| {error(prediction['seconds'], measured):+.0%} |")
    for file, reason in DEPENDS_ON_DATA.items():
        if any(model["file"] == file for model, _, _ in rows):
            print(f"\n{file} is not judged: {reason}.")


def judge_models(rows: list) -> list[str]:
    """Which model targets are missed; the worst model and the rank correlation are printed."""
    errors = {model["file"]: error(prediction["seconds"], model["cpu_s"]["median"]) for model, prediction, _ in rows}
    worst = max(errors, key=lambda file: abs(errors[file]))
    pairs = [(model["cpu_s"]["median"], prediction["seconds"]) for model, prediction, _ in rows]
    print(f"\nworst model: {worst} {errors[worst]:+.0%}; median {statistics.median(map(abs, errors.values())):.0%}; "
          f"rank correlation {rank_correlation(pairs):.2f}; pairs in the wrong order: {wrong_pairs(pairs)}")
    missed = [f"{file}: {value:+.0%}, target ±{MODEL_TARGET:.0%}" for file, value in errors.items() if abs(value) > MODEL_TARGET]
    if wrong_pairs(pairs):
        missed.append("models are not in the measured order")
    return missed


def rank_correlation(pairs: list[tuple[float, float]]) -> float:
    """Spearman's: 1 where both orders agree. Source: 1 - 6 Σd² / (n (n² - 1)), without ties."""
    count = len(pairs)
    if count < 2:
        return 1.0
    ranks = [{value: rank for rank, value in enumerate(sorted(side))} for side in zip(*pairs)]
    squares = sum((ranks[0][first] - ranks[1][second]) ** 2 for first, second in pairs)
    return 1 - 6 * squares / (count * (count**2 - 1))


def wrong_pairs(pairs: list[tuple[float, float]]) -> int:
    """Pairs of models whose measured times differ by more than a tie, predicted in the other order."""
    return sum(
        slow[0] > fast[0] * (1 + TIE) and slow[1] < fast[1]
        for slow in pairs
        for fast in pairs
    )


def print_classes(rows: list) -> list[tuple[str, str, float]]:
    """Class totals over all models, then the classes of each; returns (model, class, error) of those worth judging."""
    totals = defaultdict(lambda: [0.0, 0.0])
    cells = []
    for model, prediction, measured in rows:
        for name in measured.keys() | prediction["by_class"].keys():
            pair = (prediction["by_class"].get(name, 0.0), measured.get(name, 0.0))
            totals[name][0] += pair[0]
            totals[name][1] += pair[1]
            if pair[1] >= SMALLEST_SHARE * model["cpu_s"]["median"] and name != "host":
                cells.append((model["file"], name, *pair))
    print("\n| class | measured s | predicted s | error |")
    print("| --- | ---: | ---: | ---: |")
    for name, (predicted, measured) in sorted(totals.items(), key=lambda item: -item[1][1]):
        told = f"{error(predicted, measured):+.0%}" if measured else "not measured"
        print(f"| {name} | {measured:.3g} | {predicted:.3g} | {told} |")
    print(f"\n| model | class (at least {SMALLEST_SHARE:.0%} of its model) | measured s | predicted s | error |")
    print("| --- | --- | ---: | ---: | ---: |")
    for file, name, predicted, measured in sorted(cells, key=lambda cell: (cell[0], -cell[3])):
        print(f"| {file} | {name} | {measured:.3g} | {predicted:.3g} | {error(predicted, measured):+.0%} |")
    return [(file, name, error(predicted, measured)) for file, name, predicted, measured in cells]


def judge_classes(cells: list[tuple[str, str, float]]) -> list[str]:
    if not cells:
        return []
    middle = statistics.median(abs(value) for _, _, value in cells)
    print(f"\nmedian class error: {middle:.0%} over {len(cells)} classes within models")
    return [f"median class error {middle:.0%}, target {CLASS_TARGET:.0%}"] if middle > CLASS_TARGET else []
