"""One bundled model on ONNX Runtime's WebGPU provider: its CPU time, and the share of each kernel.

    python measure.py MODEL.onnx        (inside the environment of webgpu.py; prints JSON)

A process of its own for each model: process CPU time then holds nothing else, and its memory is given back.

Seconds are process CPU time divided by the number of cores: what an idle machine would show, if the driver scales over
its cores. Wall time is recorded beside it; on a shared machine it is up to twice as long.
"""

import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy
import onnxruntime
from onnx import TensorProto, helper

import weights

PROVIDER = "WebGpuExecutionProvider"
# The first run builds the pipelines; the second still touches pages for the first time.
DISCARDED = 2
# At least and at most so many runs, of which the first are enough once they took so long.
RUNS = range(5, 15)
ENOUGH_SECONDS = 12.0
PROFILED_RUNS = 3
# These nodes' time contains that of the nodes in their bodies.
WITH_BODIES = {"Loop", "If", "Scan"}


class NotMeasured(Exception):
    """Why there is no result for a model."""


def main() -> None:
    if sys.argv[1:] == ["--dispatch"]:
        result = dispatch()
    else:
        result = measure(Path(sys.argv[1]))
    json.dump(result, sys.stdout)


def measure(path: Path) -> dict:
    """Two sessions: one for the times, one for the profile, which makes every dispatch slower."""
    model = weights.runnable(path).SerializeToString()
    shapes = weights.sizes(path.parent, path.name)
    session = open_session(model, profile=None)
    feed = weights.inputs(session, shapes)
    started = time.perf_counter()
    check_outputs(session.run(None, feed))
    first_run = time.perf_counter() - started
    before = sentinel()
    times = timed(lambda: session.run(None, feed))
    after = sentinel()
    bound = weights.bindings(session, shapes)
    del session
    profile = profiled(model, feed)
    return {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "inputs": shapes,
        "bindings": bound,
        "first_run_wall_s": first_run,
        "sentinel_cpu_s": [before, after],
        **times,
        **profile,
    }


