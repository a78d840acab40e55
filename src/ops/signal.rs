//! Fourier transforms, their windows, and the mel scale.

use super::dims::{self, count, product, resolve_axis};
use super::{Counts, Node, OpError, Type};
use crate::tensor::{Dim, ElementType, Shape, TensorType};

/// A scalar input as a size; not known where its value is not.
fn size(node: &Node, input: usize) -> Dim {
    node.scalar(input).dim()
}

fn flag(node: &Node, name: &'static str, default: i64) -> Result<bool, OpError> {
    Ok(node.int_or(name, default)? != 0)
}

/// `⌊n/2⌋ + 1`: what is left of a spectrum when its mirror image is left out.
fn one_sided(n: Dim) -> Dim {
    n.map(|n| (n / 2).checked_add(1))
}

/// Operations of one transform of length `n`: `5·n·⌈log₂ n⌉`, half of that where its input or output is real.
///
/// Source: the convention of FFT benchmarks (Frigo and Johnson, "The Design and Implementation of FFTW3",
/// 2005), with the logarithm rounded up.
fn transform(n: u64, real: bool) -> Result<u64, OpError> {
    let log = u64::from(u64::BITS - n.saturating_sub(1).leading_zeros());
    Ok(product(&[5, n, log])? / if real { 2 } else { 1 })
}

/// A transform along one axis of a real or complex tensor.
struct Dft<'a> {
    input: &'a [Dim],
    axis: usize,
    length: Dim,
    inverse: bool,
    onesided: bool,
}

impl<'a> Dft<'a> {
    fn of(node: &Node<'a>) -> Result<Self, OpError> {
        let input = node.shape(0)?;
        let rank = input.len();
        if rank < 2 {
            return Err(OpError::Rank { input: 0, expected: "at least 2", found: rank });
        }
        let axis = if node.version < 20 {
            node.int_or("axis", 1)?
        } else if node.has_input(2) {
            let axis = node.elements(2).and_then(|elements| elements.first()?.int());
            axis.ok_or(OpError::UnknownSize("the axis"))?
        } else {
            -2
        };
        let outside = OpError::Axis { axis, rank };
        // The last axis holds real and imaginary parts.
        let axis = resolve_axis(axis, rank).ok().filter(|axis| *axis + 1 < rank).ok_or(outside)?;
        let (inverse, onesided) = (flag(node, "inverse", 0)?, flag(node, "onesided", 0)?);
        let signal = input.get(axis).copied().unwrap_or(Dim::Unknown);
        let length = if node.has_input(1) {
            size(node, 1)
        } else if inverse && onesided {
            signal.map(|n| n.saturating_sub(1).checked_mul(2))
        } else {
            signal
        };
        Ok(Self { input, axis, length, inverse, onesided })
    }

    fn output(&self) -> Shape {
        let mut shape = self.input.to_vec();
        if let Some(dim) = shape.get_mut(self.axis) {
            *dim = if self.onesided && !self.inverse { one_sided(self.length) } else { self.length };
        }
        if let Some(parts) = shape.last_mut() {
            *parts = Dim::Exact(if self.onesided && self.inverse { 1 } else { 2 });
        }
        shape
    }
}

/// A real or complex signal to its transform along one axis.
///
/// Source: ONNX `DFT`, opset 20; in opset 17 the axis is an attribute.
pub fn dft(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![TensorType::new(node.element(0)?, Dft::of(node)?.output()).into()])
}

/// A fast transform for each signal, half of one for a real signal or a one-sided spectrum; the inverse
/// divides each of the `n` results.
pub fn dft_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let dft = Dft::of(node)?;
    let n = count(&[dft.length], "the transform")?;
    let last = dft.input.len().saturating_sub(1);
    let others: Shape = (dft.input.iter().enumerate())
        .filter(|(axis, _)| *axis != dft.axis && *axis != last)
        .map(|(_, dim)| *dim)
        .collect();
    let real = dft.onesided || dft.input.last() == Some(&Dim::Exact(1));
    let div = if dft.inverse { n } else { 0 };
    Counts { alu: transform(n, real)?, div, ..Counts::ZERO }
        .times(count(&others, "an input")?)
        .map(Counts::by_formula)
}

/// Frames of a signal and their transforms.
struct Stft {
    batch: Dim,
    frames: Dim,
    length: Dim,
    complex: bool,
    onesided: bool,
}

