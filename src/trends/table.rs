//! Reads the tables of facts in `data/`: CSV in, models and devices with their sources out.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::efficiency::{Gpu, Speedup};
use crate::date::Date;
use crate::predict::paper::Domain;

const VISION: &str = include_str!("data/vision.csv");
const LANGUAGE: &str = include_str!("data/language.csv");
const GPUS: &str = include_str!("data/gpus.csv");
const SPEEDUPS: &str = include_str!("data/speedups.csv");
const COUNTS: &str = include_str!("data/counts.csv");
const ESTIMATES: &str = include_str!("data/estimates.csv");

/// What ships inside the program.
#[derive(Debug)]
pub struct Facts {
    /// Models for images, then those for text, each in the order of its table.
    pub models: Vec<Model>,
    /// The GPUs of the paper's time.
    pub gpus: Vec<Gpu>,
    /// How much faster networks run in a narrower format.
    pub speedups: Vec<Speedup>,
}

/// A model as it was published.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// As people call it.
    pub name: String,
    /// What it is for.
    pub domain: Domain,
    /// When its paper or its weights came out.
    pub date: Date,
    /// What says so: `arXiv:1512.03385`, `release`.
    pub dated_by: String,
    /// What it is built of.
    pub architecture: Architecture,
    /// Parameters, all of them.
    pub params: Option<f64>,
    /// FLOPs of one forward pass, two a multiply-accumulate.
    pub flops: f64,
    /// Where the FLOPs come from.
    pub flops_of: FlopsOf,
    /// Pixels of a side of the image, or tokens: what the FLOPs are of. Not known of a zoo of the user's.
    pub size: Option<u32>,
    /// How well it does: top-1 accuracy on ImageNet in percent, the average of GLUE, or what a manifest says.
    pub score: Option<f64>,
    /// Whether the score is of a development set: those are not compared with scores of test sets.
    pub score_of_dev: bool,
    /// Whether the score is of a later training than the date: the model of that date did not reach it.
    pub retrained: bool,
    /// Whether it saw more than its benchmark's own data.
    pub extra_data: bool,
    /// Whether the reconstruction of the paper has it.
    pub in_paper: bool,
    /// Where the figures come from.
    pub source: String,
    /// What we counted of its graph.
    pub counted: Option<Counted>,
    /// What we estimate it takes.
    pub estimates: Estimates,
}

impl Model {
    /// The paper that dates it, as a number: the arXiv id without its point.
    #[must_use]
    pub fn paper(&self) -> Option<u64> {
        self.dated_by.strip_prefix("arXiv:")?.replace('.', "").parse().ok()
    }

    /// The score, where it is one that the model had at its date.
    #[must_use]
    pub fn score_of_its_time(&self) -> Option<f64> {
        self.score.filter(|_| !self.retrained)
    }
}

/// What a model is built of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Convolutions.
    Cnn,
    /// Attention.
    Transformer,
    /// Both.
    Hybrid,
    /// Neither, or not said.
    Other,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cnn, Self::Transformer, Self::Hybrid, Self::Other];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::Transformer => "transformer",
            Self::Hybrid => "hybrid",
            Self::Other => "other",
        }
    }
}

/// Where the FLOPs of a model come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlopsOf {
    /// Its source states them.
    Published,
    /// Arithmetic on its published shape: `2 · (active - looked up) · tokens + 4 · layers · width · tokens²`. The first term is
    /// the products with weights; the second, of the layers whose attention reaches over all tokens, scores and sums over
    /// values, masked or not.
    ///
    /// After Kaplan and others, "Scaling Laws for Neural Language Models" (arXiv 2001.08361), table 1, which leaves out the
    /// sums over values.
    Shape,
    /// We counted them.
    Counted,
}

impl FlopsOf {
    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Shape => "shape",
            Self::Counted => "counted",
        }
    }
}

/// What was counted of the graph of a model at the size of its published figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Counted {
    /// Its file.
    pub graph: String,
    /// Parameters.
    pub params: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// The same graph as fvcore counts it.
    pub fvcore: u64,
    /// As PyTorch's counter does: two a multiply-accumulate.
    pub torch: u64,
    /// As onnx-tool does.
    #[serde(rename = "onnx-tool")]
    pub onnx_tool: u64,
    /// As tract does.
    pub tract: u64,
    /// As ptflops does.
    pub ptflops: u64,
}

