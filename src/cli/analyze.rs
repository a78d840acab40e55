//! `ergometer analyze`: counts a model, layer by layer, and estimates its time and energy.

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::error::{self, Refusal};
use super::estimates::Estimates;
use super::output::{self, Output};
use super::pictures::{self, Pictures};
use super::place::Place;
use super::shapes::{self, CountError, Shapes};
use super::targets::Targets;
use super::{Export, Format, Global, Status};
use crate::cost::{self, By, Convention, ModelCost, Peer};
use crate::device::Device;
use crate::factors::Site;
use crate::graph::{Origin, Trips, TypedGraph};
use crate::onnx;
use crate::predict::{self, Order, Prediction, predict};
use crate::report::export::{cyclonedx, model_card, netron, spdx};
use crate::report::failure::{FailedModel, Failure, Problem};
use crate::report::fields::{self, FIELDS, Field};
use crate::report::rows::{self, Selection};
use crate::report::screen::{self, Detail, Layout};
use crate::report::{NoEstimate, Subject, analysis, csv, json, markdown, reconcile, table, text};

/// Rows of a table where no other number is asked for.
const TOP: usize = 10;

/// Options of `analyze`.
#[derive(Args, Debug)]
pub struct Options {
    /// ONNX files; `-` reads standard input
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    shapes: Shapes,
    /// Refuse a model that needs a default or has a node that is not counted, and list all that is missing
    #[arg(long, help_heading = "Shapes")]
    strict: bool,
    #[command(flatten)]
    estimates: Estimates,
    /// Show every row, in the file's order unless --sort is given
    #[arg(long, help_heading = "Layers", conflicts_with = "top")]
    all: bool,
    /// Show so many rows
    #[arg(long, value_name = "N", help_heading = "Layers")]
    top: Option<usize>,
    /// Order rows by a field: flops, macs, params, bytes, time, energy, name, order, …
    ///
    /// `--device all` has the devices of least energy first, and with `time` the fastest
    #[arg(long, value_name = "FIELD", value_parser = field_parser(), hide_possible_values = true)]
    #[arg(help_heading = "Layers")]
    sort: Option<&'static Field>,
    /// What a row is
    #[arg(long, value_name = "WHAT", default_value = "layer", help_heading = "Layers")]
    by: Grouping,
    /// Columns of table, csv and md; a wrong name lists all
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = field_parser())]
    #[arg(hide_possible_values = true, help_heading = "Layers")]
    fields: Vec<&'static Field>,
    /// What the headline counts
    #[arg(long, value_name = "NAME", default_value = "flops", help_heading = "Layers")]
    convention: Weighing,
    /// Explain line by line how the total of another tool differs from ours: onnx-tool, fvcore, torch, tract, ptflops
    #[arg(long, value_name = "TOOL", value_parser = peer_parser(), hide_possible_values = true)]
    #[arg(help_heading = "Layers", conflicts_with_all = ["all", "top", "sort", "by", "fields", "convention"])]
    reconcile: Option<Peer>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    pictures: pictures::Options,
}

/// What a row is.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Grouping {
    /// An operator
    Op,
    /// A module of the network
    Scope,
    /// A node
    Layer,
    /// An element type
    Dtype,
}

/// What the headline counts.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Weighing {
    /// Every floating-point operation: 2·macs + alu + div + trans
    Flops,
    /// Multiply-accumulates of contractions, as papers print them
    Macs,
    /// 2·macs, as onnxsim prints them
    Contraction,
    /// As onnx-tool counts: nearly everything, priced in MACs
    OnnxTool,
    /// As fvcore counts: contractions, normalisations and interpolation
    Fvcore,
    /// As PyTorch's FlopCounterMode counts: two FLOPs a MAC of contractions
    Torch,
    /// As tract counts: fused multiply-adds
    Tract,
    /// As ptflops counts: modules, biases and activations included
    Ptflops,
}

/// A model that was counted, with what it borrows from.
struct Counted<'m> {
    graph: TypedGraph<'m>,
    cost: ModelCost,
    predictions: Vec<Prediction>,
    without_estimate: Vec<NoEstimate>,
}

