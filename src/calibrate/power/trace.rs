//! The record of an external meter: a CSV file with `time_s` and either `power_w` or `energy_j`.
//!
//! Times are RFC 3339 or seconds, the same in all rows, and must rise. A hole in the record is refused: power
//! inside it is anybody's guess. Between rows power is interpolated linearly, energy too.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::{Clock, Meter, MeterError, MeterInfo, MeterScope, Reading};
use crate::units::{Joules, Seconds, Watts};

/// A week at ten rows a second is 6 million; a bench lasts minutes.
const MOST_ROWS: usize = 4_000_000;

const MOST_BYTES: u64 = 128 << 20;

/// An interval so many times the median is a hole.
const HOLE: f64 = 5.0;

/// Why a record is not taken.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file does not open or read.
    #[error("the power trace {name} cannot be read: {source}")]
    Io {
        /// The file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// More than a bench can have taken.
    #[error("the power trace {name} is longer than {MOST_ROWS} rows or {} MiB", MOST_BYTES >> 20)]
    TooLong {
        /// The file.
        name: String,
    },
    /// The first line names no column that will do, or there are fewer than two rows.
    #[error("the power trace {name} {what}")]
    Layout {
        /// The file.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// One line.
    #[error("the power trace {name}, line {line}: {what}")]
    Line {
        /// The file.
        name: String,
        /// Counted from 1, the header included.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// What the value column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Power,
    Energy,
}

/// A time with the line it stands on, and a value of [`Column`].
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    line: u64,
    time: f64,
    value: f64,
    /// Energy since the first row.
    joules: f64,
}

/// A record of power or energy over time.
#[derive(Debug, Clone)]
pub struct Trace {
    name: String,
    column: Column,
    rows: Vec<Row>,
    /// The median of the intervals.
    interval: Seconds,
}

impl Trace {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| TraceError::Io { name: name.clone(), source })?;
        Self::read(&name, file)
    }

    /// Reads CSV text; `name` is what errors call it.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn read(name: &str, text: impl Read) -> Result<Self, TraceError> {
        Self::read_at_most(MOST_BYTES, name, text)
    }

    fn read_at_most(bytes: u64, name: &str, text: impl Read) -> Result<Self, TraceError> {
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.take(bytes));
        let header = reader.headers().map_err(|error| csv_failure(name, error))?;
        let (times, values, column) = columns(header).map_err(|what| layout(name, what))?;
        let mut rows: Vec<Row> = vec![];
        let mut stamped = None;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| csv_failure(name, error))? {
            if rows.len() >= MOST_ROWS {
                return Err(TraceError::TooLong { name: name.to_owned() });
            }
            let line = record.position().map_or(0, csv::Position::line);
            let row = row(&record, (times, values), column, rows.last(), &mut stamped);
            let row = row.map_err(|what| TraceError::Line { name: name.to_owned(), line, what })?;
            rows.push(Row { line, ..row });
        }
        if reader.position().byte() >= bytes {
            return Err(TraceError::TooLong { name: name.to_owned() });
        }
        let interval = median_interval(&rows).ok_or_else(|| layout(name, "has fewer than two rows"))?;
        for (before, after) in rows.iter().zip(rows.iter().skip(1)) {
            let gap = Seconds(after.time - before.time);
            if gap > interval * HOLE {
                let what = format!("nothing for {gap} before it, while most rows are {interval} apart");
                return Err(TraceError::Line { name: name.to_owned(), line: after.line, what });
            }
        }
        Ok(Self { name: name.to_owned(), column, rows, interval })
    }

    /// The first instant: seconds as written, or since 1970 where times are written as dates.
    #[must_use]
    pub fn start(&self) -> Seconds {
        Seconds(self.rows.first().map_or(0.0, |row| row.time))
    }

    /// The last instant, as [`Trace::start`].
    #[must_use]
    pub fn end(&self) -> Seconds {
        Seconds(self.rows.last().map_or(0.0, |row| row.time))
    }

    /// The energy from one instant to another.
    ///
    /// # Errors
    /// [`MeterError::Outside`] where one of them is not covered.
    pub fn energy_between(&self, from: Seconds, to: Seconds) -> Result<Joules, MeterError> {
        Ok(self.energy_until(to)? - self.energy_until(from)?)
    }

    fn energy_until(&self, instant: Seconds) -> Result<Joules, MeterError> {
        let after = self.rows.partition_point(|row| row.time <= instant.0);
        let before = after.checked_sub(1).and_then(|index| self.rows.get(index));
        match (before, self.rows.get(after)) {
            (Some(before), Some(after)) => {
                let (time, length) = (instant.0 - before.time, after.time - before.time);
                let share = time / length;
                Ok(Joules(match self.column {
                    Column::Energy => before.joules + (after.joules - before.joules) * share,
                    Column::Power => {
                        let here = before.value + (after.value - before.value) * share;
                        before.joules + (before.value + here) / 2.0 * time
                    }
                }))
            }
            (Some(last), None) if last.time == instant.0 => Ok(Joules(last.joules)),
            _ => Err(MeterError::Outside {
                what: self.name.clone(),
                from: self.start(),
                to: self.end(),
                instant,
            }),
        }
    }

    /// The smallest step that its values show.
    fn resolution(&self) -> Joules {
        let steps = self.rows.iter().zip(self.rows.iter().skip(1)).map(|(a, b)| (b.value - a.value).abs());
        let step = steps.filter(|step| *step > 0.0).fold(f64::INFINITY, f64::min);
        match self.column {
            _ if step.is_infinite() => Joules::ZERO,
            Column::Energy => Joules(step),
            Column::Power => Watts(step) * self.interval,
        }
    }
}