/// What we estimate one input takes in compiled PyTorch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estimates {
    /// On the newest server GPU of NVIDIA's at the model's date.
    pub of_its_time: Option<Estimate>,
    /// On one device for all.
    pub one_for_all: Option<Estimate>,
}

/// Joules of one input on a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The device by its id.
    pub device: String,
    /// The median.
    pub joules: f64,
    /// 10th percentile.
    pub low: f64,
    /// 90th percentile.
    pub high: f64,
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    #[error(transparent)]
    Csv(#[from] csv::Error),
    #[error("{name} has neither FLOPs nor the shape that they follow from")]
    NoFlops { name: String },
    #[error("{table} is of {name}, which is in no table")]
    Stray { table: &'static str, name: String },
}

/// What ships inside the program.
#[must_use]
pub fn builtin() -> &'static Facts {
    static FACTS: LazyLock<Facts> = LazyLock::new(|| embedded().expect("a test reads the embedded tables"));
    &FACTS
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vision {
    name: String,
    architecture: Architecture,
    date: Date,
    dated_by: String,
    params_m: f64,
    gflops: f64,
    side: u32,
    top1: f64,
    retrained: String,
    extra_data: String,
    source: String,
    paper: String,
    #[serde(rename = "graph")]
    _graph: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    name: String,
    date: Date,
    dated_by: String,
    tokens: u32,
    gflops: Option<f64>,
    params_m: f64,
    active_params_m: Option<f64>,
    lookup_params_m: Option<f64>,
    layers: Option<f64>,
    attention_width: Option<f64>,
    glue: Option<f64>,
    glue_of: String,
    source: String,
    paper: String,
    #[serde(rename = "graph")]
    _graph: String,
}

#[derive(Deserialize)]
struct CountedRow {
    domain: String,
    name: String,
    #[serde(flatten)]
    counted: Counted,
}

#[derive(Deserialize)]
struct EstimateRow {
    domain: String,
    name: String,
    which: String,
    device: String,
    energy_j: f64,
    low_j: f64,
    high_j: f64,
}

pub(super) fn embedded() -> Result<Facts, TableError> {
    let mut models = vec![];
    for row in rows::<Vision>(VISION) {
        let row = row?;
        models.push(Model {
            date: row.date,
            domain: Domain::Cv,
            dated_by: row.dated_by,
            architecture: row.architecture,
            params: Some(row.params_m * 1e6),
            flops: row.gflops * 1e9,
            flops_of: FlopsOf::Published,
            size: Some(row.side),
            score: Some(row.top1),
            score_of_dev: false,
            retrained: row.retrained == "yes",
            extra_data: row.extra_data == "yes",
            in_paper: row.paper == "yes",
            source: row.source,
            counted: None,
            estimates: Estimates::default(),
            name: row.name,
        });
    }
    for row in rows::<Language>(LANGUAGE) {
        models.push(language(row?)?);
    }
    let places: HashMap<(&str, String), usize> = models
        .iter()
        .enumerate()
        .map(|(at, model)| ((model.domain.name(), model.name.clone()), at))
        .collect();
    let place = |table, domain: &str, name: &str| {
        places
            .get(&(domain, name.to_owned()))
            .copied()
            .ok_or_else(|| TableError::Stray { table, name: name.to_owned() })
    };
    for row in rows::<CountedRow>(COUNTS) {
        let CountedRow { domain, name, counted } = row?;
        if let Some(model) = models.get_mut(place("counts.csv", &domain, &name)?) {
            model.counted = Some(counted);
        }
    }
    for row in rows::<EstimateRow>(ESTIMATES) {
        let row = row?;
        let estimate =
            Estimate { device: row.device, joules: row.energy_j, low: row.low_j, high: row.high_j };
        if let Some(model) = models.get_mut(place("estimates.csv", &row.domain, &row.name)?) {
            match row.which.as_str() {
                "one-for-all" => model.estimates.one_for_all = Some(estimate),
                _ => model.estimates.of_its_time = Some(estimate),
            }
        }
    }
    let gpus = rows::<Gpu>(GPUS).collect::<Result<_, _>>()?;
    let speedups = rows::<Speedup>(SPEEDUPS).collect::<Result<_, _>>()?;
    Ok(Facts { models, gpus, speedups })
}

fn language(row: Language) -> Result<Model, TableError> {
    let tokens = f64::from(row.tokens);
    let of_shape = || {
        let products =
            2.0 * (row.active_params_m.unwrap_or(row.params_m) - row.lookup_params_m.unwrap_or(0.0)) * 1e6;
        let attention = 4.0 * row.layers? * row.attention_width?;
        Some(products * tokens + attention * tokens * tokens)
    };
    let flops = row.gflops.map(|gflops| gflops * 1e9);
    let flops_of = if flops.is_some() { FlopsOf::Published } else { FlopsOf::Shape };
    Ok(Model {
        date: row.date,
        flops: flops.or_else(of_shape).ok_or_else(|| TableError::NoFlops { name: row.name.clone() })?,
        flops_of,
        domain: Domain::Nlp,
        dated_by: row.dated_by,
        architecture: if row.name == "ELMo" { Architecture::Other } else { Architecture::Transformer },
        params: Some(row.params_m * 1e6),
        size: Some(row.tokens),
        score: row.glue,
        score_of_dev: row.glue_of == "dev",
        retrained: false,
        extra_data: true,
        in_paper: row.paper == "yes",
        source: row.source,
        counted: None,
        estimates: Estimates::default(),
        name: row.name,
    })
}

fn rows<'t, R: serde::de::DeserializeOwned + 't>(
    table: &'t str,
) -> impl Iterator<Item = Result<R, csv::Error>> + 't {
    csv::Reader::from_reader(table.as_bytes()).into_deserialize()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_fact_is_possible_and_has_a_source() {
        let facts = embedded().unwrap();
        let mut names = HashSet::new();
        for model in &facts.models {
            let Model { name, .. } = model;
            assert!(names.insert((model.domain, name.clone())), "{name} twice");
            assert!((2012.0..2027.0).contains(&model.date.years()), "{name}");
            // From a thumbnail to the largest prompt of the largest model.
            assert!((1e6..1e16).contains(&model.flops), "{name}: {}", model.flops);
            assert!((1e5..2e13).contains(&model.params.unwrap()), "{name}");
            assert!(model.score.is_none_or(|score| (20.0..95.0).contains(&score)), "{name}");
            assert!(!model.source.is_empty() && !model.dated_by.is_empty(), "{name}");
            if let Some(id) = model.dated_by.strip_prefix("arXiv:").filter(|_| !model.in_paper) {
                let month = format!("20{}-{}", &id[..2], &id[2..4]);
                assert!(model.date.to_string().starts_with(&month), "{name}: {} by {id}", model.date);
            }
        }
        let of = |domain| facts.models.iter().filter(move |model| model.domain == domain);
        assert_eq!(of(Domain::Cv).filter(|model| model.in_paper).count(), 85);
        assert_eq!(of(Domain::Nlp).filter(|model| model.in_paper).count(), 12);
        assert!(facts.models.iter().filter(|model| !model.in_paper).count() >= 60);
    }

    #[test]
    fn published_figures_are_near_what_we_count() {
        let facts = embedded().unwrap();
        let mut ratios = vec![];
        for model in &facts.models {
            let Some(counted) = &model.counted else { continue };
            let ratio = model.flops / (2.0 * counted.macs as f64);
            // Some leave out attention, some count the look-up of embeddings or a head that the graph lacks.
            assert!((0.6..1.75).contains(&ratio), "{}: {ratio}", model.name);
            ratios.push(ratio);
        }
        assert!(ratios.len() > 100);
        let middle = crate::stats::median(&ratios).unwrap();
        assert!((middle - 1.0).abs() < 0.01, "{middle}");
    }

    #[test]
    fn a_shape_gives_the_flops_that_others_count() {
        // GPT-3 of 175 billion parameters, 2048 tokens: 740,000 GFLOPs by Gholami and others, "AI and Memory Wall". OPT-175B is
        // of the same shape.
        let facts = embedded().unwrap();
        let opt = facts.models.iter().find(|model| model.name == "OPT-175B").unwrap();
        assert!((opt.flops / 740e12 - 1.0).abs() < 0.01, "{}", opt.flops);
    }
}
