//! The command line: one file a command, its options and what runs them. No arithmetic.

mod analyze;
mod annotate;
mod bench;
mod check;
mod clock;
mod devices;
mod diff;
mod error;
mod estimates;
mod explain;
mod factors;
mod fit;
mod generate;
mod input;
mod interrupt;
mod law;
mod llm;
mod measured;
mod merge;
mod ops;
mod output;
mod pictures;
mod place;
mod profiles;
mod project;
mod report;
mod rewrite;
mod schema;
mod score;
mod scores;
mod shapes;
mod snapshot;
mod strip;
mod targets;
mod trends;
mod validate;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::Path;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub use error::{Status, report};

use error::Refusal;
use output::Output;

use crate::device::Catalogue;
use crate::report::screen::Detail;

/// What a neural network costs, before anyone runs it.
///
/// From an ONNX file: multiply-accumulates, FLOPs, parameters, bytes and peak memory of each layer, exactly;
/// and an estimate of time and energy on a named device.
#[derive(Parser, Debug)]
#[command(name = "ergometer", version, arg_required_else_help = true)]
#[command(after_help = "`ergometer MODEL` is short for `ergometer analyze MODEL`.\n\n\
    Exit codes: 0 done, 1 a budget is not kept, 2 wrong usage, 3 the environment refuses, 4 some of several models failed,\n\
    5 the model failed (or all of them) or --strict refused it, 70 a bug of ours, 130 interrupted.")]
struct Cli {
    #[command(flatten)]
    global: Global,
    /// Print a man page or a shell's completions, and nothing else
    #[arg(long, value_name = "WHAT")]
    generate: Option<generate::What>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Count a model, layer by layer, and estimate its time and energy
    Analyze(analyze::Options),
    /// Write a model with the type and shape of each tensor in it
    Annotate(annotate::Options),
    /// Measure what the local GPU delivers, and save it as a profile for estimates
    Bench(bench::Options),
    /// Hold models against budgets: exit code 1 if one is not kept
    Check(check::Options),
    /// List the devices in the catalogue, or show one with the source of each figure
    Devices(devices::Options),
    /// Compare two models, or a model with its earlier analysis
    Diff(diff::Options),
    /// Tell how an operator is counted, from which source, and how other tools count it
    Explain(explain::Options),
    /// List what grids emit, what electricity and clouds cost, and the PUE of facilities
    Factors(factors::Options),
    /// Fit the coefficients of estimates to measurements of your own
    Fit(fit::Options),
    /// Find what a model costs as a polynomial of its open dimensions
    Law(law::Options),
    /// Estimate what a language model takes to serve: its prompt, and each token after it
    Llm(llm::Options),
    /// List every operator, and what is known of it
    Ops(ops::Options),
    /// Join the shards of a scored zoo, and verify that none is missing
    Merge(merge::Options),
    /// Project energy, carbon and money of all inferences over years, as efficiency and use change
    Project(project::Options),
    /// Lay scores out as one HTML file: models, their Pareto front, what failed
    Report(report::Options),
    /// Print the JSON Schema of an output
    Schema(schema::Options),
    /// Score many models: one row for each, whatever happens to it
    Score(score::Options),
    /// Write a model without its large weights: its counts stay the same
    Strip(strip::Options),
    /// Follow what models take and hardware gives over the years: growth, forecasts, the reproduction of a paper
    Trends(trends::Options),
    /// Hold estimates against measurements: errors by runtime and device
    Validate(validate::Options),
}

/// Options of every command; they may stand before its name.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
struct Global {
    /// How results are written
    ///
    /// Without it the name of the file with -o decides, else it is a table
    #[arg(long, global = true, value_name = "FORMAT")]
    format: Option<Form>,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
    /// Write results to a file
    #[arg(short, long, global = true, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
    /// Know the devices of this table too, as those of devices.toml in ergometer's configuration folder
    #[arg(long = "devices", global = true, value_name = "FILE.toml", help_heading = "Estimate")]
    own_devices: Option<std::path::PathBuf>,
    /// When to use colour; NO_COLOR is heeded
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: Color,
    /// Tell less: figures without notes and warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Tell more: all bindings, warnings and assumptions
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    verbose: bool,
}

