//! Least squares for three columns and coefficients that cannot be negative.
//!
//! With three columns there are eight sets of coefficients that may differ from zero. The least squares of each
//! have a closed form; the best of those without a negative member is the solution, and exact. (Lawson and
//! Hanson, "Solving Least Squares Problems", 1974, chapter 23, walk through the same sets one by one.)

/// A determinant of a normal matrix with a unit diagonal below this is that of columns that depend on each
/// other.
const SMALLEST_DETERMINANT: f64 = 1e-12;

/// A larger set must lessen the squares by this share of the sum to be preferred: what is less is rounding.
const SMALLEST_GAIN: f64 = 1e-13;

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

    fn is_negative(self) -> bool {
        self.time < 0.0 || self.flops < 0.0 || self.bytes < 0.0
    }
}

/// The columns that may have a coefficient.
#[derive(Debug, Clone, Copy)]
struct Support {
    time: bool,
    flops: bool,
    bytes: bool,
}

/// Smallest sets first: of two that are as good the smaller is kept.
const SUPPORTS: [Support; 7] = [
    Support { time: true, flops: false, bytes: false },
    Support { time: false, flops: true, bytes: false },
    Support { time: false, flops: false, bytes: true },
    Support { time: true, flops: true, bytes: false },
    Support { time: true, flops: false, bytes: true },
    Support { time: false, flops: true, bytes: true },
    Support { time: true, flops: true, bytes: true },
];

/// Rows of a system whose right-hand sides are all 1, as sums of products: everything that least squares need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Normal {
    tt: f64,
    ff: f64,
    bb: f64,
    tf: f64,
    tb: f64,
    fb: f64,
    /// Sums of each column.
    sums: Triple,
    /// Number of rows.
    rows: f64,
}

impl Normal {
    pub(super) fn of(rows: impl Iterator<Item = Triple>) -> Self {
        let nothing =
            Self { tt: 0.0, ff: 0.0, bb: 0.0, tf: 0.0, tb: 0.0, fb: 0.0, sums: Triple::ZERO, rows: 0.0 };
        rows.fold(nothing, |all, row| Self {
            tt: all.tt + row.time * row.time,
            ff: all.ff + row.flops * row.flops,
            bb: all.bb + row.bytes * row.bytes,
            tf: all.tf + row.time * row.flops,
            tb: all.tb + row.time * row.bytes,
            fb: all.fb + row.flops * row.bytes,
            sums: all.sums.zip(row, |sum, value| sum + value),
            rows: all.rows + 1.0,
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

    /// The coefficients, none negative, with the least sum of squares.
    ///
    /// Columns must not be negative, and should be of about the same length. All zero where no column has
    /// anything in it.
    pub(super) fn solve(&self) -> Triple {
        let (mut best, mut least) = (Triple::ZERO, self.rows);
        for support in SUPPORTS {
            let Some(found) = self.solve_on(support).filter(|found| !found.is_negative()) else { continue };
            // At the minimum of its own set the squares are those of the right-hand side less this product.
            let squares = self.rows - found.dot(self.sums);
            if squares < least - self.rows * SMALLEST_GAIN {
                (best, least) = (found, squares);
            }
        }
        best
    }

    /// The least squares on some columns; `None` where they depend on each other.
    fn solve_on(&self, support: Support) -> Option<Triple> {
        // A column that is left out becomes a unit vector apart from all others, with nothing to explain.
        let diagonal = |on: bool, value: f64| if on { value } else { 1.0 };
        let other = |on: bool, value: f64| if on { value } else { 0.0 };
        let Support { time, flops, bytes } = support;
        let matrix = Self {
            tt: diagonal(time, self.tt),
            ff: diagonal(flops, self.ff),
            bb: diagonal(bytes, self.bb),
            tf: other(time && flops, self.tf),
            tb: other(time && bytes, self.tb),
            fb: other(flops && bytes, self.fb),
            ..*self
        };
        let determinant = matrix.determinant();
        let smallest = SMALLEST_DETERMINANT * matrix.tt * matrix.ff * matrix.bb;
        if determinant.is_nan() || determinant <= smallest {
            return None;
        }
        let Self { tt, ff, bb, tf, tb, fb, .. } = matrix;
        let wanted = Triple {
            time: other(time, self.sums.time),
            flops: other(flops, self.sums.flops),
            bytes: other(bytes, self.sums.bytes),
        };
        // Rows of the adjugate, which is the inverse times the determinant.
        let adjugate = [
            Triple { time: ff * bb - fb * fb, flops: tb * fb - tf * bb, bytes: tf * fb - tb * ff },
            Triple { time: tb * fb - tf * bb, flops: tt * bb - tb * tb, bytes: tf * tb - tt * fb },
            Triple { time: tf * fb - tb * ff, flops: tf * tb - tt * fb, bytes: tt * ff - tf * tf },
        ];
        let [by_time, by_flops, by_bytes] = adjugate.map(|row| row.dot(wanted) / determinant);
        let found = Triple {
            time: other(time, by_time),
            flops: other(flops, by_flops),
            bytes: other(bytes, by_bytes),
        };
        found.is_finite().then_some(found)
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

    fn row(time: f64, flops: f64, bytes: f64) -> Triple {
        Triple { time, flops, bytes }
    }

    #[test]
    fn coefficients_that_would_be_negative_are_exactly_zero() {
        // Three rows, three unknowns, by hand: time 2, FLOPs -1, bytes 0.5.
        let rows = [row(0.5, 0.0, 0.0), row(1.0, 1.0, 0.0), row(0.0, 0.0, 2.0)];
        let solved = Normal::of(rows.into_iter()).solve();
        // Without FLOPs: the least squares of 0.5 x = 1 and 1 x = 1 are x = 1.5 / 1.25.
        assert_eq!(solved.flops, 0.0);
        assert!((solved.time - 1.2).abs() < 1e-12 && (solved.bytes - 0.5).abs() < 1e-12, "{solved:?}");
    }

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
            let matrix = Normal { tt: 1.0, ff: 1.0, bb: 1.0, tf, tb, fb, sums: Triple::ZERO, rows: 0.0 };
            assert!(
                (matrix.condition() / expected - 1.0).abs() < 1e-3,
                "{cosines:?}: {}",
                matrix.condition()
            );
        }
        let matrix =
            Normal { tt: 1.0, ff: 1.0, bb: 1.0, tf: 1.0, tb: 0.5, fb: 0.5, sums: Triple::ZERO, rows: 0.0 };
        assert!(matrix.condition() > 1e12, "{}", matrix.condition());
    }
}
