use crate::spacegroup::{AsymmetricUnit, Error, SpaceGroup};
use core::ops::Range;

/// Rows of a table grouped by their unique Miller index.
///
/// Groups are in ascending order of the unique index, members in the order of the rows they were made from; both are therefore the same
/// on every machine.
#[derive(Debug, Clone, Default)]
pub struct Equivalents {
    /// Unique index of each group.
    pub hkl: Vec<[i32; 3]>,
    /// Whether the reflections of each group are centric.
    pub centric: Vec<bool>,
    /// Whether symmetry forbids the reflections of each group.
    pub absent: Vec<bool>,
    /// Row of each member.
    pub rows: Vec<u32>,
    /// Whether each member is a Friedel mate of the unique index, I(−). Never so for centric reflections.
    pub minus: Vec<bool>,
    /// Group of each member.
    pub group_of: Vec<u32>,
    starts: Vec<u32>,
}

impl Equivalents {
    /// Groups `rows` by the index `hkl[row]` under `group`'s point symmetry with Friedel's law.
    ///
    /// # Errors
    /// When the operations are those of no point group.
    pub fn new(group: &SpaceGroup, hkl: &[[i32; 3]], rows: &[u32]) -> Result<Self, Error> {
        let asu = AsymmetricUnit::new(group)?;
        let mut keyed: Vec<([i32; 3], u32, bool)> = rows
            .iter()
            .map(|&row| {
                let (unique, isym) = asu.map(hkl[row as usize]);
                (unique, row, isym % 2 == 0)
            })
            .collect();
        keyed.sort_by_key(|&(unique, row, _)| (unique, row));
        let mut out = Equivalents { starts: vec![0], ..Equivalents::default() };
        for (unique, row, minus) in keyed {
            if out.hkl.last() != Some(&unique) {
                if !out.hkl.is_empty() {
                    out.starts.push(out.rows.len() as u32);
                }
                out.hkl.push(unique);
                out.centric.push(group.is_centric(unique));
                out.absent.push(group.is_absent(unique));
            }
            out.rows.push(row);
            out.group_of.push(out.hkl.len() as u32 - 1);
            out.minus.push(minus && !out.centric[out.hkl.len() - 1]);
        }
        if !out.hkl.is_empty() {
            out.starts.push(out.rows.len() as u32);
        }
        Ok(out)
    }

    /// The same with I(+) and I(−) in groups of their own (next to each other, with the same unique index).
    pub fn friedel_apart(&self) -> Self {
        let mut out = Equivalents { starts: vec![0], ..Equivalents::default() };
        for i in 0..self.len() {
            for sign in [false, true] {
                let own = self.members(i).filter(|&j| self.minus[j] == sign);
                let before = out.rows.len();
                out.rows.extend(own.map(|j| self.rows[j]));
                let n = out.rows.len() - before;
                if n > 0 {
                    out.minus.extend(core::iter::repeat_n(sign, n));
                    out.group_of.extend(core::iter::repeat_n(out.hkl.len() as u32, n));
                    out.hkl.push(self.hkl[i]);
                    out.centric.push(self.centric[i]);
                    out.absent.push(self.absent[i]);
                    out.starts.push(out.rows.len() as u32);
                }
            }
        }
        out
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.hkl.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hkl.is_empty()
    }

    /// Positions of the members of group `i` in `rows` and `minus`.
    pub fn members(&self, i: usize) -> Range<usize> {
        self.starts[i] as usize..self.starts[i + 1] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn friedel_mates_share_a_group_and_are_told_apart() {
        let group = SpaceGroup::from_name("P 21 21 21").unwrap();
        let hkl = [[-1, -2, 3], [1, 2, -3], [1, 2, 0], [-1, 2, 0], [1, 1, 1]];
        let e = Equivalents::new(&group, &hkl, &[0, 1, 2, 3]).unwrap();
        assert_eq!(e.hkl, [[1, 2, 0], [1, 2, 3]]);
        assert_eq!((&e.rows[e.members(1)], &e.minus[e.members(1)]), (&[0u32, 1][..], &[false, true][..]));
        assert_eq!((e.centric[0], &e.minus[e.members(0)]), (true, &[false, false][..]));
        assert!(Equivalents::new(&group, &hkl, &[]).unwrap().is_empty());
        let apart = e.friedel_apart();
        assert_eq!(apart.hkl, [[1, 2, 0], [1, 2, 3], [1, 2, 3]]);
        assert_eq!((&apart.rows, &apart.group_of), (&vec![2, 3, 0, 1], &vec![0, 0, 1, 2]));
    }
}
