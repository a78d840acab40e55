#!/usr/bin/env python3
"""Holds what ergometer writes for other tools against what those tools publish.

usage: exports.py ERGOMETER

Makes an environment under target/exports-validation with the packages of exports-requirements.txt; pip fetches them from
wherever this machine has them from. Nothing of them is kept in the repository. Then, for several models of models/:

- CycloneDX: the strict JSON Schema of CycloneDX 1.7, as cyclonedx-python-lib brings it along;
- SPDX: the classes of the SPDX 3.0.1 model (spdx-python-model): types, cardinalities, references;
- model card: huggingface_hub reads its YAML;
- Netron: its own code takes the attachment, if node is there;
- annotated models: onnx infers their shapes in strict mode and contradicts none;
- Parquet: pyarrow reads a scored zoo, with the values of the CSV file, and units in its schema.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "target" / "exports-validation"
REQUIREMENTS = pathlib.Path(__file__).with_name("exports-requirements.txt")
MODELS = ["resnet50", "gpt2_cached", "mobilenet_v2_int8", "greedy_decoder_loop", "smollm_135m_cached_int4"]
DEVICES = "nvidia-tesla-t4,nvidia-a100-sxm4-80-gb"

# Netron's classes, without a page: the attachment is read, and asked for a node.
NETRON = """
const fs = require('fs');
const source = fs.readFileSync(process.argv[2], 'utf-8');
const from = source.indexOf('metadata.Attachment = class');
const to = source.indexOf('metrics.Model = class');
if (from < 0 || to < 0) { throw new Error('Netron reads attachments in another way now'); }
const metadata = {};
new Function('metadata', 'view', source.substring(from, to))(metadata, { Context: class {
    constructor(context) { return context; }
} });
const data = JSON.parse(fs.readFileSync(process.argv[3], 'utf-8'));
const attachment = new metadata.Attachment();
const context = { identifier: 'a.json', peek: async () => data };
attachment.open(context).then((taken) => {
    if (!taken) { throw new Error('the attachment is not taken for one'); }
    const wanted = data.metrics.filter((metric) => metric.kind === 'node');
    for (const metric of wanted) {
        const found = attachment.metrics.node({ name: metric.target, metrics: [] });
        const entry = found.find((entry) => entry.name === metric.name);
        if (!entry || entry.value !== metric.value) { throw new Error(`${metric.target}: ${metric.name}`); }
    }
    console.log(wanted.length);
}).catch((error) => { console.error(error); process.exit(1); });
"""


def environment():
    """Starts over in an environment that has the packages."""
    python = FOLDER / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER / "venv", with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:], "--inside"]).returncode)


def ergometer(command, model, form, out):
    words = [command, "analyze", f"models/{model}.onnx", "--device", DEVICES, "--format", form, "-o", out]
    subprocess.run(words, check=True, cwd=ROOT)
    return out.read_text(encoding="utf-8")


def cyclonedx(text):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_7).validate_str(text)
    assert error is None, error


def spdx(path):
    from spdx_python_model import v3_0_1 as model

    objects = model.SHACLObjectSet()
    with open(path, "rb") as file:
        model.JSONLDDeserializer().read(file, objects)
    assert not objects.missing_ids, objects.missing_ids
    (package,) = objects.foreach_type(model.ai_AIPackage)
    energy = package.ai_energyConsumption.ai_inferenceEnergyConsumption
    assert len(energy) == len(DEVICES.split(",")), energy
    # What is written back must be whole: a required field that is missing is refused here.
    model.JSONLDSerializer().serialize_data(objects)


def model_card(text):
    from huggingface_hub import ModelCard

    card = ModelCard(text)
    estimate = card.data.to_dict()["inference_estimate"]
    assert isinstance(estimate["flops"], int)
    assert all(isinstance(device["energy_j"], float) for device in estimate["devices"]), estimate


def netron(path):
    import importlib.util

    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        return "not run: node is not installed"
    view = pathlib.Path(importlib.util.find_spec("netron").origin).with_name("view.js")
    script = FOLDER / "netron.js"
    script.write_text(NETRON, encoding="utf-8")
    run = subprocess.run([node, script, view, path], check=True, capture_output=True, text=True)
    return f"{run.stdout.strip()} figures found again"


def sizes(info):
    shape = info.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in shape]


def annotated(command, model, out):
    import onnx

    subprocess.run([command, "annotate", f"models/{model}.onnx", "-o", out, "-q"], check=True, cwd=ROOT)
    found = onnx.load(out, load_external_data=False)
    plain = onnx.load(ROOT / "models" / f"{model}.onnx", load_external_data=False)
    assert list(found.graph.initializer) == list(plain.graph.initializer)
    assert list(found.graph.input) == list(plain.graph.input)
    onnx.shape_inference.infer_shapes(found, strict_mode=True, data_prop=True)
    del plain.graph.value_info[:]
    theirs = onnx.shape_inference.infer_shapes(plain, data_prop=True).graph.value_info
    theirs = {info.name: sizes(info) for info in theirs if info.type.tensor_type.HasField("shape")}
    equal = 0
    for info in found.graph.value_info:
        other = theirs.get(info.name)
        if other is None:
            continue
        ours = sizes(info)
        both = [(a, b) for a, b in zip(ours, other) if isinstance(a, int) and isinstance(b, int)]
        assert len(ours) == len(other) and all(a == b for a, b in both), (info.name, ours, other)
        equal += 1
    return f"{len(found.graph.value_info)} types, {equal} of them held against onnx"


def parquet(command):
    import pyarrow.csv
    import pyarrow.parquet

    def scored(name):
        out = FOLDER / name
        subprocess.run([command, "score", "models", "--device", DEVICES, "-o", out], check=True, cwd=ROOT)
        return out

    table = pyarrow.parquet.read_table(scored("scores.parquet"))
    types = {field.name: field.type for field in table.schema}
    options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    csv = pyarrow.csv.read_csv(scored("scores.csv"), convert_options=options)
    assert csv.column_names == table.column_names
    # CSV does not tell an empty text from none.
    known = lambda rows: [{key: None if value == "" else value for key, value in row.items()} for row in rows]
    assert known(csv.to_pylist()) == known(table.to_pylist())
    units = {field.name: field.metadata[b"unit"].decode() for field in table.schema if field.metadata}
    assert all(units[name] == "s" for name in types if "latency" in name), units
    assert all(units[name] == "J" for name in types if "energy_" in name and "_j:" in name), units
    return f"{table.num_rows} rows of {table.num_columns} columns, {len(units)} with a unit"


def main():
    if "--inside" not in sys.argv:
        FOLDER.mkdir(parents=True, exist_ok=True)
        environment()
    command = pathlib.Path(sys.argv[1]).resolve()
    for model in MODELS:
        path = FOLDER / model
        cyclonedx(ergometer(command, model, "cyclonedx", path.with_suffix(".cdx.json")))
        spdx_path = path.with_suffix(".spdx.json")
        ergometer(command, model, "spdx", spdx_path)
        spdx(spdx_path)
        model_card(ergometer(command, model, "model-card", path.with_suffix(".md")))
        attachment = path.with_suffix(".netron.json")
        json.loads(ergometer(command, model, "netron", attachment))
        print(f"{model}: CycloneDX, SPDX, model card hold; Netron: {netron(attachment)}")
        print(f"{model}: annotated: {annotated(command, model, path.with_suffix('.onnx'))}")
    print(f"Parquet: {parquet(command)}")


main()