impl Global {
    /// The devices that ship with the program, and those of the user's own tables.
    ///
    /// # Errors
    /// A [`Refusal`] that names the table.
    fn catalogue(&self) -> Result<&'static Catalogue, Refusal> {
        targets::catalogue(self.own_devices.as_deref())
    }

    fn detail(&self) -> Detail {
        match (self.quiet, self.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ => Detail::Usual,
        }
    }

    /// The form that is asked for, or that the name of the file has.
    fn form(&self) -> Form {
        let extension = self.output.as_deref().and_then(Path::extension).and_then(|name| name.to_str());
        let by_name = || match extension? {
            "json" => Some(Form::Json),
            "jsonl" => Some(Form::Jsonl),
            "csv" => Some(Form::Csv),
            "md" => Some(Form::Md),
            "parquet" => Some(Form::Parquet),
            _ => None,
        };
        if self.json { Form::Json } else { self.format.or_else(by_name).unwrap_or(Form::Table) }
    }

    fn format(&self) -> Format {
        match self.form() {
            Form::Table => Format::Table,
            Form::Jsonl => Format::Jsonl,
            Form::Csv | Form::Parquet => Format::Csv,
            Form::Md | Form::ModelCard => Format::Md,
            Form::Json | Form::Netron | Form::Cyclonedx | Form::Spdx => Format::Json,
        }
    }

    /// Whether the rows of a zoo are to be Parquet: where CSV would do, with types.
    fn parquet(&self) -> bool {
        self.form() == Form::Parquet
    }

    /// The form of another tool that is asked for.
    fn export(&self) -> Option<Export> {
        match self.form() {
            Form::Netron => Some(Export::Netron),
            Form::Cyclonedx => Some(Export::CycloneDx),
            Form::Spdx => Some(Export::Spdx),
            Form::ModelCard => Some(Export::ModelCard),
            Form::Table | Form::Json | Form::Jsonl | Form::Csv | Form::Md | Form::Parquet => None,
        }
    }
}

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
    /// For spreadsheets
    Csv,
    /// Markdown
    Md,
}

/// A form that another tool reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Export {
    Netron,
    CycloneDx,
    Spdx,
    ModelCard,
}

/// What `--format` takes: how results are written, or a form that another tool reads.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// One JSON document a line
    Jsonl,
    /// For spreadsheets
    Csv,
    /// Markdown
    Md,
    /// A typed table with units in its schema, of `score` and `merge`
    Parquet,
    /// An attachment for Netron, of `analyze` alone, as those below
    Netron,
    /// A CycloneDX 1.7 bill of materials
    Cyclonedx,
    /// An SPDX 3.0.1 document with an AI package
    Spdx,
    /// The block of a Hugging Face model card
    ModelCard,
}

/// When colour is used.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Color {
    Auto,
    Always,
    Never,
}

/// Runs a command line, the program's name first.
///
/// # Errors
/// What [`report`] prints and turns into an exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<Status> {
    let arguments = with_command(arguments.into_iter().collect())?;
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, and go to stdout.
            error.print()?;
            return Ok(if error.use_stderr() { Status::Usage } else { Status::Done });
        }
    };
    let choice = match cli.global.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    if let Some(what) = cli.generate {
        return generate::run(what, &mut Output::open(&cli.global)?);
    }
    let global = &cli.global;
    if global.export().is_some() && !matches!(cli.command, Some(Command::Analyze(_))) {
        return Err(Refusal::usage("this format is of one analysed model")
            .hint("ergometer analyze MODEL --format netron|cyclonedx|spdx|model-card")
            .into());
    }
    if global.parquet() {
        if !matches!(cli.command, Some(Command::Score(_) | Command::Merge(_))) {
            return Err(Refusal::usage("Parquet is a format of a scored zoo")
                .hint("ergometer score PATH -o scores.parquet, or --format csv here")
                .into());
        }
        if cfg!(not(feature = "parquet")) {
            return Err(Refusal::usage("this ergometer was built without Parquet")
                .hint("build it with `--features parquet`, or take --format csv")
                .into());
        }
        if global.output.is_none() && io::stdout().is_terminal() {
            return Err(Refusal::usage("Parquet is no text").hint("-o scores.parquet").into());
        }
    }
    match cli.command {
        Some(Command::Analyze(options)) => analyze::run(&options, global),
        Some(Command::Annotate(options)) => annotate::run(&options, global),
        Some(Command::Bench(options)) => bench::run(&options, global),
        Some(Command::Check(options)) => check::run(&options, global),
        Some(Command::Devices(options)) => devices::run(&options, global),
        Some(Command::Merge(options)) => merge::run(&options, global),
        Some(Command::Diff(options)) => diff::run(&options, global),
        Some(Command::Explain(options)) => explain::run(&options, global),
        Some(Command::Factors(options)) => factors::run(&options, global),
        Some(Command::Fit(options)) => fit::run(&options, global),
        Some(Command::Llm(options)) => llm::run(&options, global),
        Some(Command::Law(options)) => law::run(&options, global),
        Some(Command::Ops(options)) => ops::run(&options, global),
        Some(Command::Project(options)) => project::run(&options, global),
        Some(Command::Report(options)) => report::run(&options, global),
        Some(Command::Schema(options)) => schema::run(&options, global),
        Some(Command::Score(options)) => score::run(&options, global),
        Some(Command::Strip(options)) => strip::run(&options, global),
        Some(Command::Trends(options)) => trends::run(&options, global),
        Some(Command::Validate(options)) => validate::run(&options, global),
        None => Err(Refusal::usage("a command or a model is needed").hint("ergometer MODEL.onnx").into()),
    }
}

