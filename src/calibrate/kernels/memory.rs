//! Memory traffic by working set.

use super::arithmetic::word;
use super::{Configuration, Element, Expected, Fill, Input, Kernel, Layout, Measures, Reference, Setting};
use crate::calibrate::Size;

/// Bytes of one access.
pub(super) const VECTOR: u64 = 16;
/// Enough to keep an adapter busy: 512 workgroups of 128 with 64 bytes on the way each are 4 MiB, and 3.35 TB/s
/// at 700 ns need 2.3 MB. No more, as each costs its start.
const MOST_WORKGROUPS: u64 = 512;
/// Accesses that an invocation has on the way at once, to one array.
const FOUR: u64 = 4;
/// The same where each is a read and a write.
pub(super) const TWO: u64 = 2;
/// Invocations that go side by side.
const LINE: u64 = 8;
/// Workgroups that copy within workgroup memory, each its own.
const WORKGROUPS: u32 = 512;

/// Random words: a memory system that compresses gains nothing.
const WORDS: Fill = Fill::Indices(u32::MAX);

pub(super) const WORKGROUP: Setting = Setting { name: "WORKGROUP", values: &["128u"] };

pub(super) static KERNELS: &[Kernel] = &[
    Kernel {
        id: "memory.read",
        file: "memory_read.wgsl",
        source: include_str!("../../../shaders/memory_read.wgsl"),
        measures: Measures::Bandwidth,
        needs: &[],
        settings: &[WORKGROUP],
        layout: read,
        expected: summed,
    },
    Kernel {
        id: "memory.write",
        file: "memory_write.wgsl",
        source: include_str!("../../../shaders/memory_write.wgsl"),
        measures: Measures::Bandwidth,
        needs: &[],
        settings: &[WORKGROUP],
        layout: write,
        expected: written,
    },
    Kernel {
        id: "memory.copy",
        file: "memory_copy.wgsl",
        source: include_str!("../../../shaders/memory_copy.wgsl"),
        measures: Measures::Bandwidth,
        needs: &[],
        settings: &[WORKGROUP],
        layout: copy,
        expected: copied,
    },
    Kernel {
        id: "memory.workgroup",
        file: "memory_workgroup.wgsl",
        source: include_str!("../../../shaders/memory_workgroup.wgsl"),
        measures: Measures::Bandwidth,
        needs: &[],
        settings: &[Setting { name: "VECTORS", values: &["1024u", "256u", "512u", "2048u"] }, WORKGROUP],
        layout: exchange,
        expected: exchanged,
    },
];

/// How arrays are gone through: whole rounds of all invocations, so that no access needs a check.
///
/// A set too small for all invocations of an adapter keeps a part of it busy, as a small tensor does. From turn to
/// turn each workgroup moves on to the next one's part, so the whole set is gone through before any of it is met
/// again, even where one workgroup ends before the next starts.
pub(super) struct Path {
    /// Vectors of an array.
    pub vectors: u32,
    /// Workgroups that share them.
    pub workgroups: u32,
    workgroup: u32,
    /// Rounds of one invocation in one turn.
    rounds: u32,
}

impl Path {
    /// The most whole rounds within so many vectors; `None` if there is not one.
    pub(super) fn within(vectors: u64, unrolled: u64, configuration: &Configuration) -> Option<Self> {
        let workgroup = configuration.number("WORKGROUP")?;
        let round = u64::from(workgroup) * unrolled;
        let workgroups = (vectors / round).min(MOST_WORKGROUPS);
        let vectors = vectors.checked_sub(vectors.checked_rem(round * workgroups)?)?;
        Some(Self {
            vectors: u32::try_from(vectors).ok()?,
            workgroups: u32::try_from(workgroups).ok()?,
            workgroup,
            rounds: u32::try_from(vectors / (round * workgroups)).ok()?,
        })
    }

    fn invocations(&self) -> u64 {
        u64::from(self.workgroups) * u64::from(self.workgroup)
    }

    /// Elements of an array: four in each vector.
    pub(super) fn elements(&self) -> u64 {
        u64::from(self.vectors) * 4
    }