fn columns(header: &csv::StringRecord) -> Result<(usize, usize, Column), &'static str> {
    let find = |wanted: &str| header.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let times = find("time_s").ok_or("has no column time_s")?;
    match (find("power_w"), find("energy_j")) {
        (Some(power), None) => Ok((times, power, Column::Power)),
        (None, Some(energy)) => Ok((times, energy, Column::Energy)),
        (Some(_), Some(_)) => Err("has both power_w and energy_j: leave one"),
        (None, None) => Err("has neither power_w nor energy_j"),
    }
}

/// Reads a record that follows `before`. `stamped` is whether times are dates, as the first row has it.
fn row(
    record: &csv::StringRecord,
    (times, values): (usize, usize),
    column: Column,
    before: Option<&Row>,
    stamped: &mut Option<bool>,
) -> Result<Row, String> {
    let time = record.get(times).ok_or("no time")?;
    let (seconds, is_stamp) = match (time.parse::<f64>(), time.parse::<jiff::Timestamp>()) {
        (Ok(seconds), _) if seconds.is_finite() => (seconds, false),
        (_, Ok(stamp)) => (stamp.as_duration().as_secs_f64(), true),
        _ => return Err(format!("\"{}\" is neither seconds nor an RFC 3339 time", start_of(time))),
    };
    if *stamped.get_or_insert(is_stamp) != is_stamp {
        return Err("seconds and dates are mixed".to_owned());
    }
    let text = record.get(values).ok_or("no value")?;
    let value: f64 = text.parse().map_err(|_| format!("\"{}\" is no number", start_of(text)))?;
    if !(value >= 0.0 && value.is_finite()) {
        return Err(format!("{value} is no power or energy"));
    }
    let Some(before) = before else { return Ok(Row { line: 0, time: seconds, value, joules: 0.0 }) };
    if seconds <= before.time {
        return Err(format!("the time does not rise: {time} after {} s", before.time));
    }
    let added = match column {
        Column::Power => (before.value + value) / 2.0 * (seconds - before.time),
        Column::Energy if value < before.value => {
            return Err(format!("the energy falls from {} to {value}", before.value));
        }
        Column::Energy => value - before.value,
    };
    let joules = before.joules + added;
    if !joules.is_finite() {
        return Err("more energy than a number holds".to_owned());
    }
    Ok(Row { line: 0, time: seconds, value, joules })
}

fn start_of(text: &str) -> String {
    text.chars().take(40).collect()
}

fn median_interval(rows: &[Row]) -> Option<Seconds> {
    let mut intervals: Vec<f64> =
        rows.iter().zip(rows.iter().skip(1)).map(|(a, b)| b.time - a.time).collect();
    intervals.sort_by(f64::total_cmp);
    intervals.get(intervals.len() / 2).map(|&interval| Seconds(interval))
}

fn layout(name: &str, what: &'static str) -> TraceError {
    TraceError::Layout { name: name.to_owned(), what }
}

