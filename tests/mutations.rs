//! Files that are broken in every way: cut short, and with bits turned. None panics, and none takes much memory or time.
//!
//! The bundled models always; the models of the ONNX backend tests too where `tests/validation/conformance.py` has
//! fetched them (`target/conformance/1.22.0`, or where `ERGOMETER_CONFORMANCE` says), one in sixteen unless
//! `ERGOMETER_MUTATE_ALL` is set.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ergometer::cost::{self, By, Peer, roll_up};
use ergometer::graph::{Request, infer};
use ergometer::onnx;

/// How often each file is cut short.
const CUTS: usize = 20;
/// How often it has bits turned.
const FLIPS: usize = 50;
/// The most bytes that one file may take, beyond its own.
const MOST_BYTES: usize = 200 << 20;
/// The most seconds of processor that one file may take: a debug build is tens of times slower.
const MOST_SECONDS: f64 = if cfg!(debug_assertions) { 20.0 } else { 1.0 };

/// The system's allocator, and the most that was taken of it at once.
struct Counted;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator is unsafe; this one only counts what the system's gives")]
// SAFETY: every request goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: as this one's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as this one's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Pseudo-random numbers, the same in every run. Source: Steele and others, SplitMix64 (2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).expect("it is below a usize")
    }
}

/// Everything that is counted of a model, whatever comes of it.
fn analyze(bytes: Vec<u8>) {
    let Ok(model) = onnx::decode(bytes.into()) else { return };
    let Ok(graph) = infer(&model, &Request::default()) else { return };
    let Ok(cost) = cost::count(&graph) else { return };
    for by in [By::Op, By::Scope, By::Dtype] {
        let _ = roll_up(&graph, &cost, by);
    }
    for node in 0..graph.nodes.len() {
        for peer in Peer::ALL {
            let _ = peer.work(&graph, &cost, node);
        }
    }
}

/// Seconds of processor that this thread has taken; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    found.sort();
    found
}

/// Broken copies of a file: cut at places that a step apart or a throw of dice gives, then with one to eight bits turned.
fn broken(bytes: &[u8], random: &mut Random) -> Vec<Vec<u8>> {
    let cut = |at: usize| bytes.get(..at).unwrap_or_default().to_vec();
    let mut copies: Vec<Vec<u8>> = (0..CUTS).map(|step| cut(bytes.len() * step / CUTS)).collect();
    for _ in 0..FLIPS {
        let mut copy = bytes.to_vec();
        for _ in 0..=random.below(8) {
            let at = random.below(copy.len());
            if let Some(byte) = copy.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        copies.push(copy);
    }
    copies
}

/// What the fuzzer found on its way: small files that reach far into the counting, most of them broken. A package leaves
/// them out.
fn seeds() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("fuzz/seeds").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.sort();
    found
}

#[test]
fn broken_files_are_refused_or_counted_in_little_memory_and_time() {
    let conformance = std::env::var_os("ERGOMETER_CONFORMANCE")
        .map_or_else(|| PathBuf::from("target/conformance/1.22.0"), PathBuf::from);
    let every = if std::env::var_os("ERGOMETER_MUTATE_ALL").is_some() { 1 } else { 16 };
    let is_fed = |path: &PathBuf| path.to_string_lossy().ends_with(".fed.onnx");
    let fetched: Vec<PathBuf> = models(&conformance).into_iter().filter(is_fed).step_by(every).collect();
    if fetched.is_empty() {
        eprintln!("skipped: no models at {}; the bundled ones are broken", conformance.display());
    }
    let mut random = Random(7);
    let whole = models(Path::new("models")).into_iter().chain(fetched).map(|path| (path, true));
    let (mut files, mut largest, mut slowest) = (0, (0, String::new()), (0.0, String::new()));
    for (path, to_break) in seeds().into_iter().map(|path| (path, false)).chain(whole) {
        let bytes = std::fs::read(&path).expect("the model reads");
        let copies = if to_break { broken(&bytes, &mut random) } else { vec![bytes] };
        for (at, copy) in copies.into_iter().enumerate() {
            let name = format!("{} {at}", path.display());
            let (live, begun) = (LIVE.load(Relaxed), processor_seconds());
            PEAK.store(live, Relaxed);
            analyze(copy);
            let (taken, seconds) = (PEAK.load(Relaxed).saturating_sub(live), processor_seconds() - begun);
            files += 1;
            if taken > largest.0 {
                largest = (taken, name.clone());
            }
            if seconds > slowest.0 {
                slowest = (seconds, name);
            }
        }
    }
    eprintln!("{files} broken files; most memory {largest:?}, most seconds {slowest:?}");
    assert!(largest.0 < MOST_BYTES, "{largest:?}");
    assert!(slowest.0 < MOST_SECONDS, "{slowest:?}");
}