/// What `analyze` writes, model by model.
struct Writer<'o> {
    out: Output,
    options: &'o Options,
    pictures: Pictures<'o>,
    format: Format,
    export: Option<Export>,
    detail: Detail,
    /// What estimates are asked for.
    estimate: predict::Request,
    /// Where the devices run.
    site: Option<Site>,
    /// Models written so far.
    written: usize,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let format = global.format();
    if global.export().is_some() && options.models.len() > 1 {
        return Err(Refusal::usage("this format is of one model").hint("run it once for each model").into());
    }
    if !options.fields.is_empty() && matches!(format, Format::Json | Format::Jsonl) {
        return Err(Refusal::usage("--fields chooses columns, and JSON has none")
            .hint("take --format csv, or pick keys with jq")
            .into());
    }
    let convention = options.convention.into();
    if let (Convention::Peer(peer), Format::Json | Format::Jsonl) = (convention, format)
        && options.reconcile.is_none()
    {
        let message = format!("--convention {} chooses a column, and JSON has none", peer.name());
        let hint = format!("take --format csv, or --reconcile {} for JSON", peer.name());
        return Err(Refusal::usage(message).hint(hint).into());
    }
    let targets = options.estimates.targets(global)?;
    let estimate = options.estimates.request()?;
    let site = options.place.site()?;
    if !global.quiet {
        for warning in &targets.warnings {
            error::warn(warning);
        }
    }
    output::keep_apart(global.output.as_deref(), &options.models)?;
    let detail = global.detail();
    let export = global.export();
    let pictures = Pictures::of(&options.pictures, &options.models)?;
    let out = Output::open(global)?;
    let mut writer = Writer { out, options, pictures, format, export, detail, estimate, site, written: 0 };
    let mut failed = 0;
    for path in &options.models {
        if let Err(failure) = analyze(path, options, &targets, &mut writer)? {
            failed += 1;
            error::print(&failure.error.message, failure.error.hint.as_deref());
            writer.failure(&failure)?;
        }
    }
    writer.finish()?;
    Ok(match failed {
        0 => Status::Done,
        _ if failed == options.models.len() => Status::Invalid,
        _ => Status::Partial,
    })
}

/// Reads, counts and writes one model.
fn analyze(
    path: &Path,
    options: &Options,
    targets: &Targets,
    writer: &mut Writer,
) -> anyhow::Result<Result<(), Failure>> {
    let name = path.to_string_lossy();
    let failure = |code: &'static str, message: String, hint: Option<String>| Failure {
        model: FailedModel { path: name.clone().into_owned() },
        error: Problem { code: code.into(), message, hint },
    };
    let model = match onnx::read(path) {
        Ok(model) => model,
        Err(error) => return Ok(Err(failure(error.code(), error.to_string(), error.hint()))),
    };
    let mut counted =
        match count(&model, &options.shapes, &writer.estimate, writer.site.as_ref(), &targets.devices) {
            Ok(counted) => counted,
            Err(error) => {
                return Ok(Err(failure(error.code, format!("{name}: {}", error.message), error.hint)));
            }
        };
    if targets.every {
        let by_time = options.sort.is_some_and(|field| field.key == "time_s");
        predict::order(&mut counted.predictions, if by_time { Order::Latency } else { Order::Energy });
    }
    if options.strict
        && let Some(missing) = missing(&counted)
    {
        let message = format!("{name}: --strict refuses what is not exact:\n{}", missing.join("\n"));
        let hint = "give each dimension with --dim or --input, and the turns of a loop with --trips; a node that is not \
                    counted has no remedy yet";
        return Ok(Err(failure("strict", message, Some(hint.to_owned()))));
    }
    let external = onnx::external_files(&model);
    let subject = Subject {
        path: &name,
        model: &model,
        external: &external,
        graph: &counted.graph,
        cost: &counted.cost,
        predictions: &counted.predictions,
        without_estimate: &counted.without_estimate,
        devices: targets.chosen,
    };
    writer.model(&subject, targets)?;
    if options.models.len() == 1 {
        // The process ends here, and takes the memory back faster than we take the graph apart.
        std::mem::forget(counted);
        std::mem::forget(model);
    }
    Ok(Ok(()))
}

fn count<'m>(
    model: &'m onnx::Model,
    shapes: &Shapes,
    estimate: &predict::Request,
    site: Option<&Site>,
    devices: &[Cow<'static, Device>],
) -> Result<Counted<'m>, CountError> {
    let (graph, cost) = shapes::count(model, shapes)?;
    let mut predictions = vec![];
    let mut without_estimate = vec![];
    for device in devices {
        match predict(&cost, device, estimate) {
            Ok(prediction) => predictions.push(match site {
                Some(site) => prediction.at(site),
                None => prediction,
            }),
            Err(error) => {
                without_estimate
                    .push(NoEstimate { device: device.id.to_string(), reason: error.to_string() });
            }
        }
    }
    Ok(Counted { graph, cost, predictions, without_estimate })
}

