#!/usr/bin/env python3
"""Holds shapes, element types and counts against the backend test suite of ONNX.

usage: conformance.py ERGOMETER [-v]

The suite is what ONNX's own implementers check themselves with: a model of each operator, with inputs and the outputs
that are right. pip fetches it (conformance-requirements.txt, one environment a line, under target/conformance); none of it
is kept in the repository. The older package brings the models as files, the newer one generates them, with some more.

What a model declares of its inner values and outputs is taken away before it is analysed, so that nothing can be copied:

- fed: inputs that have recorded values become initializers;
- static: inputs are known by their shapes alone, and what depends on their values may stay unknown, but never be wrong.

A model is `exact` if each output that is a tensor has the recorded element type and shape, `partial` if dimensions are
unknown and the rest is right, `none` without rank, `wrong` if anything known differs, `error` if the analysis fails, and
`n/a` without an output that is a tensor. Then each operator with a function body is held against that body: both must take
equally many multiply-accumulates (EXCEPTIONS lists which need not, and why).

All models of a package run in one process. Exit code 1 if a target is missed; -v lists every model that is not exact.
"""

import collections
import json
import pathlib
import re
import resource
import subprocess
import sys
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "target" / "conformance"
REQUIREMENTS = pathlib.Path(__file__).with_name("conformance-requirements.txt")
SUITES = ("node", "simple", "pytorch-operator", "pytorch-converted")
VERDICTS = ("exact", "partial", "none", "wrong", "error", "n/a")

# The least number of models that must be exact when fed, by package.
EXACT = {"1.22.0": 1854, "1.23.2": 1973}

# Operators whose body computes the same in another way, by the pattern of their models' names.
EXCEPTIONS = {}


