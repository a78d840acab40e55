//! What the tests of meters share: a clock set by hand, trees of files in memory, curves for sensors.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::counter::Register;
use super::gauge::Gauge;
use super::{Clock, Files, MeterError, MeterInfo, MeterScope};
use crate::units::{Joules, Seconds, Watts};

/// A clock that shows what it is set to. Sleeping on it sets it.
#[derive(Debug, Default)]
pub(super) struct Hand(AtomicU64);

impl Hand {
    pub(super) fn set(&self, seconds: f64) {
        self.0.store(seconds.to_bits(), Ordering::SeqCst);
    }

    pub(super) fn seconds(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::SeqCst))
    }
}

impl Clock for Hand {
    fn now(&self) -> Seconds {
        Seconds(self.seconds())
    }

    fn sleep(&self, time: Seconds) {
        // Two threads may sleep at once: neither may lose the other's time.
        let add = |bits| Some((f64::from_bits(bits) + time.0).to_bits());
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add).expect("the sum is always there");
    }
}

/// A sensor whose value is a function of the time.
pub(super) struct Curve {
    clock: Arc<Hand>,
    of: fn(f64) -> f64,
}

impl Curve {
    pub(super) fn over(clock: &Arc<Hand>, of: fn(f64) -> f64) -> Self {
        Self { clock: clock.clone(), of }
    }
}

impl Register for Curve {
    fn total(&mut self) -> Result<Joules, MeterError> {
        Ok(Joules((self.of)(self.clock.seconds())))
    }
}

impl Gauge for Curve {
    fn power(&mut self) -> Result<Watts, MeterError> {
        Ok(Watts((self.of)(self.clock.seconds())))
    }
}

/// A meter that counts millijoules.
pub(super) fn counting(name: &str, update_period: Seconds) -> MeterInfo {
    MeterInfo {
        name: name.to_owned(),
        scope: MeterScope::Board,
        resolution: Joules(1e-3),
        update_period,
        counter: true,
        poll_every: None,
    }
}

/// Files in memory: each is there with its text, or refuses.
#[derive(Debug, Default)]
pub(super) struct Tree(Mutex<BTreeMap<String, Result<String, io::ErrorKind>>>);

impl Tree {
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self::default();
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        self.0.lock().unwrap().insert(path.to_owned(), Ok(format!("{text}\n")));
    }

    pub(super) fn fail(&self, path: &str, kind: io::ErrorKind) {
        self.0.lock().unwrap().insert(path.to_owned(), Err(kind));
    }

    pub(super) fn remove(&self, path: &str) {
        self.0.lock().unwrap().remove(path);
    }
}

impl Files for Tree {
    fn read(&self, path: &str) -> io::Result<String> {
        match self.0.lock().unwrap().get(path) {
            Some(Ok(text)) => Ok(text.clone()),
            Some(Err(kind)) => Err((*kind).into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let inside = format!("{folder}/");
        let files = self.0.lock().unwrap();
        let names: BTreeSet<String> = files
            .keys()
            .filter_map(|path| path.strip_prefix(&inside)?.split('/').next().map(str::to_owned))
            .collect();
        if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names.into_iter().collect()) }
    }
}