/// All that keeps a count from being exact: defaults, nodes without a cost, bodies whose number of turns
/// is not known. `None` if nothing does.
fn missing(counted: &Counted) -> Option<Vec<String>> {
    let Counted { graph, cost, .. } = counted;
    let mut lines: Vec<String> = graph
        .bindings
        .iter()
        .filter(|binding| binding.origin == Origin::Default)
        .map(|binding| format!("  dimension \"{}\" is open (its default is {})", binding.name, binding.value))
        .collect();
    for uncosted in &cost.uncosted {
        let Some(node) = graph.nodes.get(uncosted.node) else { continue };
        let operator = cost::operator_name(node.domain, node.op_type);
        lines.push(format!(
            "  node \"{}\" ({operator}) is not counted: {}",
            graph.layer_name(uncosted.node),
            uncosted.reason
        ));
    }
    let nodes = graph.nodes.iter().zip(&cost.layers).enumerate();
    for (index, (node, _)) in
        nodes.filter(|(_, (node, cost))| node.trips == Trips::Unknown && cost.repeat > 0)
    {
        lines.push(format!(
            "  node \"{}\" ({}) runs an unknown number of times",
            graph.layer_name(index),
            node.op_type
        ));
    }
    (!lines.is_empty()).then_some(lines)
}

impl Writer<'_> {
    fn model(&mut self, subject: &Subject, targets: &Targets) -> anyhow::Result<()> {
        if let Some(export) = self.export {
            self.exported(subject, export)?;
            self.pictures.model(subject, &targets.devices, self.out.width, false)?;
            return Ok(());
        }
        self.separate()?;
        if let Some(peer) = self.options.reconcile {
            return self.reconciled(subject, peer);
        }
        match self.format {
            Format::Json => self.json(&analysis::of(subject))?,
            Format::Jsonl => json::write(&analysis::of(subject), json::Layout::Line, &mut self.out)?,
            Format::Table | Format::Csv | Format::Md => self.grid(subject)?,
        }
        let coloured = !self.out.style.strong.is_plain();
        let plots = self.pictures.model(subject, &targets.devices, self.out.width, coloured)?;
        if self.format == Format::Table {
            self.out.write_all(plots.as_bytes())?;
        }
        self.written += 1;
        Ok(())
    }

    /// Writes how the total of another tool comes about.
    fn reconciled(&mut self, subject: &Subject, peer: Peer) -> anyhow::Result<()> {
        let grid = reconcile::grid(subject, peer);
        match self.format {
            Format::Json => self.json(&json::rows(&grid))?,
            Format::Jsonl => json::write(&json::rows(&grid), json::Layout::Line, &mut self.out)?,
            Format::Csv => csv::write(&grid, self.written == 0, &mut self.out)?,
            Format::Md => self.out.write_all(markdown::table(&grid).as_bytes())?,
            Format::Table => {
                let strong = self.out.style.strong;
                let name = text::visible(subject.path);
                writeln!(
                    self.out,
                    "{strong}{name}{strong:#}  as {} counts, in {}\n",
                    peer.name(),
                    peer.unit()
                )?;
                let table = table::render(&grid, self.out.width, 2, &self.out.style);
                self.out.write_all(table.as_bytes())?;
            }
        }
        self.written += 1;
        Ok(())
    }

    /// Writes a model in the form of another tool.
    fn exported(&mut self, subject: &Subject, export: Export) -> anyhow::Result<()> {
        let out = &mut self.out;
        match export {
            Export::Netron => json::write(&netron::of(subject), json::Layout::Indented, out)?,
            Export::CycloneDx => json::write(&cyclonedx::of(subject), json::Layout::Indented, out)?,
            Export::Spdx => {
                let document = spdx::of(
                    subject,
                    &super::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    &identity(subject),
                );
                json::write(&document, json::Layout::Indented, out)?;
            }
            Export::ModelCard => out.write_all(model_card::of(subject).as_bytes())?,
        }
        Ok(())
    }

    fn failure(&mut self, failure: &Failure) -> anyhow::Result<()> {
        self.pictures.failure(failure);
        match self.format {
            // stderr tells.
            _ if self.export.is_some() => return Ok(()),
            Format::Json => {
                self.separate()?;
                self.json(failure)?;
            }
            Format::Jsonl => json::write(failure, json::Layout::Line, &mut self.out)?,
            // Tables have no place for it: stderr tells.
            Format::Table | Format::Csv | Format::Md => return Ok(()),
        }
        self.written += 1;
        Ok(())
    }

    /// What stands between two models, or before the first one.
    fn separate(&mut self) -> anyhow::Result<()> {
        let several = self.options.models.len() > 1;
        let text = match (self.format, self.written) {
            (Format::Json, 0) if several => "[\n",
            (Format::Json, 1..) => ",\n",
            (Format::Table | Format::Md, 1..) => "\n",
            _ => "",
        };
        Ok(self.out.write_all(text.as_bytes())?)
    }

    fn json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        Ok(json::write_open(value, &mut self.out)?)
    }

    fn grid(&mut self, subject: &Subject) -> anyhow::Result<()> {
        let options = self.options;
        let estimated = !subject.predictions.is_empty();
        let convention = Convention::from(options.convention);
        let by = options.by.into();
        let whole = options.all || (self.format == Format::Csv && options.top.is_none());
        let key = match (whole, by, estimated) {
            (true, None, _) => "order",
            (_, _, true) => "time_s",
            (_, _, false) => fields::of_convention(convention),
        };
        let Some(sort) = options.sort.or_else(|| fields::find(key)) else { return Ok(()) };
        let top = options.top.or(if whole { None } else { Some(TOP) });
        let rows = rows::select(subject, &Selection { by, sort, top })?;
        let shown: Vec<&Field> = match (options.fields.is_empty(), self.format) {
            (false, _) => options.fields.clone(),
            (true, Format::Csv) => FIELDS.iter().collect(),
            (true, _) => fields::usual(by, convention, estimated),
        };
        let grid = fields::grid(subject, &rows, by, &shown);
        let layout = Layout { width: self.out.width, style: self.out.style, detail: self.detail, convention };
        match self.format {
            Format::Csv => csv::write(&grid, self.written == 0, &mut self.out)?,
            Format::Md => self.out.write_all(screen::markdown(subject, &grid, &layout).as_bytes())?,
            _ => self.out.write_all(screen::text(subject, &grid, &layout).as_bytes())?,
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        if self.format == Format::Json && self.export.is_none() {
            self.out.write_all(if self.options.models.len() > 1 { b"\n]\n" } else { b"\n" })?;
        }
        self.out.finish()?;
        self.pictures.finish()
    }
}