/// The arguments with `analyze` in front of the first one that is neither an option of every command nor a
/// command: `ergometer MODEL --batch 8` is short for `ergometer analyze MODEL --batch 8`.
///
/// # Errors
/// A [`Refusal`] if that argument looks like a misspelt command and is no file.
fn with_command(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, Refusal> {
    let mut definition = Cli::command();
    // Adds the command `help`.
    definition.build();
    let mut place = 1;
    while let Some(argument) = arguments.get(place) {
        let text = argument.to_string_lossy();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text.as_ref(), None),
        };
        let option = definition.get_arguments().find(|option| names(option, name));
        match option {
            Some(option) => {
                let takes_next = option.get_action().takes_values() && value.is_none() && !is_attached(name);
                place += if takes_next { 2 } else { 1 };
            }
            None if matches!(name, "-h" | "--help" | "-V" | "--version") => return Ok(arguments),
            None => break,
        }
    }
    let Some(argument) = arguments.get(place) else { return Ok(arguments) };
    let text = argument.to_string_lossy();
    let mut commands = definition.get_subcommands().map(clap::Command::get_name);
    if commands.any(|command| command == text) {
        return Ok(arguments);
    }
    if !text.starts_with('-') && !Path::new(argument).exists() {
        let near = definition
            .get_subcommands()
            .map(|command| (strsim::damerau_levenshtein(command.get_name(), &text), command.get_name()))
            .filter(|(distance, command)| *distance <= command.len() / 3)
            .min();
        if let Some((_, command)) = near {
            let message = format!("\"{text}\" is neither a command nor a file");
            return Err(Refusal::usage(message).hint(format!("did you mean `ergometer {command}`?")));
        }
    }
    arguments.insert(place, "analyze".into());
    Ok(arguments)
}

/// Whether an argument is this option: `--long`, `-s`, or `-svalue`.
fn names(option: &clap::Arg, argument: &str) -> bool {
    if let Some(long) = argument.strip_prefix("--") {
        return option.get_long() == Some(long);
    }
    let short = argument.strip_prefix('-').and_then(|rest| rest.chars().next());
    short.is_some() && option.get_short() == short
}

/// Whether a short option brings its value along: `-oFILE`.
fn is_attached(argument: &str) -> bool {
    !argument.starts_with("--") && argument.chars().count() > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> Result<String, Refusal> {
        let arguments = line.split(' ').map(OsString::from).collect();
        let arguments = with_command(arguments)?;
        Ok(arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_model_without_a_command_is_analysed() {
        for (line, expected) in [
            ("ergometer m.onnx", "ergometer analyze m.onnx"),
            ("ergometer -q --format json m.onnx", "ergometer -q --format json analyze m.onnx"),
            (
                "ergometer -o out.csv --color=never m.onnx",
                "ergometer -o out.csv --color=never analyze m.onnx",
            ),
            ("ergometer -oout.csv m.onnx", "ergometer -oout.csv analyze m.onnx"),
            ("ergometer --batch 8 m.onnx", "ergometer analyze --batch 8 m.onnx"),
            ("ergometer -", "ergometer analyze -"),
            ("ergometer --color never devices", "ergometer --color never devices"),
            ("ergometer --json ops", "ergometer --json ops"),
            ("ergometer --help", "ergometer --help"),
            ("ergometer -V", "ergometer -V"),
            ("ergometer", "ergometer"),
        ] {
            assert_eq!(completed(line).unwrap(), expected);
        }
    }

    #[test]
    fn a_misspelt_command_is_answered_with_the_near_one() {
        for (typed, meant) in [("analyse", "analyze"), ("device", "devices"), ("shcema", "schema")] {
            let refusal = completed(&format!("ergometer {typed}")).unwrap_err();
            assert!(refusal.to_string().contains(typed));
            assert_eq!(refusal.hint_text(), Some(format!("did you mean `ergometer {meant}`?").as_str()));
        }
    }
}