def lay_out(folder):
    """Writes the models of the installed package into a folder, with what is expected of each."""
    import onnx
    from onnx import TensorProto

    def loaded(path):
        tensor = TensorProto()
        tensor.ParseFromString(path.read_bytes())
        return tensor

    def as_proto(value):
        import numpy

        if isinstance(value, TensorProto):
            return value
        return onnx.numpy_helper.from_array(value) if isinstance(value, (numpy.ndarray, numpy.generic)) else None

    def from_files(root):
        for path in sorted(path for suite in SUITES for path in (root / suite).glob("*/model.onnx")):
            data = path.parent / "test_data_set_0"
            model = onnx.load(path)

            def recorded(infos, kind):
                for position, info in enumerate(infos):
                    file = data / f"{kind}_{position}.pb"
                    tensor = info.type.HasField("tensor_type") and file.exists()
                    yield loaded(file) if tensor else None

            yield (path.parent.parent.name, path.parent.name, model,
                   list(recorded(model.graph.input, "input")), list(recorded(model.graph.output, "output")))

    def from_generator():
        from onnx.backend.test.case.node import collect_testcases

        for case in collect_testcases(None):
            inputs, outputs = case.data_sets[0]

            def recorded(infos, values):
                values = list(values) + [None] * len(infos)
                for info, value in zip(infos, values):
                    tensor = as_proto(value)
                    code = info.type.tensor_type.elem_type
                    if tensor is not None and tensor.data_type != code and info.type.HasField("tensor_type"):
                        # numpy has no such type: the array stands for it, element by element.
                        tensor = TensorProto(dims=tensor.dims, data_type=code)
                    yield tensor if info.type.HasField("tensor_type") else None

            graph = case.model.graph
            yield "node", case.name, case.model, list(recorded(graph.input, inputs)), list(recorded(graph.output, outputs))

    root = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
    cases = list(from_files(root)) if (root / "node").exists() else [*from_generator(), *from_files(root)]
    names = {code: name.lower() for name, code in TensorProto.DataType.items()}
    names |= {TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64"}
    expected = {}
    for suite, name, model, inputs, outputs in cases:
        key = f"{suite}-{name}"
        graph = model.graph
        expected[key] = {
            "operators": sorted({node.op_type for node in graph.node}),
            "outputs": [[info.name, names[tensor.data_type], list(tensor.dims)]
                        for info, tensor in zip(graph.output, outputs) if tensor is not None],
        }
        del graph.value_info[:]
        for info in graph.output:
            info.ClearField("type")
        (folder / f"{key}.static.onnx").write_bytes(model.SerializeToString())
        # Before version 4, an initializer had to be listed as an input too.
        model.ir_version = max(model.ir_version, 8)
        kept = []
        for info, tensor in zip(list(graph.input), inputs):
            if tensor is None or not (tensor.ByteSize() and has_values(tensor)):
                kept.append(info)
                continue
            tensor.name = info.name
            graph.initializer.append(tensor)
        del graph.input[:]
        graph.input.extend(kept)
        (folder / f"{key}.fed.onnx").write_bytes(model.SerializeToString())
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


def has_values(tensor):
    """Whether a tensor has its elements, or needs none."""
    fields = ("raw_data", "float_data", "int32_data", "int64_data", "string_data", "double_data", "uint64_data")
    return 0 in tensor.dims or any(len(getattr(tensor, field)) for field in fields)


def cases_of(requirement):
    """The folder with the models of a package."""
    version = requirement.split("==")[1]
    folder = FOLDER / version
    if not (folder / "expected.json").exists():
        python = FOLDER / f"venv-{version}" / "bin" / "python"
        if not python.exists():
            venv.create(FOLDER / f"venv-{version}", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", requirement, "pillow"], check=True)
        folder.mkdir(exist_ok=True)
        subprocess.run([python, __file__, "--lay-out", folder], check=True)
    return version, folder


def analyse(command, folder, mode, keys):
    """What ergometer says of each model, by key: an analysis or a failure; and what the process took."""
    out = folder / f"{mode}.jsonl"
    words = [command, "analyze", "-q", "--format", "jsonl", "-o", out, *(f"{key}.{mode}.onnx" for key in keys)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    run = subprocess.run(words, cwd=folder, stderr=subprocess.PIPE, check=False)
    took = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.returncode in (0, 4), f"exit code {run.returncode}: {run.stderr.decode(errors='replace')[-2000:]}"
    with out.open(encoding="utf-8") as lines:
        found = dict(zip(keys, map(json.loads, lines), strict=True))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found, f"{took:.2f} s, {cpu:.2f} s of processor"


def verdict(analysis, outputs):
    """How the outputs of an analysis compare with the recorded ones."""
    if "error" in analysis:
        return "error"
    if not outputs:
        return "n/a"
    # A node that runs a body stands before the body's nodes.
    made = {}
    for layer in analysis["layers"]:
        for tensor in layer["outputs"]:
            made.setdefault(tensor["name"], tensor)
    worst = 0
    for name, element, shape in outputs:
        tensor = made.get(name)
        if tensor is None or tensor["shape"] is None:
            known = tensor is not None and tensor["dtype"] not in (None, element)
            worst = max(worst, VERDICTS.index("wrong" if known else "none"))
        elif (tensor["dtype"] not in (None, element) or len(tensor["shape"]) != len(shape)
              or any(a not in (None, b) for a, b in zip(tensor["shape"], shape))):
            worst = max(worst, VERDICTS.index("wrong"))
        elif None in tensor["shape"] or tensor["dtype"] is None:
            worst = max(worst, VERDICTS.index("partial"))
    return VERDICTS[worst]


def operator_of(key, operators):
    """The group that a model counts to."""
    if "_expanded" in key:
        return "(function bodies)"
    return operators[0] if len(operators) == 1 else "(several operators)"


def twins(found):
    """Models of an operator and of its body, with the multiply-accumulates of each."""
    for key, analysis in found.items():
        base = re.sub(r"_expanded(_ver\d+|_function)?$", "", key)
        if base != key and base in found and "error" not in analysis and "error" not in found[base]:
            yield base, key, found[base]["totals"]["macs"], analysis["totals"]["macs"]


def check(command, requirement, verbose):
    """Runs one package's models and prints the tables; the targets that are missed."""
    version, folder = cases_of(requirement)
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    keys = sorted(expected)
    missed = []
    verdicts = {}
    for mode in ("fed", "static"):
        found, took = analyse(command, folder, mode, keys)
        verdicts[mode] = {key: verdict(found[key], expected[key]["outputs"]) for key in keys}
        count = collections.Counter(verdicts[mode].values())
        line = ", ".join(f"{count[word]} {word}" for word in VERDICTS)
        print(f"onnx {version}, {mode}: {len(keys)} models in {took}: {line}")
        missed += [f"{version} {mode} {key}: {word}" for key, word in verdicts[mode].items() if word in ("wrong", "error")]
        if mode == "fed" and count["exact"] < EXACT[version]:
            missed.append(f"{version} fed: {count['exact']} exact of {EXACT[version]}")
        if mode == "static":
            # Fed, every node is computable from constants, and costs nothing.
            pairs = list(twins(found))
            excused = [pair for pair in pairs if any(re.search(pattern, pair[0]) for pattern in EXCEPTIONS)]
            unequal = [pair for pair in pairs if pair[2] != pair[3] and pair not in excused]
            contractions = sum(1 for pair in pairs if pair[2] or pair[3])
            print(f"  {len(pairs)} operators beside their bodies, {contractions} of them with multiply-accumulates: "
                  f"{len(excused)} excepted, {len(unequal)} unequal")
            missed += [f"{version} {base}: {macs} MACs, its body {body}" for base, _, macs, body in unequal]
    table = collections.defaultdict(lambda: {mode: collections.Counter() for mode in verdicts})
    for mode, words in verdicts.items():
        for key, word in words.items():
            table[operator_of(key, expected[key]["operators"])][mode][word] += 1
    print(f"  {'operator':28}{'models':>7}   fed, and static where it differs")
    for operator, counts in sorted(table.items()):
        fed, static = ([f"{n} {word}" for word, n in sorted(counts[mode].items())] for mode in ("fed", "static"))
        text = ", ".join(fed) + ("" if fed == static else f"   static: {', '.join(static)}")
        if verbose or not text.endswith("exact") or "," in text:
            print(f"  {operator:28}{sum(counts['fed'].values()):>7}   {text}")
    if verbose:
        for mode, words in verdicts.items():
            for key, word in words.items():
                if word not in ("exact", "n/a"):
                    print(f"  {mode:7} {word:8} {key}")
    return missed


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--lay-out":
        return lay_out(pathlib.Path(arguments[1]))
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = pathlib.Path(arguments[0]).resolve()
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    missed = []
    for requirement in (line for line in lines if line and not line.startswith("#")):
        missed += check(command, requirement, "-v" in arguments)
    for line in missed:
        print(f"missed: {line}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
