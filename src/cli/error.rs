//! Errors on the way to the user, and the exit codes they end in.

use std::io;

use crate::report::text::visible;

/// How a command ended. The number is its exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// All was done.
    Done = 0,
    /// A budget is not kept.
    Broken = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The machine refuses: a file cannot be written.
    Environment = 3,
    /// Some of several models failed, or some of the sizes that one was asked for at.
    Partial = 4,
    /// The model failed, or all of them did, or `--strict` refused it.
    Invalid = 5,
    /// We are wrong.
    Bug = 70,
    /// The user stopped it: what was done until then is kept.
    Interrupted = 130,
}

/// An error that knows its exit code and what would help.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    status: Status,
    message: String,
    hint: Option<String>,
}

impl Refusal {
    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: Status::Usage, message: message.into(), hint: None }
    }

    /// The machine refuses.
    pub fn environment(message: impl Into<String>) -> Self {
        Self { status: Status::Environment, message: message.into(), hint: None }
    }

    /// The model is at fault.
    pub fn model(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { status: Status::Invalid, message: message.into(), hint }
    }

    /// The same with a hint.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    #[cfg(test)]
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Prints an error to stderr and says how the program ends. A reader of ours that stopped reading is no
/// error: it has what it wanted.
pub fn report(error: &anyhow::Error) -> Status {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    if io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return Status::Done;
    }
    let refusal = error.downcast_ref::<Refusal>();
    print(&format!("{error:#}"), refusal.and_then(|refusal| refusal.hint.as_deref()));
    refusal.map_or(Status::Environment, |refusal| refusal.status)
}

/// Prints `warning: …` to stderr.
pub fn warn(message: &str) {
    let warning = anstyle::AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!("{warning}warning:{warning:#} {}", visible(message));
}

/// Prints `error: …` and `hint: …` to stderr.
pub fn print(message: &str, hint: Option<&str>) {
    let error = anstyle::AnsiColor::Red.on_default().bold();
    let advice = anstyle::AnsiColor::Cyan.on_default();
    let lines =
        |text: &str| text.lines().map(|line| visible(line).into_owned()).collect::<Vec<_>>().join("\n");
    anstream::eprintln!("{error}error:{error:#} {}", lines(message));
    if let Some(hint) = hint {
        anstream::eprintln!("{advice}hint:{advice:#} {}", lines(hint));
    }
}