    fn layout(&self, turns: u32, inputs: Vec<Input>, output: u64, bytes_per_vector: u64) -> Option<Layout> {
        // The shaders count the rounds of all turns in one u32.
        turns.checked_mul(self.rounds)?;
        Some(Layout {
            params: vec![self.vectors, turns, 0, 0],
            inputs,
            output,
            element: Element::U32,
            workgroups: [self.workgroups, 1, 1],
            operations: 0.0,
            bytes: f64::from(self.vectors) * bytes_per_vector as f64 * f64::from(turns),
        })
    }
}

fn words(elements: u64) -> Input {
    Input { elements, element: Element::U32, fill: WORDS }
}

fn read(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Bytes { working_set, turns } = size else { return None };
    let path = Path::within(working_set / VECTOR, FOUR, configuration)?;
    path.layout(turns, vec![words(path.elements())], path.invocations() * 4, VECTOR)
}

/// All that the invocation read: its place in the parts of as many workgroups as there are turns.
fn summed(reference: &Reference, index: usize) -> Expected {
    let [vectors, turns] = [0, 1].map(|at| u64::from(reference.param(at)));
    let workgroup = reference.configuration.number("WORKGROUP").map_or(1, u64::from);
    let (invocation, word_of_four) = (index as u64 / 4, index % 4);
    let parts = (reference.layout.output / 4 / workgroup).max(1);
    let each = vectors / (parts * workgroup);
    let (own, local) = (invocation / workgroup, invocation % workgroup);
    let column = |part: u64| {
        let first = part * each * workgroup + local / LINE * each * LINE + local % LINE;
        (0..each).fold(0, |sum: u32, access| {
            let at = usize::try_from((first + access * LINE) * 4).unwrap_or(usize::MAX);
            sum.wrapping_add(word(reference.input(0, at.saturating_add(word_of_four))))
        })
    };
    let sum = (0..parts.min(turns)).fold(0, |sum: u32, turn| {
        let times = u32::try_from((turns - turn).div_ceil(parts)).unwrap_or(u32::MAX);
        sum.wrapping_add(column((own + turn) % parts).wrapping_mul(times))
    });
    Expected { value: f64::from(sum), tolerance: 0.0 }
}

fn write(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Bytes { working_set, turns } = size else { return None };
    let path = Path::within(working_set / VECTOR, FOUR, configuration)?;
    path.layout(turns, vec![], path.elements(), VECTOR)
}

fn written(reference: &Reference, index: usize) -> Expected {
    let turns = reference.param(1);
    let at = u32::try_from(index / 4).unwrap_or(u32::MAX);
    let value = match index % 4 {
        0 => at,
        1 => at.wrapping_add(turns),
        2 => at ^ turns,
        _ => turns.wrapping_sub(at),
    };
    Expected { value: f64::from(value), tolerance: 0.0 }
}

/// The working set is both arrays.
fn copy(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Bytes { working_set, turns } = size else { return None };
    let path = Path::within(working_set / (2 * VECTOR), TWO, configuration)?;
    path.layout(turns, vec![words(path.elements())], path.elements(), 2 * VECTOR)
}

fn copied(reference: &Reference, index: usize) -> Expected {
    Expected { value: reference.input(0, index), tolerance: 0.0 }
}

/// The working set is all that one workgroup has: a half that is read and one that is written.
fn exchange(configuration: &Configuration, size: Size) -> Option<Layout> {
    let Size::Bytes { working_set, turns } = size else { return None };
    let vectors = configuration.number("VECTORS")?;
    let half = vectors / 2;
    // The shader counts the rounds of all turns in one u32.
    turns.checked_mul(half)?;
    (turns > 0 && working_set == u64::from(vectors) * VECTOR).then(|| Layout {
        params: vec![half, turns, 0, 0],
        inputs: vec![words(u64::from(half) * 4)],
        output: u64::from(WORKGROUPS) * u64::from(half) * 4,
        element: Element::U32,
        workgroups: [WORKGROUPS, 1, 1],
        operations: 0.0,
        bytes: f64::from(WORKGROUPS) * f64::from(half) * (2 * VECTOR) as f64 * f64::from(turns),
    })
}

/// Each turn reads one place further than the last.
fn exchanged(reference: &Reference, index: usize) -> Expected {
    let half = reference.param(0) as usize;
    let value = reference.param(1).checked_sub(1).and_then(|turn| {
        let at = (index / 4).checked_rem(half)?;
        Some(reference.input(0, (at + turn as usize).checked_rem(half)? * 4 + index % 4))
    });
    Expected { value: value.unwrap_or(0.0), tolerance: 0.0 }
}
