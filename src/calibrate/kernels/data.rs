//! Data of input buffers: random, the same for the same seed, and known at every index without being kept.

use half::f16;

use super::{Element, Fill, Input};

/// Elements after which the data repeats: twice a prime, so that no row of a matrix equals another.
const PERIOD: u64 = 1_048_574;

/// What an input buffer holds.
#[derive(Debug, Clone)]
pub struct Data {
    input: Input,
    block: Vec<f64>,
}

impl Data {
    /// The data of an input; inputs of one kernel differ by their place.
    #[must_use]
    pub fn of(input: Input, seed: u64, place: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ (place as u64 + 1).wrapping_mul(0x9E37_79B9));
        let block = (0..input.elements.min(PERIOD))
            .map(|_| match input.fill {
                Fill::Random { low, high } => {
                    let value = low + (high - low) * random.f32();
                    match input.element {
                        Element::F16 => f16::from_f32(value).to_f64(),
                        Element::U32 | Element::I32 => f64::from(value).round(),
                        Element::F32 | Element::F64 => f64::from(value),
                    }
                }
                Fill::Indices(below) => f64::from(random.u32(..below.max(1))),
            })
            .collect();
        Self { input, block }
    }

    /// The element at an index; NaN outside, which equals no result.
    #[must_use]
    pub fn at(&self, index: usize) -> f64 {
        if index as u64 >= self.input.elements {
            return f64::NAN;
        }
        let place = index.checked_rem(self.block.len());
        place.and_then(|place| self.block.get(place)).copied().unwrap_or(f64::NAN)
    }

    /// Writes the elements to a buffer of the input's size.
    pub fn fill(&self, mut write: impl FnMut(u64, &[u8])) {
        let block = self.bytes();
        let total = self.input.elements.saturating_mul(self.input.element.bytes());
        let mut at = 0;
        while at < total && !block.is_empty() {
            let rest = usize::try_from(total - at).unwrap_or(usize::MAX).min(block.len());
            write(at, block.get(..rest).unwrap_or_default());
            at += rest as u64;
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the values were rounded to the type they go to")]
    #[allow(clippy::cast_sign_loss, reason = "unsigned fills are not negative")]
    fn bytes(&self) -> Vec<u8> {
        fn all<const N: usize>(block: &[f64], convert: impl Fn(f64) -> [u8; N]) -> Vec<u8> {
            block.iter().flat_map(|value| convert(*value)).collect()
        }
        match self.input.element {
            Element::F16 => all(&self.block, |value| f16::from_f64(value).to_le_bytes()),
            Element::F32 => all(&self.block, |value| (value as f32).to_le_bytes()),
            Element::F64 => all(&self.block, f64::to_le_bytes),
            Element::U32 => all(&self.block, |value| (value as u32).to_le_bytes()),
            Element::I32 => all(&self.block, |value| (value as i32).to_le_bytes()),
        }
    }
}

/// Reads one element of an output.
#[must_use]
pub fn read(element: Element, bytes: &[u8]) -> Option<f64> {
    Some(match element {
        Element::F16 => f16::from_le_bytes(*bytes.first_chunk()?).to_f64(),
        Element::F32 => f64::from(f32::from_le_bytes(*bytes.first_chunk()?)),
        Element::F64 => f64::from_le_bytes(*bytes.first_chunk()?),
        Element::U32 => f64::from(u32::from_le_bytes(*bytes.first_chunk()?)),
        Element::I32 => f64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
    })
}
