//! The man page and the completions of shells, from the definition of the command line.

use std::io::Write;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::output::Output;
use super::{Cli, Status};

/// What is generated.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Manual page
    Man,
    /// Completions of bash
    Bash,
    /// Completions of zsh
    Zsh,
    /// Completions of fish
    Fish,
    /// Completions of PowerShell
    Powershell,
}

pub fn run(what: What, out: &mut Output) -> anyhow::Result<Status> {
    let mut definition = Cli::command();
    let shell = match what {
        What::Man => {
            manual(definition, out)?;
            out.flush()?;
            return Ok(Status::Done);
        }
        What::Bash => Shell::Bash,
        What::Zsh => Shell::Zsh,
        What::Fish => Shell::Fish,
        What::Powershell => Shell::PowerShell,
    };
    // clap_complete panics where a pipe closes early: it writes to memory.
    let mut script = vec![];
    clap_complete::generate(shell, &mut definition, "ergometer", &mut script);
    out.write_all(&script)?;
    out.flush()?;
    Ok(Status::Done)
}

/// One page: the program, then each command with its options.
fn manual(mut definition: clap::Command, out: &mut Output) -> std::io::Result<()> {
    definition.build();
    clap_mangen::Man::new(definition.clone()).render(out)?;
    for command in definition.get_subcommands() {
        let man = clap_mangen::Man::new(command.clone());
        writeln!(out, ".SH \"{}\"", command.get_name().to_uppercase())?;
        writeln!(out, "{}", command.get_about().map(ToString::to_string).unwrap_or_default())?;
        man.render_synopsis_section(out)?;
        man.render_options_section(out)?;
    }
    Ok(())
}
