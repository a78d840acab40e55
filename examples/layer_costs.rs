//! Prints what every layer of some models costs, one JSON line a model: what `src/predict/fit.py` fits on.
//!
//! Reads lines `FILE dim=N dim=N` from standard input.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;

use ergometer::graph::Request;
use ergometer::{cost, graph, onnx};
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let Some(file) = words.next() else { continue };
        let mut request = Request::default();
        for word in words {
            if let Some((dim, n)) = word.split_once('=') {
                request.dims.push((dim.to_owned(), n.parse()?));
            }
        }
        let model = onnx::read(Path::new(file))?;
        let (graph, cost) = match graph::infer(&model.proto, &request) {
            Ok(graph) => {
                let cost = cost::count(&graph)?;
                (graph, cost)
            }
            Err(error) => {
                writeln!(out, "{}", json!({ "case": line, "error": error.to_string() }))?;
                continue;
            }
        };
        let layers: Vec<_> = graph
            .nodes
            .iter()
            .zip(&cost.layers)
            .filter(|(_, layer)| layer.bytes_read + layer.bytes_written + layer.bytes_weights > 0)
            .map(|(node, layer)| {
                json!([
                    node.op_type,
                    layer.repeat,
                    layer.counts.macs,
                    layer.counts.alu + layer.counts.int,
                    layer.counts.div + layer.counts.trans + layer.counts.rng,
                    layer.bytes_read,
                    layer.bytes_weights,
                    layer.bytes_written,
                ])
            })
            .collect();
        let mut uncosted: BTreeMap<&str, u64> = BTreeMap::new();
        for node in cost.uncosted.iter().filter_map(|uncosted| graph.nodes.get(uncosted.node)) {
            *uncosted.entry(node.op_type).or_default() += 1;
        }
        let macs = cost.totals.counts.macs;
        writeln!(out, "{}", json!({ "case": line, "macs": macs, "uncosted": uncosted, "layers": layers }))?;
    }
    Ok(())
}
