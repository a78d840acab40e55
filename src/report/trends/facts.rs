//! The facts that a study rests on, as tables.

use super::tables::{known, name, number, word};
use crate::predict::paper::Domain;
use crate::report::grid::{Cell, Grid};
use crate::trends::{Era, Facts, Measure, Model, Study};

/// Models with what their joules are on the line of today.
#[must_use]
pub fn models<'a>(study: &Study<'a>, models: impl IntoIterator<Item = &'a Model>) -> Grid<'a> {
    let columns = vec![
        word("domain", "of"),
        name("name", "name"),
        word("architecture", "architecture"),
        word("date", "date"),
        word("dated_by", "dated by"),
        number("params", "parameters"),
        number("flops", "FLOPs"),
        word("flops_of", "basis"),
        number("counted_flops", "counted"),
        number("ratio", "published over counted"),
        number("size", "side or tokens"),
        number("score", "score"),
        word("score_of", "score of"),
        word("extra_data", "extra data"),
        number("joules", "joules"),
        number("joules_of_its_time", "kernels, its time"),
        number("joules_one_gpu", "kernels, one GPU"),
        word("in_paper", "paper"),
        name("source", "source"),
    ];
    let row = |model: &'a Model| {
        let joules =
            |measure| known(study.value(Era::Now, measure, model), |joules| Cell::Quantity(joules, "J"));
        let counted = model.counted.as_ref().map(|counted| 2.0 * counted.macs as f64);
        let of = match (model.domain, model.score, model.score_of_dev) {
            (Domain::Nlp, Some(_), true) => "dev",
            (Domain::Nlp, Some(_), false) if !study.is_of_own_models() => "test",
            _ => "",
        };
        vec![
            Cell::text(model.domain.name()),
            Cell::text(model.name.as_str()),
            Cell::text(model.architecture.name()),
            Cell::text(model.date.to_string()),
            Cell::text(model.dated_by.as_str()),
            known(model.params, |params| Cell::Quantity(params, "")),
            Cell::Quantity(model.flops, "FLOP"),
            Cell::text(model.flops_of.name()),
            known(counted, |flops| Cell::Quantity(flops, "FLOP")),
            known(counted.map(|counted| model.flops / counted), |ratio| Cell::Decimals(ratio, 3)),
            model.size.map_or(Cell::Nothing, |size| Cell::Number(i64::from(size))),
            known(model.score, Cell::Plain),
            Cell::text(of),
            Cell::Flag(model.extra_data),
            joules(Measure::Energy),
            joules(Measure::OfItsTime),
            joules(Measure::OneForAll),
            Cell::Flag(model.in_paper),
            Cell::text(model.source.as_str()),
        ]
    };
    Grid { columns, rows: models.into_iter().map(row).collect(), foot: vec![] }
}

/// The GPUs of the paper's time.
pub(super) fn gpus(facts: &Facts) -> Grid<'_> {
    let columns = vec![
        name("name", "name"),
        word("precision", "in"),
        word("class", "class"),
        number("chips", "chips"),
        number("tflops", "TFLOP/s"),
        number("watts", "W"),
        number("gflops_per_watt", "GFLOP/J"),
        word("date", "launch"),
        word("recovered", "paper's row"),
        word("in_line", "in the line"),
        word("source", "source"),
    ];
    let rows = facts.gpus.iter().map(|gpu| {
        vec![
            Cell::text(gpu.name.as_str()),
            Cell::text(gpu.precision.as_str()),
            Cell::text(gpu.class.as_str()),
            Cell::Number(i64::from(gpu.chips)),
            Cell::Decimals(gpu.tflops, 2),
            Cell::Decimals(gpu.watts, 0),
            Cell::Decimals(gpu.gflops_per_watt(), 1),
            Cell::text(gpu.date.to_string()),
            Cell::text(if gpu.recovered.is_empty() { "not recovered" } else { gpu.recovered.as_str() }),
            Cell::text(gpu.in_line.as_str()),
            Cell::text(gpu.source.as_str()),
        ]
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}

/// What counters make of the same graphs: multiply-accumulates, over ours.
pub(super) fn counters<'a>(study: &Study<'a>) -> Grid<'a> {
    let columns = vec![
        name("name", "name"),
        name("graph", "graph"),
        number("published_macs", "published"),
        number("macs", "ours"),
        number("published", "published ÷ ours"),
        number("fvcore", "fvcore"),
        number("torch", "torch"),
        number("onnx-tool", "onnx-tool"),
        number("tract", "tract"),
        number("ptflops", "ptflops"),
    ];
    let rows = study.models.iter().filter_map(|model| {
        let counted = model.counted.as_ref()?;
        let macs = counted.macs as f64;
        let over = |count: u64, per: f64| Cell::Decimals(count as f64 / per / macs, 3);
        Some(vec![
            Cell::text(model.name.as_str()),
            Cell::text(counted.graph.as_str()),
            Cell::Quantity(model.flops / 2.0, ""),
            Cell::Count(counted.macs),
            Cell::Decimals(model.flops / 2.0 / macs, 3),
            over(counted.fvcore, 1.0),
            // Two a multiply-accumulate.
            over(counted.torch, 2.0),
            over(counted.onnx_tool, 1.0),
            over(counted.tract, 1.0),
            over(counted.ptflops, 1.0),
        ])
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}

/// Throughput in narrower formats over that in FP32.
pub(super) fn speedups(facts: &Facts) -> Grid<'_> {
    let columns = vec![
        word("domain", "of"),
        word("gpu", "GPU"),
        word("precision", "in"),
        name("network", "network"),
        number("batch", "batch"),
        number("tokens", "tokens"),
        number("per_second", "a second"),
        word("base_gpu", "FP32 of"),
        number("base_per_second", "a second"),
        number("ratio", "ratio"),
        name("machine", "machine"),
    ];
    let rows = facts.speedups.iter().map(|row| {
        vec![
            Cell::text(row.domain.name()),
            Cell::text(row.gpu.as_str()),
            Cell::text(row.precision.as_str()),
            Cell::text(row.network.as_str()),
            Cell::Number(i64::from(row.batch)),
            row.tokens.map_or(Cell::Nothing, |tokens| Cell::Number(i64::from(tokens))),
            Cell::Plain(row.per_second),
            Cell::text(row.base_gpu.as_str()),
            Cell::Plain(row.base_per_second),
            Cell::Decimals(row.ratio(), 2),
            Cell::text(row.machine.as_str()),
        ]
    });
    Grid { columns, rows: rows.collect(), foot: vec![] }
}