fn csv_failure(name: &str, error: csv::Error) -> TraceError {
    let line = error.position().map(csv::Position::line);
    match (line, error.into_kind()) {
        (_, csv::ErrorKind::Io(source)) => TraceError::Io { name: name.to_owned(), source },
        (line, _) => TraceError::Line {
            name: name.to_owned(),
            line: line.unwrap_or(1),
            what: "is no line of CSV in UTF-8".to_owned(),
        },
    }
}

/// A record, read as if it were live: at each instant of a clock it says what had gone by.
///
/// A record ends when its recording does, so a bench that is still running cannot read one: it keeps the
/// instants of its windows and asks [`Trace::energy_between`] afterwards. This is for replaying.
pub struct TraceMeter {
    info: MeterInfo,
    trace: Trace,
    clock: Arc<dyn Clock>,
    offset: Seconds,
    base: Joules,
}

impl TraceMeter {
    /// `offset` is what the trace's time is ahead of the clock: [`Trace::start`] minus the clock's time at the
    /// moment of the first row.
    ///
    /// # Errors
    /// [`MeterError::Outside`] where the trace does not cover the present instant.
    pub fn new(trace: Trace, clock: Arc<dyn Clock>, offset: Seconds) -> Result<Self, MeterError> {
        let info = MeterInfo {
            name: format!("trace {}", trace.name),
            scope: MeterScope::System,
            resolution: trace.resolution(),
            update_period: trace.interval,
            counter: trace.column == Column::Energy,
            poll_every: None,
        };
        let base = trace.energy_until(clock.now() + offset)?;
        Ok(Self { info, trace, clock, offset, base })
    }
}

impl Meter for TraceMeter {
    fn identity(&self) -> &MeterInfo {
        &self.info
    }

    fn restart(&mut self) -> Result<Reading, MeterError> {
        let instant = self.clock.now();
        self.base = self.trace.energy_until(instant + self.offset)?;
        Ok(Reading { joules: Joules::ZERO, instant })
    }

