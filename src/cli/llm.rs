//! `ergometer llm`: what a language model takes to serve, its prompt and each token after it.

use std::io::Write;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

use super::error::{self, Refusal};
use super::estimates::Estimates;
use super::output::{self, Output};
use super::shapes::{self, CountError, Others};
use super::{Format, Global, Status};
use crate::cost::ModelCost;
use crate::device::{Device, Precision};
use crate::graph::{Request, Tokens, ValueId};
use crate::onnx::{self, Model};
use crate::predict::serving::{self, Decoder, Server, Setting, Step};
use crate::predict::{self, Interval, Limits, Runtime};
use crate::report::grid::{Cell, Column, Fit, Grid};
use crate::tensor::Dim;
use crate::units::{BytesPerSecond, Joules, Seconds, count, quantity};

/// The most rows.
const MAX_ROWS: usize = 10_000;

/// Options of `llm`.
#[derive(Args, Debug)]
#[command(
    after_help = "Times are those of steady serving at a full batch: the prompt of all sequences is read at once, then \
    a token of each a step."
)]
pub struct Options {
    /// ONNX file of a decoder with caches of keys and values as inputs; `-` reads standard input
    model: PathBuf,
    /// Sequences that are served together: `1,8,64`, or `1..256` to double from 1 to 256
    #[arg(long, value_name = "SIZES", value_parser = sizes, default_value = "1", help_heading = "Shapes")]
    batch: Sizes,
    /// Tokens of each prompt
    #[arg(long, value_name = "TOKENS", default_value_t = 512, value_parser = clap::value_parser!(u64).range(1..))]
    prompt: u64,
    /// Tokens that follow each prompt
    #[arg(long, value_name = "TOKENS", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    new_tokens: u64,
    /// Equal devices that share the model by tensor parallelism
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Estimate")]
    tensor_parallel: NonZeroU32,
    /// GB/s that a device sends to the others, where the catalogue does not say (32: PCIe 4.0)
    #[arg(long, value_name = "GB/S", value_parser = link, help_heading = "Estimate")]
    link: Option<BytesPerSecond>,
    /// What the server takes beside its devices: milliseconds a step, and microseconds a sequence
    #[arg(long, value_name = "MS,US", value_parser = server, default_value = "1.7,38", help_heading = "Estimate")]
    server: Server,
    #[command(flatten)]
    shapes: Others,
    #[command(flatten)]
    estimates: Estimates,
}

/// Sizes of a list.
#[derive(Debug, Clone)]
struct Sizes(Vec<u64>);

/// A model at a batch: its prompt, where it can be read at once, and a token in the middle of those that follow.
struct Counted {
    batch: u64,
    prompt: Result<Run, CountError>,
    token: Run,
    /// Tokens in the cache of that run, of all sequences.
    held: f64,
}

/// A run as it was counted.
struct Run {
    cost: ModelCost,
    caches: usize,
    cache_bytes: u64,
}

impl Run {
    fn decoder(&self) -> Decoder<'_> {
        Decoder { cost: &self.cost, caches: self.caches, cache_bytes: self.cache_bytes }
    }
}

/// What a model takes on a device.
struct Served<'c> {
    counted: &'c Counted,
    device: String,
    devices: NonZeroU32,
    prompt: Option<Step>,
    token: Step,
    fits: Option<bool>,
    /// Bytes that keys and values of a token take, as they are served.
    cache_of_token: f64,
    cache_at_end: f64,
}

