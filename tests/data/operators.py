"""Lists every operator of the onnx and onnxruntime packages, with the opsets at which it changed.

    pip install onnx==1.23.2 onnxruntime==1.32.0
    python tests/data/operators.py > tests/data/operators.txt

One line for each operator: domain, name, the versions that define it (ascending, separated by commas), and its status:

    current      the newest version can be used
    deprecated   the newest version withdraws the operator; older models still hold it

The default domain, an empty string in a model, is written `ai.onnx`. Of onnxruntime its own operators are listed, and those of the
layouts that it brings a model into: files that it has optimised hold them.
"""

import onnx
import onnx.defs
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

CONTRIB_DOMAINS = ("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")


def main() -> None:
    schemas = list(onnx.defs.get_all_schemas_with_history())
    schemas += [schema for schema in get_all_operator_schema() if schema.domain in CONTRIB_DOMAINS]

    versions_of: dict[tuple[str, str], dict[int, bool]] = {}
    for schema in schemas:
        operator = (schema.domain or "ai.onnx", schema.name)
        versions_of.setdefault(operator, {})[schema.since_version] = schema.deprecated

    print(f"# Made by tests/data/operators.py from onnx {onnx.__version__} (opset {onnx.defs.onnx_opset_version()})")
    print(f"# and, for {', '.join(CONTRIB_DOMAINS)}, onnxruntime {onnxruntime.__version__}.")
    print("# domain name since_versions status")
    for (domain, name), deprecated_at in sorted(versions_of.items()):
        versions = sorted(deprecated_at)
        status = "deprecated" if deprecated_at[versions[-1]] else "current"
        print(domain, name, ",".join(map(str, versions)), status)


if __name__ == "__main__":
    main()
