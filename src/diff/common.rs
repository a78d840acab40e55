//! A long common subsequence of two sequences, in time that grows with their length.

/// The most insertions and deletions that are searched through for the shortest way. Beyond them the search commits
/// itself to the way that came furthest, and goes on from there.
const SEARCH: usize = 2048;

/// Places of equal elements in `a` and `b`, both rising: the longest such list where at most [`SEARCH`] elements are
/// in one sequence and not in the other, else a long one.
///
/// Source: E. W. Myers, "An O(ND) Difference Algorithm and Its Variations", Algorithmica 1 (1986). With the bound it
/// takes time of order `(a.len() + b.len()) · SEARCH`, and memory of order `SEARCH²`.
pub fn common(a: &[u32], b: &[u32]) -> Vec<(usize, usize)> {
    let mut found = vec![];
    let (mut x, mut y) = (0, 0);
    loop {
        let (Some(rest_a), Some(rest_b)) = (a.get(x..), b.get(y..)) else { return found };
        if rest_a.is_empty() || rest_b.is_empty() {
            return found;
        }
        let (advance_x, advance_y) = leg(rest_a, rest_b, &mut |place_a, place_b| {
            found.push((x + place_a, y + place_b));
        });
        // The bound makes every leg advance: it is longer than none.
        if advance_x + advance_y == 0 {
            return found;
        }
        x += advance_x;
        y += advance_y;
    }
}

/// A way through both sequences, and where it has come to.
type Place = (usize, usize);

/// For each number of edits, the furthest place in `a` on each diagonal that they lead to; `None` where the way leaves
/// a sequence. Entry `step` of row `edits` is on the diagonal `x - y = 2·step - edits`.
struct Reach<'s> {
    a: &'s [u32],
    b: &'s [u32],
    rows: Vec<Vec<Option<usize>>>,
}

/// Walks from the start of both as far as [`SEARCH`] edits lead, tells the equal elements on the way, and says how
/// far it came in each.
fn leg(a: &[u32], b: &[u32], tell: &mut impl FnMut(usize, usize)) -> Place {
    let mut reach = Reach { a, b, rows: vec![] };
    loop {
        let furthest = reach.one_more_edit();
        let edits = reach.rows.len() - 1;
        if furthest == (a.len(), b.len()) || edits == SEARCH {
            reach.trace(furthest, tell);
            return furthest;
        }
    }
}

impl Reach<'_> {
    /// Fills the next row, and says which place of it is furthest; of several, the one nearest the middle.
    fn one_more_edit(&mut self) -> Place {
        let edits = self.rows.len();
        let mut furthest = (0, 0);
        let rank = |(x, y): Place| (x + y, std::cmp::Reverse(x.abs_diff(y)));
        let row = (0..=edits).map(|step| {
            let (x, _) = self.entry(edits, step)?;
            let y = (x + edits).checked_sub(2 * step)?;
            let equal = tail(self.a, x).iter().zip(tail(self.b, y)).take_while(|(a, b)| a == b).count();
            let end = (x + equal, y + equal);
            if rank(end) > rank(furthest) {
                furthest = end;
            }
            Some(end.0)
        });
        let row = row.collect();
        self.rows.push(row);
        furthest
    }

    /// Where the way of so many edits enters a diagonal, and by which edit: from the diagonal below by leaving out an
    /// element of `a`, from the one above by one of `b`, whichever comes further.
    fn entry(&self, edits: usize, step: usize) -> Option<(usize, Edit)> {
        let Some(before) = edits.checked_sub(1) else { return Some((0, Edit::Start)) };
        let row = self.rows.get(before)?;
        let at = |step: usize| row.get(step).copied().flatten();
        let of_a = step.checked_sub(1).and_then(at).map(|x| x + 1).filter(|x| *x <= self.a.len());
        let of_b = at(step).filter(|x| (x + edits).checked_sub(2 * step).is_some_and(|y| y <= self.b.len()));
        match (of_a, of_b) {
            (Some(x), other) if other.is_none_or(|other| x > other) => Some((x, Edit::OfA)),
            (_, Some(x)) => Some((x, Edit::OfB)),
            _ => None,
        }
    }

    /// Walks back from an end of the last row and tells the equal elements, the first one first.
    fn trace(&self, (mut x, mut y): Place, tell: &mut impl FnMut(usize, usize)) {
        let mut pairs = vec![];
        for edits in (0..self.rows.len()).rev() {
            let Some(twice) = (x + edits).checked_sub(y) else { break };
            let Some((entry, edit)) = self.entry(edits, twice / 2) else { break };
            while x > entry && y > 0 {
                x -= 1;
                y -= 1;
                pairs.push((x, y));
            }
            match edit {
                Edit::Start => break,
                Edit::OfA => x = x.saturating_sub(1),
                Edit::OfB => y = y.saturating_sub(1),
            }
        }
        for (place_a, place_b) in pairs.into_iter().rev() {
            tell(place_a, place_b);
        }
    }
}

/// How a way enters a diagonal.
#[derive(Clone, Copy)]
enum Edit {
    Start,
    OfA,
    OfB,
}

fn tail(sequence: &[u32], from: usize) -> &[u32] {
    sequence.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Length of the longest common subsequence, by the textbook's table.
    fn longest(a: &[u32], b: &[u32]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                table[i + 1][j + 1] =
                    if x == y { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
            }
        }
        table[a.len()][b.len()]
    }

    fn assert_common(a: &[u32], b: &[u32], pairs: &[(usize, usize)]) {
        assert!(pairs.is_sorted_by(|p, q| p.0 < q.0 && p.1 < q.1), "{a:?} {b:?} {pairs:?}");
        assert!(pairs.iter().all(|(i, j)| a[*i] == b[*j]), "{a:?} {b:?} {pairs:?}");
    }

    proptest! {
        #[test]
        fn short_sequences_get_their_longest_common_subsequence(
            a in prop::collection::vec(0u32..4, 0..40),
            b in prop::collection::vec(0u32..4, 0..40),
        ) {
            let pairs = common(&a, &b);
            assert_common(&a, &b, &pairs);
            prop_assert_eq!(pairs.len(), longest(&a, &b));
        }
    }

    #[test]
    fn unlike_sequences_are_walked_through_leg_by_leg() {
        // Nothing in common for 3,000 elements, then 500 that are the same.
        let a: Vec<u32> = (0..3_000).chain(10_000..10_500).collect();
        let b: Vec<u32> = (5_000..8_000).chain(10_000..10_500).collect();
        let pairs = common(&a, &b);
        assert_common(&a, &b, &pairs);
        assert_eq!(pairs.len(), 500);
    }

    #[test]
    fn equal_sequences_of_any_length_are_equal() {
        let a: Vec<u32> = (0..20_000).map(|n| n % 7).collect();
        assert_eq!(common(&a, &a).len(), a.len());
    }
}