pub fn run(options: &Options, global: &Global) -> anyhow::Result<Status> {
    let name = options.model.display();
    output::keep_apart(global.output.as_deref(), std::slice::from_ref(&options.model))?;
    let targets = options.estimates.targets(global)?;
    let rows = targets.devices.len().saturating_mul(options.batch.0.len());
    if rows > MAX_ROWS {
        return Err(Refusal::usage(format!("{rows} rows are too many: {MAX_ROWS} at most"))
            .hint("name fewer devices or batches")
            .into());
    }
    let mut request = options.estimates.request()?;
    request.runtime = Some(request.runtime.unwrap_or(Runtime::Engine));
    let model =
        onnx::read(&options.model).map_err(|error| Refusal::model(error.to_string(), error.hint()))?;
    let mut counted = vec![];
    for batch in &options.batch.0 {
        let found = counted_at(&model, options, *batch)
            .map_err(|error| Refusal::model(format!("{name}: {}", error.message), error.hint))?;
        counted.push(found);
    }
    let mut served = vec![];
    for device in &targets.devices {
        for counted in &counted {
            match serve(counted, device, options, &request) {
                Ok(found) => served.push(found),
                Err(why) => error::warn(&format!("{}: {why}", device.id)),
            }
        }
    }
    if served.is_empty() {
        return Err(Refusal::usage("there is no device that it can be estimated for")
            .hint("`ergometer devices` lists all of them; --precision chooses another format")
            .into());
    }
    let whole = global.format() != Format::Table;
    let grid = Grid {
        columns: columns(whole),
        rows: served.iter().map(|served| row(served, options, whole)).collect(),
        foot: vec![],
    };
    let mut out = Output::open(global)?;
    output::write(&grid, global, &mut out)?;
    if !(whole || global.quiet) {
        for note in notes(&served, options) {
            writeln!(out, "{note}")?;
        }
    }
    out.finish()?;
    if let Some(error) = counted.iter().find_map(|counted| counted.prompt.as_ref().err()) {
        error::warn(&format!("{name}: the prompt is not estimated: {}", error.message));
    }
    if counted.iter().any(|counted| !counted.token.cost.totals.complete) {
        error::warn(&format!("{name}: not all of its nodes are counted; `ergometer analyze` says which"));
    }
    targets.warnings.iter().for_each(|warning| error::warn(warning));
    Ok(if served.len() == rows { Status::Done } else { Status::Partial })
}

/// Counts a model at a batch.
fn counted_at(model: &Model, options: &Options, batch: u64) -> Result<Counted, CountError> {
    let middle = options.prompt.saturating_add(options.new_tokens / 2);
    let at = |tokens: Tokens| -> Result<Run, CountError> {
        let request = Request { batch: Some(batch), tokens: Some(tokens), ..options.shapes.request() };
        let (graph, cost) = shapes::count_at(model, &request)?;
        let bytes = |id: &ValueId| match graph.values.get(*id)?.ty.bytes() {
            Dim::Exact(bytes) | Dim::AtMost(bytes) => Some(bytes),
            Dim::Unknown => None,
        };
        let cache_bytes = graph.caches.iter().filter_map(bytes).fold(0, u64::saturating_add);
        Ok(Run { cost, caches: graph.caches.len(), cache_bytes })
    };
    let token = at(Tokens { current: 1, past: middle })?;
    let prompt = at(Tokens { current: options.prompt, past: 0 });
    Ok(Counted { batch, held: middle as f64 * batch as f64, prompt, token })
}

fn serve<'c>(
    counted: &'c Counted,
    device: &Device,
    options: &Options,
    request: &predict::Request,
) -> Result<Served<'c>, predict::PredictError> {
    let devices = options.tensor_parallel;
    let setting =
        Setting { device, devices, batch: counted.batch, link: options.link, server: options.server };
    let step = |run: &Run| serving::step(&run.decoder(), &setting, request);
    let token = step(&counted.token)?;
    let prompt = counted.prompt.as_ref().ok().map(step).transpose()?;
    let cache_of_token = token.cache_bytes / counted.held;
    let length = options.prompt.saturating_add(options.new_tokens) as f64;
    let cache_at_end = cache_of_token * length * counted.batch as f64;
    let fits = device.memory_capacity.as_ref().map(|capacity| {
        let stored = counted.token.cost.totals.params.bytes.max(1) as f64;
        let read = counted.token.cost.totals.bytes_weights.max(1) as f64;
        let weights = token.weight_bytes * stored / read;
        let room = capacity.value as f64 * f64::from(devices.get());
        let steps = [prompt.as_ref(), Some(&token)];
        weights + cache_at_end <= room && steps.iter().flatten().all(|step| step.fits_memory != Some(false))
    });
    Ok(Served {
        counted,
        device: device.id.to_string(),
        devices,
        prompt,
        token,
        fits,
        cache_of_token,
        cache_at_end,
    })
}