impl Stft {
    fn of(node: &Node) -> Result<Self, OpError> {
        let (batch, signal, parts) = match *node.shape(0)? {
            [batch, signal] => (batch, signal, Dim::Exact(1)),
            [batch, signal, parts] => (batch, signal, parts),
            ref shape => {
                return Err(OpError::Rank { input: 0, expected: "3", found: shape.len() });
            }
        };
        let length = if node.has_input(3) {
            size(node, 3)
        } else if node.has_input(2) {
            node.shape(2)?.first().copied().unwrap_or(Dim::Unknown)
        } else {
            signal
        };
        let frames = match (size(node, 1).exact(), length.exact()) {
            (Some(0), _) => {
                return Err(OpError::Value { input: 1, problem: "a step of 0".into() });
            }
            (Some(_), Some(length)) if signal.bound().is_some_and(|signal| signal < length) => {
                return Err(OpError::Mismatch(format!("frames of {length} in a signal of {signal}")));
            }
            (Some(step), Some(length)) => {
                signal.map(|signal| (signal.checked_sub(length)? / step).checked_add(1))
            }
            _ => Dim::Unknown,
        };
        let complex = parts != Dim::Exact(1);
        Ok(Self { batch, frames, length, complex, onesided: flag(node, "onesided", 1)? })
    }
}

/// `signal [B, L, 1 or 2]` to `[B, frames, bins, 2]`.
///
/// Source: ONNX `STFT`, opset 17.
pub fn stft(node: &Node) -> Result<Vec<Type>, OpError> {
    let stft = Stft::of(node)?;
    let bins = if stft.onesided { one_sided(stft.length) } else { stft.length };
    let shape = [stft.batch, stft.frames, bins, Dim::Exact(2)];
    Ok(vec![TensorType::new(node.element(0)?, shape).into()])
}

/// For each frame one multiplication by each element of the window, if there is one, and a fast transform.
pub fn stft_work(node: &Node, _: &[Type]) -> Result<Counts, OpError> {
    let stft = Stft::of(node)?;
    let length = count(&[stft.length], "a frame")?;
    let parts = if stft.complex { 2 } else { 1 };
    let window = if node.has_input(2) { product(&[length, parts])? } else { 0 };
    Counts::alu(window)
        .plus(Counts::alu(transform(length, stft.onesided || !stft.complex)?))?
        .times(count(&[stft.batch, stft.frames], "the frames")?)
        .map(Counts::by_formula)
}

/// The type that `output_datatype` gives, float32 where it is left out.
fn output_datatype(node: &Node) -> Result<ElementType, OpError> {
    Ok(node.element_type("output_datatype")?.unwrap_or(ElementType::Float32))
}

/// A window of `size` elements.
///
/// Source: ONNX `HannWindow`, `HammingWindow`, `BlackmanWindow`, opset 17.
pub fn window(node: &Node) -> Result<Vec<Type>, OpError> {
    Ok(vec![TensorType::new(output_datatype(node)?, [size(node, 0)]).into()])
}

/// `a − b·cos(x)`: the angle, a cosine, its factor, and a subtraction.
pub const COSINE_WINDOW: Counts = Counts { alu: 3, trans: 1, ..Counts::ZERO }.by_formula();

/// `a − b·cos(x) + c·cos(2x)`: a second angle, cosine, factor and addition.
pub const BLACKMAN_WINDOW: Counts = Counts { alu: 6, trans: 2, ..Counts::ZERO }.by_formula();

/// `[⌊dft_length/2⌋ + 1, num_mel_bins]`.
///
/// Source: ONNX `MelWeightMatrix`, opset 17.
pub fn mel_weight_matrix(node: &Node) -> Result<Vec<Type>, OpError> {
    let shape = [one_sided(size(node, 1)), size(node, 0)];
    Ok(vec![TensorType::new(output_datatype(node)?, shape).into()])
}

/// A subtraction and a division for each weight; between the bins, `num_mel_bins + 2` edges, each a step
/// and a conversion from mel (a power, three operations), and two conversions to mel.
pub fn mel_weight_matrix_work(node: &Node, outputs: &[Type]) -> Result<Counts, OpError> {
    let each = dims::output_count(outputs, 0)?;
    let edges = count(&[size(node, 0)], "the mel bins")?.checked_add(2).ok_or(OpError::Overflow)?;
    let weights = Counts { alu: 1, div: 1, ..Counts::ZERO }.times(each)?;
    let mel = Counts { alu: 4, trans: 1, ..Counts::ZERO }.times(edges)?;
    weights.plus(mel)?.plus(Counts::trans(2)).map(Counts::by_formula)
}

