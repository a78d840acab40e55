//! Apple chips, through `macmon pipe`: a program that prints one JSON object a line, as root or not.
//!
//! macOS has no documented way to these figures; macmon reads a private one and follows its changes. Source of
//! names and units: macmon's readme, "Output format" (W; `all_power` is CPU + GPU + neural engine, memory is
//! apart in `ram_power`). Each figure is the mean since the line before. macmon writes 0 for what it cannot
//! read, so 0 is not taken for a figure.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::adapter::{APPLE, AdapterFacts};
use super::{Clock, Meter, MeterError, MeterInfo, MeterScope, Reading};
use crate::units::{Joules, Seconds, Watts};

const NAME: &str = "macmon";

/// The shortest that macmon prints at.
const INTERVAL: Seconds = Seconds(0.1);

/// No line for so long, and the program hangs.
const SILENCE: Seconds = Seconds(2.0);

/// From its start to its first line.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longer than any line of it.
const LONGEST_LINE: u64 = 64 * 1024;

/// So many lines in a row that are no sample: it speaks a language of its own.
const MOST_GARBAGE: u32 = 20;

/// Milliwatts, over one interval.
const RESOLUTION: Joules = Joules(1e-4);

/// Starts macmon: the program, or a text in tests.
pub trait Launch {
    /// What it prints, and what ends it.
    ///
    /// # Errors
    /// [`MeterError::Absent`] where it is not installed or does not start.
    fn launch(&self) -> Result<(Box<dyn Read + Send>, Running), MeterError>;
}

/// A program that ends when this is dropped.
#[derive(Debug)]
pub struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended by itself: then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program `macmon` on the path.
#[derive(Debug)]
pub struct Program;