impl Served<'_> {
    fn batch(&self) -> f64 {
        self.counted.batch.max(1) as f64
    }

    /// From the prompt to the last token.
    fn request(&self, new_tokens: u64) -> Option<Seconds> {
        // The prompt gives the first of them.
        let steps = new_tokens.saturating_sub(1) as f64;
        Some(self.prompt.as_ref()?.latency.value + self.token.latency.value * steps)
    }

    /// The energy of one sequence from its prompt to its last token.
    fn energy(&self, new_tokens: u64) -> Option<Joules> {
        let steps = new_tokens.saturating_sub(1) as f64;
        let prompt = self.prompt.as_ref()?.energy?.value;
        Some((prompt + self.token.energy?.value * steps) / self.batch())
    }
}

/// What a step waits for most.
fn limit(step: &Step) -> &'static str {
    let Limits { compute, memory, launch } = step.limits;
    if step.server * 2.0 > step.latency.value {
        "server"
    } else if step.exchange * 2.0 > step.latency.value {
        "exchange"
    } else if launch > compute && launch > memory {
        "launch"
    } else if compute >= memory {
        step.unit.name()
    } else if step.weight_bytes >= step.cache_bytes {
        "weights"
    } else {
        "cache"
    }
}

fn columns(whole: bool) -> Vec<Column<'static>> {
    let mut columns = vec![
        Column::new("device", "device", Fit::Name),
        Column::new("devices", "n", Fit::Number),
        Column::new("batch", "batch", Fit::Number),
        Column::new("first_token_s", "first token", Fit::Number),
        Column::new("prompt_j", "J/prompt", Fit::Number),
        Column::new("token_s", "each token", Fit::Number),
        Column::new("token_j", "J/token", Fit::Number),
        Column::new("tokens_per_second", "tokens/s", Fit::Number),
        Column::new("limit", "limit", Fit::Word),
        Column::new("cache_bytes", "cache", Fit::Number),
        Column::new("fits_memory", "fits", Fit::Word),
    ];
    if whole {
        columns.extend(
            [
                "runs_as",
                "prompt_tokens",
                "new_tokens",
                "first_token_low_s",
                "first_token_high_s",
                "prompt_system_j",
                "prompt_limit",
                "token_low_s",
                "token_high_s",
                "token_low_j",
                "token_high_j",
                "token_system_j",
                "server_s",
                "exchange_s",
                "request_s",
                "request_j",
                "request_tokens_per_second",
                "weight_bytes",
                "cache_bytes_per_token",
                "balance_batch",
                "token_macs",
                "prompt_macs",
            ]
            .map(|key| Column::new(key, key, Fit::Number)),
        );
    }
    columns
}

