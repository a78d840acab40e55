"""A Python environment with ONNX Runtime on the CPU, under `target/runtime-validation`, made once.

Nothing here knows a host: pip fetches the packages from wherever this machine has them from.
"""

import json
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "target" / "runtime-validation"
REQUIREMENTS = pathlib.Path(__file__).with_name("runtime-requirements.txt")
MARK = "--inside"


def enter():
    """Runs this very command again in an environment that has the packages, unless it is there already."""
    if MARK in sys.argv:
        sys.argv.remove(MARK)
        return
    python = FOLDER / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER / "venv", with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS], check=True)
    sys.exit(subprocess.run([python, *sys.argv, MARK], check=False).returncode)


def analysis(command, path):
    """What ergometer says of a model."""
    words = [command, "analyze", "-q", "--format", "json", path]
    return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)


def session(path, **options):
    """A session of the runtime that runs a model as it is, on the CPU, and says nothing."""
    import onnxruntime

    asked = onnxruntime.SessionOptions()
    asked.log_severity_level = 4
    asked.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    for name, option in options.items():
        setattr(asked, name, option)
    return onnxruntime.InferenceSession(path, asked, providers=["CPUExecutionProvider"])
