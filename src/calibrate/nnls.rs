//! Least squares with parameters that cannot be negative.

/// Columns this near to a combination of others, as a share of their length, add nothing.
const DEPENDENT: f64 = 1e-7;
/// A larger support must lower the sum of squares by this share: collinear columns do not.
const BETTER: f64 = 1e-9;
/// Sums of squares below this share of the target's are rounding.
const ROUNDING: f64 = 1e-24;

/// Non-negative `x` that minimises `Σ (rows·x - target)²`, zero outside the supports allowed.
///
/// The best such `x` is the ordinary least-squares solution on the columns where it is positive, so trying
/// every set of columns finds it; with the few columns of our models that is exact and cheap. Of equally good
/// sets the one with the fewest columns is taken. `allowed` says whether a set, one bit a column, has a
/// meaning. Rows beyond the shorter of the two slices are ignored. `None` where no set gives a finite solution.
#[must_use]
pub fn solve<const N: usize>(
    rows: &[[f64; N]],
    target: &[f64],
    allowed: impl Fn(usize) -> bool,
) -> Option<[f64; N]> {
    let length = rows.len().min(target.len());
    let (rows, target) = (rows.get(..length)?, target.get(..length)?);
    let mut supports: Vec<usize> = (1..1_usize << N).filter(|mask| allowed(*mask)).collect();
    supports.sort_by_key(|mask| mask.count_ones());
    let rounding = ROUNDING * dot(target, target);
    let mut best: Option<([f64; N], f64)> = None;
    for mask in supports {
        let chosen: Vec<usize> = (0..N).filter(|column| mask >> column & 1 == 1).collect();
        let columns: Vec<Vec<f64>> = chosen
            .iter()
            .map(|column| rows.iter().filter_map(|row| row.get(*column).copied()).collect())
            .collect();
        let Some(found) = least_squares(columns, target) else { continue };
        if !found.iter().all(|value| value.is_finite() && *value >= 0.0) {
            continue;
        }
        let mut x = [0.0; N];
        for (column, value) in chosen.iter().zip(&found) {
            if let Some(place) = x.get_mut(*column) {
                *place = *value;
            }
        }
        let squares = sum_of_squares(rows, target, &x);
        let least = best.as_ref().map_or(f64::INFINITY, |(_, least)| *least);
        if squares.is_finite() && squares + rounding < least * (1.0 - BETTER) {
            best = Some((x, squares));
        }
    }
    best.map(|(x, _)| x)
}