fn row(served: &Served, options: &Options, whole: bool) -> Vec<Cell<'static>> {
    let Served { counted, token, prompt, .. } = served;
    let batch = served.batch();
    let number = |n: u64| Cell::Number(i64::try_from(n).unwrap_or(i64::MAX));
    let seconds = |time: Option<Seconds>| time.map_or(Cell::Unknown, |time| Cell::Quantity(time.0, "s"));
    let each =
        |energy: Option<Joules>| energy.map_or(Cell::Unknown, |energy| Cell::Quantity(energy.0 / batch, "J"));
    let value = |energy: Option<Interval<Joules>>| energy.map(|energy| energy.value);
    let of_prompt = |of: fn(&Step) -> Seconds| seconds(prompt.as_ref().map(of));
    let bytes = |bytes: f64| Cell::Quantity(bytes, "B");
    let mut row = vec![
        Cell::text(served.device.clone()),
        number(u64::from(served.devices.get())),
        number(counted.batch),
        of_prompt(|step| step.latency.value),
        each(prompt.as_ref().and_then(|step| value(step.energy))),
        seconds(Some(token.latency.value)),
        each(value(token.energy)),
        Cell::Plain(batch / token.latency.value.0),
        Cell::text(limit(token)),
        bytes(served.cache_at_end),
        served.fits.map_or(Cell::Unknown, Cell::Flag),
    ];
    if whole {
        let request = served.request(options.new_tokens);
        let answered = batch * options.new_tokens as f64;
        row.extend([
            Cell::text(token.runs_as.name()),
            number(options.prompt),
            number(options.new_tokens),
            of_prompt(|step| step.latency.low),
            of_prompt(|step| step.latency.high),
            each(prompt.as_ref().and_then(|step| value(step.system_energy))),
            prompt.as_ref().map_or(Cell::Unknown, |step| Cell::text(limit(step))),
            seconds(Some(token.latency.low)),
            seconds(Some(token.latency.high)),
            each(token.energy.map(|energy| energy.low)),
            each(token.energy.map(|energy| energy.high)),
            each(value(token.system_energy)),
            seconds(Some(token.server)),
            seconds(Some(token.exchange)),
            seconds(request),
            served.energy(options.new_tokens).map_or(Cell::Unknown, |energy| Cell::Quantity(energy.0, "J")),
            request.map_or(Cell::Unknown, |time| Cell::Plain(answered / time.0)),
            bytes(token.weight_bytes),
            Cell::Plain(served.cache_of_token),
            token.balance.map_or(Cell::Unknown, Cell::Plain),
            Cell::Count(counted.token.cost.totals.counts.macs),
            counted.prompt.as_ref().map_or(Cell::Unknown, |run| Cell::Count(run.cost.totals.counts.macs)),
        ]);
    }
    row
}

/// What stands for all rows.
fn notes(served: &[Served], options: &Options) -> Vec<String> {
    let Some(first) = served.first() else { return vec![] };
    let token = &first.token;
    let mut notes = vec![format!(
        "prompts of {} tokens, then {} each; cache of {} a token, {} of weights; {} on {} units",
        count(options.prompt),
        count(options.new_tokens),
        quantity(first.cache_of_token, "B"),
        quantity(token.weight_bytes, "B"),
        token.runs_as,
        token.unit
    )];
    let mut devices: Vec<&str> = vec![];
    for served in served {
        if devices.contains(&served.device.as_str()) {
            continue;
        }
        devices.push(&served.device);
        if let Some(balance) = served.token.balance.filter(|_| devices.len() <= 8) {
            notes.push(format!(
                "{}: contractions take as long as reading the weights at a batch of {}",
                served.device,
                quantity(balance, "").trim()
            ));
        }
    }
    if token.runs_as == Precision::Fp32 {
        notes.push("as the file stores it: --precision bf16 serves it in 16 bits".to_owned());
    }
    notes
}

/// `1,8,64` or `1..256`.
fn sizes(text: &str) -> Result<Sizes, String> {
    let sizes = super::law::list(text)?;
    match sizes.as_slice() {
        [] | [0, ..] => Err("a batch is 1 or more".to_owned()),
        _ if sizes.contains(&0) => Err("a batch is 1 or more".to_owned()),
        _ => Ok(Sizes(sizes)),
    }
}

/// `1.7,38`: milliseconds a step, microseconds a sequence.
fn server(text: &str) -> Result<Server, String> {
    let wrong = || format!("\"{text}\" is no such time: milliseconds and microseconds are needed, as 1.7,38");
    let time = |text: &str| text.trim().parse::<f64>().ok().filter(|time| time.is_finite() && *time >= 0.0);
    let (step, sequence) = text.split_once(',').ok_or_else(wrong)?;
    let (step, sequence) = (time(step).ok_or_else(wrong)?, time(sequence).ok_or_else(wrong)?);
    Ok(Server { step: Seconds(step * 1e-3), sequence: Seconds(sequence * 1e-6) })
}

/// `900`, in GB/s.
fn link(text: &str) -> Result<BytesPerSecond, String> {
    match text.trim().parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(BytesPerSecond(rate * 1e9)),
        _ => Err(format!("\"{text}\" is no rate: a number of GB/s above 0 is needed")),
    }
}
