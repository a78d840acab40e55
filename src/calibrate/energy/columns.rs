//! What three columns are to each other: their lengths, their angles, and how well they can be told apart.

/// A figure for each column: seconds, FLOPs, bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Triple {
    pub(super) time: f64,
    pub(super) flops: f64,
    pub(super) bytes: f64,
}

impl Triple {
    pub(super) const ZERO: Self = Self { time: 0.0, flops: 0.0, bytes: 0.0 };

    pub(super) fn zip(self, other: Self, with: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            time: with(self.time, other.time),
            flops: with(self.flops, other.flops),
            bytes: with(self.bytes, other.bytes),
        }
    }

    pub(super) fn dot(self, other: Self) -> f64 {
        self.time * other.time + self.flops * other.flops + self.bytes * other.bytes
    }

    pub(super) fn is_finite(self) -> bool {
        self.time.is_finite() && self.flops.is_finite() && self.bytes.is_finite()
    }
}

/// Rows as sums of products of their columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Normal {
    tt: f64,
    ff: f64,
    bb: f64,
    tf: f64,
    tb: f64,
    fb: f64,
}

impl Normal {
    pub(super) fn of(rows: impl Iterator<Item = Triple>) -> Self {
        let nothing = Self { tt: 0.0, ff: 0.0, bb: 0.0, tf: 0.0, tb: 0.0, fb: 0.0 };
        rows.fold(nothing, |all, row| Self {
            tt: all.tt + row.time * row.time,
            ff: all.ff + row.flops * row.flops,
            bb: all.bb + row.bytes * row.bytes,
            tf: all.tf + row.time * row.flops,
            tb: all.tb + row.time * row.bytes,
            fb: all.fb + row.flops * row.bytes,
        })
    }

    /// The lengths of the columns.
    pub(super) fn lengths(&self) -> Triple {
        Triple { time: self.tt.sqrt(), flops: self.ff.sqrt(), bytes: self.bb.sqrt() }
    }

    /// The cosines between columns: time and FLOPs, time and bytes, FLOPs and bytes. For columns of length 1.
    pub(super) fn cosines(&self) -> [f64; 3] {
        [self.tf, self.tb, self.fb]
    }

    fn determinant(&self) -> f64 {
        let Self { tt, ff, bb, tf, tb, fb, .. } = self;
        tt * (ff * bb - fb * fb) - tf * (tf * bb - fb * tb) + tb * (tf * fb - ff * tb)
    }

    /// The largest over the smallest eigenvalue; infinite where columns depend on each other. For columns of
    /// length 1.
    ///
    /// Source: Smith, "Eigenvalues of a symmetric 3 × 3 matrix", CACM 4(4), 1961. The smallest is taken from the
    /// determinant instead, which keeps its digits.
    pub(super) fn condition(&self) -> f64 {
        let [tf, tb, fb] = self.cosines();
        let spread = ((tf * tf + tb * tb + fb * fb) / 3.0).sqrt();
        if spread == 0.0 {
            return 1.0;
        }
        let angle = (tf * tb * fb / spread.powi(3)).clamp(-1.0, 1.0).acos() / 3.0;
        let largest = 1.0 + 2.0 * spread * angle.cos();
        let least_by_angle = 1.0 + 2.0 * spread * (angle + std::f64::consts::TAU / 3.0).cos();
        let middle = 3.0 - largest - least_by_angle;
        let smallest = self.determinant() / (largest * middle);
        if smallest > 0.0 && middle > 0.0 { largest / smallest } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_number_is_that_of_the_eigenvalues() {
        // numpy.linalg.cond of [[1, a, b], [a, 1, c], [b, c, 1]], NumPy 2.4.6.
        for (cosines, expected) in [
            ((0.0, 0.0, 0.0), 1.0),
            ((0.5, 0.0, 0.0), 3.0),
            ((0.5, 0.5, 0.5), 4.0),
            ((0.9, 0.1, 0.2), 20.648_432_23),
            ((0.999, 0.3, 0.28), 2_745.997_331),
            ((0.9999, 0.5, 0.505), 28_445.930_704),
        ] {
            let (tf, tb, fb) = cosines;
            let matrix = Normal { tt: 1.0, ff: 1.0, bb: 1.0, tf, tb, fb };
            assert!(
                (matrix.condition() / expected - 1.0).abs() < 1e-3,
                "{cosines:?}: {}",
                matrix.condition()
            );
        }
        let matrix = Normal { tt: 1.0, ff: 1.0, bb: 1.0, tf: 1.0, tb: 0.5, fb: 0.5 };
        assert!(matrix.condition() > 1e12, "{}", matrix.condition());
    }
}