fn sum_of_squares<const N: usize>(rows: &[[f64; N]], target: &[f64], x: &[f64; N]) -> f64 {
    rows.iter().zip(target).map(|(row, target)| (dot(row, x) - target).powi(2)).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Ordinary least squares by orthogonalisation, each column scaled to length 1 and orthogonalised twice. `None`
/// where the columns depend on each other.
fn least_squares(columns: Vec<Vec<f64>>, target: &[f64]) -> Option<Vec<f64>> {
    if columns.len() > target.len() {
        return None;
    }
    let mut basis: Vec<Vec<f64>> = vec![];
    // For each column its length, its coordinates in the basis before it, and what is left of it.
    let mut triangle: Vec<(f64, Vec<f64>, f64)> = vec![];
    for column in columns {
        let length = dot(&column, &column).sqrt();
        let mut rest: Vec<f64> = column.iter().map(|value| value / length).collect();
        let mut coordinates = vec![0.0; basis.len()];
        for _ in 0..2 {
            for (direction, coordinate) in basis.iter().zip(&mut coordinates) {
                let along = dot(direction, &rest);
                *coordinate += along;
                for (value, unit) in rest.iter_mut().zip(direction) {
                    *value -= along * unit;
                }
            }
        }
        let left = dot(&rest, &rest).sqrt();
        // Written so that a NaN fails.
        let independent = left > DEPENDENT;
        if !independent {
            return None;
        }
        basis.push(rest.iter().map(|value| value / left).collect());
        triangle.push((length, coordinates, left));
    }
    let mut right: Vec<f64> = basis.iter().map(|direction| dot(direction, target)).collect();
    let mut solution = vec![];
    for (length, coordinates, left) in triangle.iter().rev() {
        let value = right.pop()? / left;
        for (rest, coordinate) in right.iter_mut().zip(coordinates) {
            *rest -= value * coordinate;
        }
        solution.push(value / length);
    }
    solution.reverse();
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [[f64; 4]; 7] = [
        [1.0, 3.2, 0.4, 12.0],
        [1.0, 1.1, 1.1, 2.5],
        [1.0, 8.0, 0.2, 3.0],
        [1.0, 0.3, 0.3, 7.5],
        [1.0, 5.5, 2.2, 30.0],
        [1.0, 2.0, 0.9, 0.5],
        [1.0, 9.1, 1.7, 11.0],
    ];

    #[test]
    fn it_agrees_with_scipy() {
        // scipy 1.17.1 optimize.nnls on the same rows.
        for (target, expected) in [
            (
                [5.1, 3.9, 11.2, 2.2, 12.4, 4.4, 13.0],
                [
                    1.046_454_943_082_103_5,
                    1.108_416_480_273_764_2,
                    1.088_038_484_629_910_7,
                    0.076_848_007_202_224_97,
                ],
            ),
            ([1.0, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0], [4.857_142_857_142_856, 0.0, 0.0, 0.0]),
            (
                [30.0, 8.0, 9.0, 20.0, 75.0, 3.0, 35.0],
                [
                    0.022_032_398_860_551_91,
                    0.399_784_594_183_302_9,
                    2.229_180_278_609_942,
                    2.300_956_949_823_700_4,
                ],
            ),
        ] {
            let found = solve(&ROWS, &target, |_| true).unwrap();
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-10, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn parameters_that_would_be_negative_are_exactly_zero() {
        // Three rows, three unknowns, by hand: 2, -1, 0.5. Without the second, the least squares of 0.5 x = 1 and
        // 1 x = 1 are x = 1.5 / 1.25.
        let rows = [[0.5, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]];
        let found = solve(&rows, &[1.0; 3], |_| true).unwrap();
        assert_eq!(found[1], 0.0);
        assert!((found[0] - 1.2).abs() < 1e-12 && (found[2] - 0.5).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn collinear_columns_leave_the_first() {
        let rows: Vec<[f64; 3]> = (1..6).map(|n| [1.0, f64::from(n), 12.0 * f64::from(n)]).collect();
        let target: Vec<f64> = (1..6).map(|n| 2.0 + 3.0 * f64::from(n)).collect();
        let found = solve(&rows, &target, |_| true).unwrap();
        assert!((found[0] - 2.0).abs() < 1e-9 && (found[1] - 3.0).abs() < 1e-9);
        assert_eq!(found[2], 0.0);
    }

    #[test]
    fn a_set_that_means_nothing_is_not_taken() {
        let target = ROWS.map(|row| 2.0 * row[2]);
        assert!((solve(&ROWS, &target, |_| true).unwrap()[2] - 2.0).abs() < 1e-9);
        assert_eq!(solve(&ROWS, &target, |set| set & 0b100 == 0).unwrap()[2], 0.0);
        assert_eq!(solve(&ROWS, &target, |set| set == 0b1000).unwrap()[..3], [0.0; 3]);
    }

    #[test]
    fn what_cannot_be_solved_has_no_solution() {
        assert_eq!(solve::<2>(&[], &[], |_| true), None);
        assert_eq!(solve(&[[0.0, 0.0]; 3], &[1.0; 3], |_| true), None);
        assert_eq!(solve(&[[f64::NAN, 1.0]; 3], &[f64::NAN; 3], |_| true), None);
        assert_eq!(solve(&[[1.0, 2.0]; 3], &[-1.0; 3], |_| true), None, "only negative parameters would fit");
    }
}