    fn read(&mut self) -> Result<Reading, MeterError> {
        let instant = self.clock.now();
        let joules = self.trace.energy_until(instant + self.offset)? - self.base;
        Ok(Reading { joules, instant })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Hand;
    use super::*;

    fn trace(text: &str) -> Result<Trace, TraceError> {
        Trace::read("log.csv", text.as_bytes())
    }

    fn between(trace: &Trace, from: f64, to: f64) -> f64 {
        trace.energy_between(Seconds(from), Seconds(to)).unwrap().0
    }

    #[test]
    fn power_is_integrated_and_energy_is_subtracted() {
        let power = trace("time_s,power_w\n0,100\n1,100\n2,200\n3,200\n").unwrap();
        for (from, to, expected) in [
            (0.0, 3.0, 450.0),
            (0.0, 1.0, 100.0),
            (1.0, 2.0, 150.0),
            // The ramp from 100 to 150 W in half a second.
            (1.0, 1.5, 62.5),
            (0.5, 2.5, 300.0),
            (2.0, 2.0, 0.0),
        ] {
            assert!((between(&power, from, to) - expected).abs() < 1e-9, "{from} to {to}");
        }
        let energy = trace("plug,energy_j,time_s\na,5000,10\na,5100,11\na,5300,12\n").unwrap();
        assert!((between(&energy, 10.0, 11.5) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn dates_and_seconds_say_the_same() {
        let dated = trace(
            "time_s, power_w\n2025-02-24T20:38:15.5Z, 60\n2025-02-24T21:38:16.5+01:00, 80\n\
             2025-02-24T20:38:17.5Z, 80\n",
        )
        .unwrap();
        // `date -u -d 2025-02-24T20:38:15 +%s` gives 1740429495.
        assert_eq!(dated.start(), Seconds(1_740_429_495.5));
        assert!((between(&dated, 1_740_429_495.5, 1_740_429_497.5) - 150.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("", "has no column time_s"),
            ("time,power_w\n", "has no column time_s"),
            ("time_s,watts\n0,1\n", "has neither power_w nor energy_j"),
            ("time_s,power_w,energy_j\n0,1,1\n", "has both power_w and energy_j: leave one"),
            ("time_s,power_w\n0,1\n", "has fewer than two rows"),
            ("time_s,power_w\n0,1\n1,x\n", "line 3: \"x\" is no number"),
            ("time_s,power_w\n0,1\n1\n", "line 3: no value"),
            ("time_s,power_w\n0,1\n1,-3\n", "line 3: -3 is no power or energy"),
            ("time_s,power_w\n0,1\n1,NaN\n", "line 3: NaN is no power or energy"),
            ("time_s,power_w\n0,1\nnoon,3\n", "line 3: \"noon\" is neither seconds nor an RFC 3339 time"),
            ("time_s,power_w\n0,1\n2025-02-24T20:38:15Z,3\n", "line 3: seconds and dates are mixed"),
            ("time_s,power_w\n0,1\n1,1\n1,1\n", "line 4: the time does not rise: 1 after 1 s"),
            ("time_s,power_w\n0,1\n1,1\n0.5,1\n", "line 4: the time does not rise: 0.5 after 1 s"),
            ("time_s,energy_j\n0,10\n1,9\n", "line 3: the energy falls from 10 to 9"),
            (
                "time_s,power_w\n0,1\n1,1\n\n2,1\n9,1\n10,1\n",
                "line 6: nothing for 7.00 s before it, while most rows are 1.00 s apart",
            ),
            ("time_s,power_w\n0,1e308\n1e10,1e308\n", "line 3: more energy than a number holds"),
        ] {
            let message = trace(text).unwrap_err().to_string();
            assert!(
                message.starts_with("the power trace log.csv") && message.ends_with(expected),
                "{message}"
            );
        }
        let message = Trace::read("log.csv", &b"time_s,power_w\n0,1\n1,\xff\n"[..]).unwrap_err().to_string();
        assert!(message.ends_with("line 3: is no line of CSV in UTF-8"), "{message}");
    }

    #[test]
    fn a_record_without_end_is_cut_off() {
        let rows: String = (0..1000).map(|time| format!("{time},1\n")).collect();
        for endless in [rows.as_bytes().chain(io::repeat(b'1')), b"".chain(io::repeat(b'x'))] {
            let text = b"time_s,power_w\n".chain(endless);
            let error = Trace::read_at_most(10_000, "log.csv", text).unwrap_err();
            assert!(matches!(error, TraceError::Line { .. } | TraceError::TooLong { .. }), "{error}");
        }
    }

    #[test]
    fn outside_the_record_there_is_no_figure() {
        let trace = trace("time_s,power_w\n5,1\n6,1\n").unwrap();
        for (from, to) in [(4.9, 6.0), (5.0, 6.1), (f64::NAN, 6.0)] {
            let error = trace.energy_between(Seconds(from), Seconds(to)).unwrap_err();
            assert!(matches!(error, MeterError::Outside { .. }), "{error}");
        }
    }

    #[test]
    fn a_replayed_record_is_a_meter() {
        let clock = Arc::new(Hand::default());
        let trace = trace("time_s,power_w\n100,50\n101,52\n102,52\n103,52\n").unwrap();
        let offset = trace.start();
        let mut meter = TraceMeter::new(trace, clock.clone(), offset).unwrap();
        clock.set(1.0);
        meter.restart().unwrap();
        clock.set(2.5);
        assert!((meter.read().unwrap().joules.0 - 78.0).abs() < 1e-9);
        let info = meter.identity();
        assert_eq!((info.scope, info.update_period), (MeterScope::System, Seconds(1.0)));
        assert!((info.resolution.0 - 2.0).abs() < 1e-9);
        clock.set(3.1);
        assert!(matches!(meter.read(), Err(MeterError::Outside { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_text_is_a_record_or_an_error(text in "(time_s,power_w\n|time_s,energy_j\n)?([0-9TZ:e.,\n-]{0,60})") {
            if let Ok(trace) = trace(&text) {
                let joules = trace.energy_between(trace.start(), trace.end()).unwrap();
                prop_assert!(joules >= Joules::ZERO && joules.0.is_finite());
            }
        }

        #[test]
        fn parts_of_a_window_add_up(powers in proptest::collection::vec(0.0..500.0_f64, 2..30), cut in 0.0..1.0_f64) {
            let rows: String = powers.iter().enumerate().map(|(time, power)| format!("{time},{power}\n")).collect();
            let trace = trace(&format!("time_s,power_w\n{rows}")).unwrap();
            let (start, end) = (trace.start().0, trace.end().0);
            let middle = start + (end - start) * cut;
            let sum = between(&trace, start, middle) + between(&trace, middle, end);
            prop_assert!((sum - between(&trace, start, end)).abs() < 1e-6);
        }
    }
}