impl Launch for Program {
    fn launch(&self) -> Result<(Box<dyn Read + Send>, Running), MeterError> {
        let child = Command::new("macmon")
            .args(["pipe", "--interval", "100"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.map_err(|error| {
            MeterError::Absent(match error.kind() {
                io::ErrorKind::NotFound => "macmon is not installed (\"brew install macmon\")".to_owned(),
                _ => format!("macmon does not start: {error}"),
            })
        })?;
        let output = child.stdout.take();
        let running = Running(Some(child));
        let output = output.ok_or_else(|| MeterError::Absent("macmon has no output".to_owned()))?;
        Ok((Box::new(output), running))
    }
}

/// The figures that matter of a line; the others may come and go with its versions.
#[derive(Debug, Deserialize)]
struct Sample {
    all_power: f64,
    #[serde(default)]
    ram_power: Option<f64>,
}

impl Sample {
    /// Chip and memory. `None` for what is no power.
    fn power(&self) -> Option<Watts> {
        let memory = self.ram_power.unwrap_or(0.0);
        let sound = self.all_power > 0.0 && self.all_power.is_finite() && memory >= 0.0 && memory.is_finite();
        sound.then_some(Watts(self.all_power + memory))
    }
}

/// The energy of the lines so far.
#[derive(Debug)]
struct Stream {
    /// When the last sample came.
    last: Option<Seconds>,
    joules: Joules,
    garbage: u32,
    /// The start of the last line that was no sample.
    quoted: String,
    ended: bool,
}

impl Stream {
    fn new() -> Self {
        Self { last: None, joules: Joules::ZERO, garbage: 0, quoted: String::new(), ended: false }
    }

    fn accept(&mut self, line: &str, now: Seconds) {
        match serde_json::from_str::<Sample>(line).ok().and_then(|sample| sample.power()) {
            Some(power) => {
                // A line that was lost in between is made up for: its time counts at this power.
                if let Some(last) = self.last {
                    self.joules += power * (now - last);
                }
                self.last = Some(now);
                self.garbage = 0;
            }
            None => {
                self.garbage = self.garbage.saturating_add(1);
                self.quoted = line.chars().take(60).collect();
            }
        }
    }

    fn reading(&self, now: Seconds) -> Result<Reading, MeterError> {
        let what = || NAME.to_owned();
        if self.ended {
            return Err(MeterError::Vanished { what: what() });
        }
        let text = || self.quoted.trim().to_owned();
        match self.last {
            _ if self.garbage > MOST_GARBAGE => Err(MeterError::Malformed {
                what: what(),
                text: text(),
                expected: "sample with all_power above 0",
            }),
            None => Err(MeterError::Absent("macmon printed no sample".to_owned())),
            Some(last) if now - last > SILENCE => {
                Err(MeterError::Stale { what: what(), for_long: now - last })
            }
            Some(last) => Ok(Reading { joules: self.joules, instant: last }),
        }
    }
}

/// A stream and the news of it.
type Shared = Arc<(Mutex<Stream>, Condvar)>;

fn lock(shared: &Shared) -> MutexGuard<'_, Stream> {
    // A reader that panicked left whole figures behind: each is written at once.
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Macmon {
    info: MeterInfo,
    clock: Arc<dyn Clock>,
    shared: Shared,
    base: Joules,
    /// Ends the program, and with it the thread that reads it.
    _running: Running,
}

impl Meter for Macmon {
    fn identity(&self) -> &MeterInfo {
        &self.info
    }

    fn restart(&mut self) -> Result<Reading, MeterError> {
        let reading = lock(&self.shared).reading(self.clock.now())?;
        self.base = reading.joules;
        Ok(Reading { joules: Joules::ZERO, ..reading })
    }

    fn read(&mut self) -> Result<Reading, MeterError> {
        let reading = lock(&self.shared).reading(self.clock.now())?;
        Ok(Reading { joules: reading.joules - self.base, ..reading })
    }
}

/// Starts macmon and waits for its first sample.
///
/// # Errors
/// [`MeterError::Absent`] where this is no Apple machine or macmon is not installed or mute.
pub(super) fn open(
    adapter: &AdapterFacts,
    macmon: Option<&dyn Launch>,
    clock: &Arc<dyn Clock>,
) -> Result<Box<dyn Meter>, MeterError> {
    let Some(macmon) = macmon else {
        return Err(MeterError::Absent("this is not macOS".to_owned()));
    };
    if !adapter.software && adapter.vendor != APPLE && !adapter.name.starts_with("Apple") {
        return Err(MeterError::Absent(format!("\"{}\" is not Apple's", adapter.name)));
    }
    let (output, running) = macmon.launch()?;
    let shared: Shared = Arc::new((Mutex::new(Stream::new()), Condvar::new()));
    listen(output, shared.clone(), clock.clone())?;
    wait_for_news(&shared);
    lock(&shared).reading(clock.now())?;
    let info = MeterInfo {
        name: "macmon all_power + ram_power".to_owned(),
        scope: MeterScope::Soc,
        resolution: RESOLUTION,
        update_period: INTERVAL,
        counter: false,
        // A thread of its own takes the lines.
        poll_every: None,
    };
    let base = lock(&shared).joules;
    Ok(Box::new(Macmon { info, clock: clock.clone(), shared, base, _running: running }))
}

fn wait_for_news(shared: &Shared) {
    let stream = lock(shared);
    let quiet = |stream: &mut Stream| stream.last.is_none() && stream.garbage == 0 && !stream.ended;
    // What came, if anything, is judged by the reading.
    drop(shared.1.wait_timeout_while(stream, PATIENCE, quiet));
}

/// Takes lines, each as it comes, until there are no more.
fn listen(output: Box<dyn Read + Send>, shared: Shared, clock: Arc<dyn Clock>) -> Result<(), MeterError> {
    let hear = move || {
        let mut lines = BufReader::new(output);
        let mut line = vec![];
        loop {
            line.clear();
            let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line);
            let ended = !matches!(read, Ok(1..));
            let mut stream = lock(&shared);
            if ended {
                stream.ended = true;
            } else {
                stream.accept(&String::from_utf8_lossy(&line), clock.now());
            }
            shared.1.notify_all();
            if ended {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name(NAME.to_owned()).spawn(hear);
    thread.map(drop).map_err(|error| MeterError::Absent(format!("no thread for macmon: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::testing::Hand;
    use super::*;

    /// A line as macmon 0.6 prints it, with these powers.
    fn line(all_power: &str, ram_power: &str) -> String {
        format!(
            "{{\"timestamp\":\"2025-02-24T20:38:15.427569+00:00\",\"temp\":{{\"cpu_temp_avg\":43.7,\
             \"gpu_temp_avg\":36.9}},\"memory\":{{\"ram_total\":25769803776,\"ram_usage\":20985479168}},\
             \"ecpu_usage\":[1181,0.08],\"gpu_usage\":[461,0.02],\"cpu_power\":0.2,\"gpu_power\":0.0174,\
             \"ane_power\":0.0,\"all_power\":{all_power},\"sys_power\":5.87,\"ram_power\":{ram_power}}}"
        )
    }

    fn apple() -> AdapterFacts {
        AdapterFacts {
            vendor: 0,
            device: 0,
            name: "Apple M3 Pro".to_owned(),
            software: false,
            pci_bus_id: None,
        }
    }

    #[test]
    fn lines_are_means_since_the_line_before() {
        let mut stream = Stream::new();
        stream.accept(&line("99.0", "1.0"), Seconds(1.0));
        assert_eq!(stream.reading(Seconds(1.0)), Ok(Reading { joules: Joules::ZERO, instant: Seconds(1.0) }));
        stream.accept(&line("9.5", "0.5"), Seconds(1.1));
        stream.accept(&line("19.0", "1.0"), Seconds(1.3));
        let reading = stream.reading(Seconds(1.35)).unwrap();
        // 10 W for 0.1 s, 20 W for 0.2 s.
        assert!((reading.joules.0 - 5.0).abs() < 1e-9);
        assert_eq!(reading.instant, Seconds(1.3));
    }

    #[test]
    fn garbage_between_lines_is_passed_over_and_its_time_is_not_lost() {
        let mut stream = Stream::new();
        stream.accept(&line("10.0", "0.0"), Seconds(0.0));
        let zero = line("0.0", "0.0");
        let negative = line("10.0", "-1.0");
        for garbage in
            ["", "warning: sensor", "{\"all_power\":", "[]", "{}", "{\"all_power\":null}", &zero, &negative]
        {
            stream.accept(garbage, Seconds(0.5));
        }
        stream.accept("{\"all_power\":8.0,\"a new key\":[1]}", Seconds(1.0));
        assert_eq!(stream.reading(Seconds(1.0)), Ok(Reading { joules: Joules(8.0), instant: Seconds(1.0) }));
    }

    #[test]
    fn nothing_but_zeros_is_no_meter() {
        let mut stream = Stream::new();
        for _ in 0..=MOST_GARBAGE {
            stream.accept(&line("0.0", "0.0"), Seconds(0.1));
        }
        let message = stream.reading(Seconds(0.1)).unwrap_err().to_string();
        assert!(message.starts_with("macmon says \"{\"timestamp\""), "{message}");
        assert!(message.ends_with("which is no sample with all_power above 0"), "{message}");
    }

    #[test]
    fn a_program_that_falls_silent_or_ends_is_an_error() {
        let mut stream = Stream::new();
        assert!(matches!(stream.reading(Seconds(0.0)), Err(MeterError::Absent(_))));
        stream.accept(&line("10.0", "0.0"), Seconds(0.0));
        assert!(matches!(stream.reading(Seconds(2.1)), Err(MeterError::Stale { .. })));
        stream.ended = true;
        assert!(matches!(stream.reading(Seconds(0.1)), Err(MeterError::Vanished { .. })));
    }

    /// Lines that the test sends, one read each; the end when it hangs up.
    struct Pipe(mpsc::Receiver<String>);

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Ok(line) = self.0.recv() else { return Ok(0) };
            buffer[..line.len()].copy_from_slice(line.as_bytes());
            Ok(line.len())
        }
    }

    struct Scripted(Mutex<Option<mpsc::Receiver<String>>>);

    impl Launch for Scripted {
        fn launch(&self) -> Result<(Box<dyn Read + Send>, Running), MeterError> {
            let lines = self.0.lock().unwrap().take().unwrap();
            Ok((Box::new(Pipe(lines)), Running(None)))
        }
    }

    #[test]
    fn a_meter_reads_what_its_program_prints_until_that_ends() {
        let (send, lines) = mpsc::channel();
        let clock = Arc::new(Hand::default());
        send.send(line("30.0", "2.0") + "\n").unwrap();
        let program = Scripted(Mutex::new(Some(lines)));
        let mut meter = open(&apple(), Some(&program), &(clock.clone() as Arc<dyn Clock>)).unwrap();
        assert_eq!(meter.restart(), Ok(Reading { joules: Joules::ZERO, instant: Seconds::ZERO }));
        clock.set(0.1);
        send.send(line("30.0", "2.0") + "\n").unwrap();
        // The thread takes the line when it does: a count of 0 J is the one before.
        let mut reading = meter.read().unwrap();
        while reading.joules == Joules::ZERO {
            std::thread::yield_now();
            reading = meter.read().unwrap();
        }
        assert!((reading.joules.0 - 3.2).abs() < 1e-9);
        drop(send);
        while meter.read().is_ok() {
            std::thread::yield_now();
        }
        assert!(matches!(meter.read(), Err(MeterError::Vanished { .. })));
    }

    #[test]
    fn another_system_or_another_makers_gpu_has_no_such_meter() {
        let clock: Arc<dyn Clock> = Arc::new(Hand::default());
        let radeon = AdapterFacts { vendor: 0x1002, name: "AMD Radeon Pro".to_owned(), ..apple() };
        let program = Scripted(Mutex::new(None));
        for (adapter, program, expected) in [
            (apple(), None, "this is not macOS"),
            (radeon, Some(&program as &dyn Launch), "\"AMD Radeon Pro\" is not Apple's"),
        ] {
            assert_eq!(open(&adapter, program, &clock).err().unwrap().to_string(), expected);
        }
    }
}