#[cfg(test)]
mod tests {
    use super::super::testing::op;
    use super::*;
    use crate::tensor::ElementType::{Float16, Float32, Int64};

    #[test]
    fn a_transform_keeps_its_length_unless_one_side_is_left_out() {
        // Shapes of onnx 1.23 and ONNX Runtime 1.32.
        for (case, expected) in [
            (op("DFT", 17).f32(&[1, 10, 1]), "1×10×2"),
            (op("DFT", 17).f32(&[1, 10, 1]).attr("onesided", 1), "1×6×2"),
            (op("DFT", 17).f32(&[1, 6, 2]).attr("onesided", 1).attr("inverse", 1), "1×10×1"),
            (op("DFT", 17).f32(&[1, 10, 6, 2]).attr("axis", 2).attr("inverse", 1), "1×10×6×2"),
            (op("DFT", 17).f32(&[1, 10, 1]).int(16), "1×16×2"),
            (op("DFT", 20).f32(&[4, 5, 10, 1]), "4×5×10×2"),
            (op("DFT", 20).f32(&[4, 5, 10, 1]).none().int(1).attr("onesided", 1), "4×3×10×2"),
        ] {
            assert_eq!(case.shape(), expected);
        }
        let last = op("DFT", 17).f32(&[1, 10, 1]).attr("axis", -1).types();
        assert_eq!(last.unwrap_err(), OpError::Axis { axis: -1, rank: 3 });
    }

    #[test]
    fn a_real_transform_costs_half_a_complex_one() {
        let counts = |parts, inverse| op("DFT", 20).f32(&[3, 16, parts]).attr("inverse", inverse).counts();
        assert_eq!(counts(2, 0), Counts::alu(3 * 5 * 16 * 4).by_formula());
        assert_eq!(counts(1, 0), Counts::alu(3 * 5 * 16 * 4 / 2).by_formula());
        assert_eq!(counts(2, 1), Counts { alu: 960, div: 48, ..Counts::ZERO }.by_formula());
        // 100 lies between 64 and 128: seven levels.
        let odd = op("DFT", 20).f32(&[1, 100, 2]).counts();
        assert_eq!(odd.alu, 5 * 100 * 7);
    }

    #[test]
    fn a_short_time_transform_slides_over_the_signal() {
        // (100 − 16) / 7 + 1 = 13 frames.
        let windowed = op("STFT", 17).f32(&[2, 100, 1]).int(7).f32(&[16]);
        assert_eq!(windowed.shape(), "2×13×9×2");
        assert_eq!(windowed.counts(), Counts::alu(2 * 13 * (16 + 5 * 16 * 4 / 2)).by_formula());
        let plain = op("STFT", 17).f32(&[2, 100, 2]).int(7).none().int(16).attr("onesided", 0);
        assert_eq!(plain.shape(), "2×13×16×2");
        assert_eq!(plain.counts(), Counts::alu(2 * 13 * 5 * 16 * 4).by_formula());
        let unknown = op("STFT", 17).f32(&[2, 100, 1]).input(Int64, &[]).f32(&[16]);
        assert_eq!(unknown.shape(), "2×?×9×2");
        let short = op("STFT", 17).f32(&[2, 10, 1]).int(7).f32(&[16]).types().unwrap_err();
        assert_eq!(short.to_string(), "frames of 16 in a signal of 10");
    }

    #[test]
    fn windows_have_the_size_and_type_asked_for() {
        for (operator, each) in [
            ("HannWindow", COSINE_WINDOW),
            ("HammingWindow", COSINE_WINDOW),
            ("BlackmanWindow", BLACKMAN_WINDOW),
        ] {
            let case = op(operator, 17).int(400).attr("output_datatype", 10);
            assert_eq!(case.ty(), TensorType::exact(Float16, &[400]).into());
            assert_eq!(case.counts(), each.times(400).unwrap());
        }
        assert_eq!(op("HannWindow", 17).input(Int64, &[]).shape(), "?");
    }

    #[test]
    fn a_mel_matrix_maps_a_one_sided_spectrum_to_its_bins() {
        let case = op("MelWeightMatrix", 17).int(8).int(16).int(8192).f32(&[]).f32(&[]);
        assert_eq!(case.ty(), TensorType::exact(Float32, &[9, 8]).into());
        let expected = Counts { alu: 72 + 4 * 10, div: 72, trans: 10 + 2, ..Counts::ZERO };
        assert_eq!(case.counts(), expected.by_formula());
    }
}