def open_session(model: bytes, profile: str | None) -> onnxruntime.InferenceSession:
    """A session on the WebGPU provider; a profile is written to files that begin with `profile`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # After each operator of the CPU provider, its threads would spin for a while: CPU time that is no work, on the cores
    # that a software adapter computes on (MobileNetV2 int8: 0.47 s with, 0.27 s without).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = profile
    # The CPU provider is for the operators that WebGPU lacks; which they were is recorded.
    session = onnxruntime.InferenceSession(model, options, providers=[PROVIDER, "CPUExecutionProvider"])
    if session.get_providers()[0] != PROVIDER:
        raise NotMeasured(f"providers are {session.get_providers()}: WebGPU did not start")
    return session


def check_outputs(outputs: list) -> None:
    """Infinite or undefined numbers would mean that the weights are not plausible, or that a kernel failed."""
    for output in outputs:
        if output.dtype.kind == "f" and not numpy.isfinite(output).all():
            raise NotMeasured("an output is not finite")


def timed(run: Callable[[], object]) -> dict:
    """CPU time (divided by cores) and wall time of a run, and how many runs there were."""
    for _ in range(DISCARDED - 1):
        run()
    cpu, wall = [], []
    while len(cpu) < RUNS.start or (len(cpu) < RUNS.stop and sum(wall) < ENOUGH_SECONDS):
        cpu_before, wall_before = time.process_time(), time.perf_counter()
        run()
        cpu.append((time.process_time() - cpu_before) / cores())
        wall.append(time.perf_counter() - wall_before)
    return {"runs": len(cpu), "cpu_s": summary(cpu), "wall_s": summary(wall)}


def summary(samples: list[float]) -> dict:
    middle = statistics.median(samples)
    deviation = statistics.median(abs(sample - middle) for sample in samples)
    return {"median": middle, "min": min(samples), "mad": deviation}


def sentinel() -> float:
    """CPU seconds of one fixed matrix product: what changes here is the machine, not the model."""
    size = 512
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, size]) for name in ("a", "b", "c")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "sentinel", ends[:2], ends[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = open_session(model.SerializeToString(), profile=None)
    generator = numpy.random.default_rng(weights.SEED)
    feed = {name: generator.standard_normal((size, size), dtype=numpy.float32) for name in "ab"}
    session.run(None, feed)
    return timed(lambda: session.run(None, feed))["cpu_s"]["median"]


def cores() -> int:
    """Those this process may use: what the driver makes its threads from."""
    return len(os.sched_getaffinity(0))


def profiled(model: bytes, feed: dict) -> dict:
    """Kernels of one run in order, with medians over several runs, and what ran elsewhere."""
    runs = DISCARDED + PROFILED_RUNS
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(model, profile=f"{folder}/profile")
        cpu_before = 0.0
        for index in range(runs):
            if index == DISCARDED:
                cpu_before = time.process_time()
            session.run(None, feed)
        cpu = (time.process_time() - cpu_before) / cores() / PROFILED_RUNS
        events = json.loads(Path(session.end_profiling()).read_text())
    return {"profiled_cpu_s": cpu, **host_work(events), "kernels": kernels(events, runs)}


def kernels(events: list[dict], runs: int) -> list[dict]:
    """For each dispatch: median duration, and median share of its own run's durations.

    Shares are taken within each run first: what else the machine does slows a run as a whole.
    """
    dispatches = [event for event in events if event["cat"] == "Api" and "cache_key" in event["args"]]
    count, rest = divmod(len(dispatches), runs)
    if not count:
        raise NotMeasured("no kernel ran on WebGPU")
    if rest:
        raise NotMeasured(f"{len(dispatches)} dispatches in {runs} runs: they differ")
    kept = [dispatches[start : start + count] for start in range(DISCARDED * count, runs * count, count)]
    totals = [sum(event["dur"] for event in run) for run in kept]
    rows = []
    for at, event in enumerate(kept[0]):
        same = [run[at] for run in kept]
        if any(other["args"]["cache_key"] != event["args"]["cache_key"] for other in same):
            raise NotMeasured(f"dispatch {at} differs between runs")
        node, operator, program = named(event["name"])
        rows.append({
            "node": node,
            "operator": operator,
            "program": program,
            "key": event["args"]["cache_key"],
            "shapes": event["args"]["shapes"].strip(),
            "profiled_s": statistics.median(other["dur"] for other in same) * 1e-6,
            "share": statistics.median(other["dur"] / total for other, total in zip(same, totals)),
        })
    whole = sum(row["share"] for row in rows)
    for row in rows:
        row["share"] /= whole
    return rows


def named(event: str) -> tuple[str, str, str]:
    """`node&operator&program`. What the runtime inserted bears its operator's name, or none, in place of a node's."""
    node, operator, program = event.rsplit("&", 2)
    return node, operator, program


def host_work(events: list[dict]) -> dict:
    """Nodes on the CPU provider, with their seconds per run, and copies between the two sides.

    A copy to the host waits for all kernels before it, so its duration is none of its own.
    """
    executed = [event for event in events if event["cat"] == "Node" and event["name"].endswith("_kernel_time")]
    runs = sum(event["name"] == "model_run" for event in events)
    first = [event["ts"] for event in events if event["name"] == "model_run"][DISCARDED]
    seconds, counts, copies = defaultdict(float), Counter(), Counter()
    for event in executed:
        operator = event["args"]["op_name"]
        if event["ts"] < first:
            continue
        if operator.startswith("Memcpy"):
            copies[operator] += 1
        elif event["args"]["provider"] == "CPUExecutionProvider" and operator not in WITH_BODIES:
            seconds[operator] += event["dur"] * 1e-6
            counts[operator] += 1
    kept = runs - DISCARDED
    return {
        "host_nodes": {name: [counts[name] // kept, seconds[name] / kept / cores()] for name in sorted(counts)},
        "copies": {name: count // kept for name, count in sorted(copies.items())},
    }


def dispatch() -> dict:
    """What one dispatch costs on its own: additions of 64 numbers, one after the other."""
    count = 400
    nodes = [helper.make_node("Add", [f"v{i}", "v0"], [f"v{i + 1}"]) for i in range(count)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64]) for name in ("v0", f"v{count}")]
    graph = helper.make_graph(nodes, "dispatch", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    feed = {"v0": numpy.ones(64, numpy.float32)}
    session = open_session(model, profile=None)
    session.run(None, feed)
    times = timed(lambda: session.run(None, feed))
    profile = profiled(model, feed)
    return {
        "cpu_s": times["cpu_s"]["median"] / count,
        "wall_s": times["wall_s"]["median"] / count,
        "profiled_s": statistics.median(row["profiled_s"] for row in profile["kernels"]),
    }


if __name__ == "__main__":
    try:
        main()
    except NotMeasured as reason:
        sys.exit(f"error: {reason}")