/// What tells the documents of two models apart: a hash of the path and the counts.
fn identity(subject: &Subject) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(subject.path.as_bytes());
    hash.update(format!("{:?} {:?}", subject.cost.totals, subject.graph.bindings).as_bytes());
    hash.finalize().to_hex().chars().take(32).collect()
}

fn field_parser() -> impl TypedValueParser<Value = &'static Field> {
    let keys = FIELDS.iter().map(|field| field.key).chain(["time", "energy"]);
    PossibleValuesParser::new(keys)
        .try_map(|key| fields::find(&key).ok_or_else(|| format!("no field is called \"{key}\"")))
}

fn peer_parser() -> impl TypedValueParser<Value = Peer> {
    PossibleValuesParser::new(Peer::ALL.map(Peer::name)).try_map(|name| {
        let peer = Peer::ALL.into_iter().find(|peer| peer.name() == name);
        peer.ok_or_else(|| format!("no tool is called \"{name}\""))
    })
}

impl From<Grouping> for Option<By> {
    fn from(grouping: Grouping) -> Self {
        match grouping {
            Grouping::Op => Some(By::Op),
            Grouping::Scope => Some(By::Scope),
            Grouping::Layer => None,
            Grouping::Dtype => Some(By::Dtype),
        }
    }
}

impl From<Weighing> for Convention {
    fn from(weighing: Weighing) -> Self {
        match weighing {
            Weighing::Flops => Self::Flops,
            Weighing::Macs => Self::Macs,
            Weighing::Contraction => Self::Contraction,
            Weighing::OnnxTool => Self::Peer(Peer::OnnxTool),
            Weighing::Fvcore => Self::Peer(Peer::Fvcore),
            Weighing::Torch => Self::Peer(Peer::Torch),
            Weighing::Tract => Self::Peer(Peer::Tract),
            Weighing::Ptflops => Self::Peer(Peer::Ptflops),
        }
    }
}
