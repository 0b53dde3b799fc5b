//! Free-R flags kept from another file, so that models refined against either can be compared.

use super::free::{FreeFlags, LatticeClass, hash};
use super::merged::level_at;
use crate::format::mtz::{self, Mtz};
use crate::geometry::UnitCell;
use crate::merging::Correlation;
use crate::spacegroup::{AsymmetricUnit, SpaceGroup, SymOp};
use std::collections::{BTreeMap, HashMap};

/// Why flags cannot be kept.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FreeError {
    /// The file was not given.
    #[error("free_flags_from={file}: there is no such file among those given; add it to them")]
    NoFile {
        /// The file.
        file: String,
    },
    /// It could not be read.
    #[error("free_flags_from={file}: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// It has no flags.
    #[error("free_flags_from={file}: none of its columns ({columns}) holds free-R flags; they are called FreeR_flag, FREE or R-free-flags")]
    NoFlags {
        /// The file.
        file: String,
        /// Its columns.
        columns: String,
    },
    /// All flags are equal.
    #[error("free_flags_from={file}: all flags in {column} are the same, so that there is no free set")]
    OneValue {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// Another crystal form.
    #[error(
        "free_flags_from={file}: its cell ({theirs}) is not that of these data ({ours}); flags can be kept only for the same crystal form, \
         indexed alike"
    )]
    Cell {
        /// The file.
        file: String,
        /// Its cell.
        theirs: String,
        /// The cell of the data.
        ours: String,
    },
    /// Another symmetry.
    #[error(
        "free_flags_from={file}: its symmetry ({theirs}) lacks operations of that of these data ({ours}), so that equivalent reflections could \
         have different flags"
    )]
    Symmetry {
        /// The file.
        file: String,
        /// Its space group.
        theirs: String,
        /// The space group of the data.
        ours: String,
    },
    /// Indexed in another of several ways that the lattice allows.
    #[error(
        "free_flags_from={file}: it is indexed in another way that the lattice allows: its intensities agree with these data after {operator} \
         (CC {there:.2}), not as they are (CC {here:.2}). Reindex one of them by {operator}"
    )]
    Indexing {
        /// The file.
        file: String,
        /// The rotation that brings them together.
        operator: String,
        /// CC as indexed.
        here: f64,
        /// CC after the rotation.
        there: f64,
    },
    /// Symmetry of no use.
    #[error(transparent)]
    SpaceGroup(#[from] crate::spacegroup::Error),
}

/// The flags of another file.
#[derive(Debug, Clone)]
pub struct FreeReference {
    file: String,
    cell: UnitCell,
    group: SpaceGroup,
    /// Flag by unique index of its own group.
    flags: BTreeMap<[i32; 3], i32>,
    /// Intensity (or squared amplitude) by unique index.
    intensity: HashMap<[i32; 3], f64>,
    free: i32,
    values: Vec<i32>,
    fraction: f64,
}

/// Labels of columns of free-R flags, in the order in which they are looked for (any case).
const LABELS: [&str; 9] = ["freer_flag", "freerflag", "free", "rfree", "r-free-flags", "r_free_flags", "free_flag", "freer", "test"];
/// Labels of intensities and amplitudes.
const INTENSITIES: [&str; 4] = ["IMEAN", "I", "IOBS", "I-obs"];
const AMPLITUDES: [&str; 5] = ["F", "FP", "FOBS", "F-obs", "FMEAN"];

/// Cells that differ by more (relative, degrees) are those of different crystal forms.
const CELL: (f64, f64) = (0.05, 3.0);
/// Difference that is worth a word.
const NOTED: f64 = 0.01;

impl FreeReference {
    /// From the bytes of an MTZ file.
    ///
    /// Where the flags are 0 and 1 only (as Phenix writes), the rarer is the free set; else 0 is (as CCP4 has it).
    ///
    /// # Errors
    /// A file that is no MTZ file, or has no usable flags.
    pub fn from_mtz(file: &str, bytes: &[u8]) -> Result<Self, FreeError> {
        let unreadable = |e: &dyn std::fmt::Display| FreeError::Unreadable { file: file.to_owned(), reason: e.to_string() };
        let mtz = Mtz::from_bytes(bytes).map_err(|e: mtz::Error| unreadable(&e))?;
        let wanted = LABELS.iter().find_map(|l| mtz.columns.iter().find(|c| c.label.eq_ignore_ascii_case(l)));
        let column = wanted.or_else(|| mtz.columns.iter().find(|c| c.kind == 'I' && c.label.to_ascii_lowercase().contains("free")));
        let Some(column) = column else {
            let columns = mtz.columns.iter().map(|c| c.label.as_str()).collect::<Vec<_>>().join(", ");
            return Err(FreeError::NoFlags { file: file.to_owned(), columns });
        };
        let cell = UnitCell::new(mtz.cell).map_err(|e| unreadable(&e))?;
        let group = mtz.symmetry.group().map_err(|e| unreadable(&e))?;
        let hkl = mtz.indices().map_err(|e| unreadable(&e))?;
        let unit = AsymmetricUnit::new(&group)?;
        let unique: Vec<[i32; 3]> = hkl.iter().map(|h| unit.map(*h).0).collect();
        let mut flags = BTreeMap::new();
        for (h, v) in unique.iter().zip(&column.values).filter(|(_, v)| v.is_finite()) {
            flags.entry(*h).or_insert(v.round() as i32);
        }
        let mut count: BTreeMap<i32, usize> = BTreeMap::new();
        flags.values().for_each(|v| *count.entry(*v).or_default() += 1);
        if count.len() < 2 {
            return Err(FreeError::OneValue { file: file.to_owned(), column: column.label.clone() });
        }
        let two = count.len() == 2;
        let rarer = count.iter().min_by_key(|(_, n)| **n).map_or(0, |(v, _)| *v);
        let free = if two || !count.contains_key(&0) { rarer } else { 0 };
        let fraction = count[&free] as f64 / flags.len() as f64;
        let find = |labels: &[&str]| labels.iter().find_map(|l| mtz.column(l));
        let intensities = find(&INTENSITIES).map(|c| (c, false)).or_else(|| find(&AMPLITUDES).map(|c| (c, true)));
        let intensity = intensities.map_or_else(HashMap::new, |(c, square)| {
            let value = |v: f32| if square { f64::from(v) * f64::from(v) } else { f64::from(v) };
            unique.iter().zip(&c.values).filter(|(_, v)| v.is_finite()).map(|(h, v)| (*h, value(*v))).collect()
        });
        Ok(FreeReference { file: file.to_owned(), cell, group, flags, intensity, free, values: count.into_keys().collect(), fraction })
    }

    /// Flags of the reflections `hkl` (unique, of intensities `mean`): those of the file where it has them. A reflection that is new gets the flag of
    /// those that the lattice makes equivalent to it, or else one drawn in the file's proportion by a hash of its index.
    ///
    /// Returns also what was done, and what may be wrong.
    ///
    /// # Errors
    /// When the file is one of another crystal form, of lower symmetry, or indexed otherwise.
    pub fn extended(
        &self,
        hkl: &[[i32; 3]],
        mean: &[[f64; 2]],
        group: &SpaceGroup,
        cell: &UnitCell,
    ) -> Result<(FreeFlags, String, Option<String>), FreeError> {
        let warning = self.check_form(group, cell)?;
        let unit = AsymmetricUnit::new(&self.group)?;
        let class = LatticeClass::new(group, cell)?;
        self.check_indexing(hkl, mean, group, cell, &class, &unit)?;
        // Classes whose known members agree.
        let mut known: HashMap<[i32; 3], Option<i32>> = HashMap::new();
        for (h, flag) in &self.flags {
            known.entry(class.of(*h)).and_modify(|f| *f = f.filter(|f| f == flag)).or_insert(Some(*flag));
        }
        let others: Vec<i32> = self.values.iter().copied().filter(|v| *v != self.free).collect();
        let drawn = |class: [i32; 3]| {
            let x = hash(class);
            // The upper half decides about free, the lower one which of the other values it is.
            if (x >> 32) as f64 / 4_294_967_296.0 < self.fraction { self.free } else { others[(x as u32) as usize % others.len()] }
        };
        let mut new = 0usize;
        let values: Vec<i32> = hkl
            .iter()
            .map(|h| {
                self.flags.get(&unit.map(*h).0).copied().unwrap_or_else(|| {
                    new += 1;
                    let class = class.of(*h);
                    known.get(&class).copied().flatten().unwrap_or_else(|| drawn(class))
                })
            })
            .collect();
        let free = values.iter().filter(|v| **v == self.free).count();
        let done = format!(
            "free-R flags of {} reflections are those of {}, {new} new ones were drawn alike; {:.1} % are free (flag {})",
            hkl.len() - new,
            self.file,
            100.0 * free as f64 / hkl.len().max(1) as f64,
            self.free
        );
        Ok((FreeFlags { values, free: self.free }, done, warning))
    }

    fn check_form(&self, group: &SpaceGroup, cell: &UnitCell) -> Result<Option<String>, FreeError> {
        let (a, b) = (self.cell, *cell);
        let length = (0..3).map(|i| (a.lengths[i] / b.lengths[i] - 1.0).abs()).fold(0.0, f64::max);
        let angle = (0..3).map(|i| (a.angles_deg[i] - b.angles_deg[i]).abs()).fold(0.0, f64::max);
        if length > CELL.0 || angle > CELL.1 {
            return Err(FreeError::Cell { file: self.file.clone(), theirs: a.to_string(), ours: b.to_string() });
        }
        let theirs = self.group.patterson();
        if !group.patterson().rotations().iter().all(|r| theirs.has_rotation(r)) {
            return Err(FreeError::Symmetry { file: self.file.clone(), theirs: self.group.symbol(), ours: group.symbol() });
        }
        Ok((length > NOTED).then(|| {
            format!(
                "the cell of {} differs by {:.1} % from that of these data; its free-R flags were kept by index",
                self.file,
                100.0 * length
            )
        }))
    }

    /// Compares intensities as indexed and after each further rotation of the lattice.
    fn check_indexing(
        &self,
        hkl: &[[i32; 3]],
        mean: &[[f64; 2]],
        group: &SpaceGroup,
        cell: &UnitCell,
        class: &LatticeClass,
        unit: &AsymmetricUnit,
    ) -> Result<(), FreeError> {
        const FEWEST: u64 = 100;
        /// How much better another way of indexing must be.
        const BETTER: f64 = 0.2;
        let Some(lattice) = class.symmetry() else { return Ok(()) };
        let own = group.patterson();
        // The fall with resolution alone would correlate anything.
        let d: Vec<f64> = hkl.iter().map(|h| cell.d(*h)).collect();
        let ours = level_at(&d, &mean.iter().map(|m| m[0]).collect::<Vec<_>>());
        let (keys, values): (Vec<[i32; 3]>, Vec<f64>) = {
            let mut sorted: Vec<_> = self.intensity.iter().map(|(h, v)| (*h, *v)).collect();
            sorted.sort_by_key(|p| p.0);
            sorted.into_iter().unzip()
        };
        let level = level_at(&keys.iter().map(|h| self.cell.d(*h)).collect::<Vec<_>>(), &values);
        let theirs: HashMap<[i32; 3], f64> = keys.iter().zip(values.iter().zip(&level)).map(|(h, (v, l))| (*h, v / l)).collect();
        let correlation = |turn: &dyn Fn([i32; 3]) -> [i32; 3]| {
            let mut c = Correlation::default();
            for (i, h) in hkl.iter().enumerate() {
                let y = theirs.get(&unit.map(turn(*h)).0).copied().unwrap_or(f64::NAN);
                let x = mean[i][0] / ours[i];
                // The strongest would decide alone.
                if x.is_finite() && y.is_finite() {
                    c.add(x.clamp(-1.0, 5.0), y.clamp(-1.0, 5.0));
                }
            }
            c
        };
        let here = correlation(&|h| h);
        let Some(now) = here.coefficient().filter(|_| here.n >= FEWEST) else { return Ok(()) };
        let mut best: Option<(f64, String)> = None;
        for op in lattice.ops().iter().filter(|op| !own.has_rotation(&op.rotation)) {
            let there = correlation(&|h| op.apply_to_hkl(h));
            if let Some(cc) = there.coefficient().filter(|cc| *cc > now + BETTER && best.as_ref().is_none_or(|b| *cc > b.0)) {
                // Indices are rows: h′ⱼ = Σ hₖ Wₖⱼ.
                let columns = core::array::from_fn(|j| core::array::from_fn(|k| op.rotation[k][j]));
                let text = SymOp::from_rotation(columns).triplet();
                best = Some((cc, text.replace('x', "h").replace('y', "k").replace('z', "l")));
            }
        }
        match best {
            Some((there, operator)) => Err(FreeError::Indexing { file: self.file.clone(), operator, here: now, there }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::scramble_all;

    const CELL: [f64; 6] = [50.0, 50.0, 70.0, 90.0, 90.0, 90.0];

    fn group(name: &str) -> SpaceGroup {
        SpaceGroup::from_name(name).unwrap()
    }

    /// Unique indices of P 4 and intensities that have nothing to do with each other.
    fn reflections() -> (Vec<[i32; 3]>, Vec<[f64; 2]>) {
        let unit = AsymmetricUnit::new(&group("P 4")).unwrap();
        let hkl: Vec<[i32; 3]> = (0..8000).map(|i| [i / 400, i / 20 % 20, i % 20]).filter(|h| *h != [0; 3] && unit.contains(*h)).collect();
        let mean = hkl.iter().map(|h| [1.0 + (scramble_all(7, h) % 1000) as f64, 1.0]).collect();
        (hkl, mean)
    }

    fn file(name: &str, cell: [f64; 6], rows: impl Fn(&[i32; 3]) -> Option<([i32; 3], i32)>) -> FreeReference {
        let (hkl, mean) = reflections();
        let rows: Vec<([i32; 3], i32, f64)> = hkl.iter().zip(&mean).filter_map(|(h, m)| rows(h).map(|(h, f)| (h, f, m[0]))).collect();
        let mut mtz = Mtz::new(&group(name), cell, 1.0, ["P", "X", "D"]);
        mtz.push_indices(&rows.iter().map(|r| r.0).collect::<Vec<_>>());
        mtz.push("IMEAN", 'J', rows.iter().map(|r| r.2 as f32));
        mtz.push("FreeR_flag", 'I', rows.iter().map(|r| r.1 as f32));
        FreeReference::from_mtz("old.mtz", &mtz.to_bytes().unwrap()).unwrap()
    }

    #[test]
    fn known_flags_stay_and_new_ones_follow_the_lattice() {
        let (hkl, mean) = reflections();
        let cell = UnitCell::new(CELL).unwrap();
        // Every other layer is known.
        let flag = |h: &[i32; 3]| (scramble_all(9, &[h[0].min(h[1]), h[0].max(h[1]), h[2]]) % 10) as i32;
        let old = file("P 4", CELL, |h| (h[2] % 2 == 0 && (h[0] >= h[1] || h[2] > 8)).then(|| (*h, flag(h))));
        let (flags, done, warning) = old.extended(&hkl, &mean, &group("P 43"), &cell).unwrap();
        assert_eq!((flags.free, warning), (0, None));
        assert!(done.contains("old.mtz"), "{done}");
        for (h, f) in hkl.iter().zip(&flags.values) {
            // Known itself, or its mate under the lattice's two-fold is; a mate of those on an axis is one under the four-fold.
            if h[2] % 2 == 0 && h[0] > 0 && h[1] > 0 {
                assert_eq!(*f, flag(h), "{h:?}");
            }
            assert!((0..10).contains(f));
        }
        let free = flags.values.iter().filter(|f| **f == 0).count() as f64 / hkl.len() as f64;
        assert!((free - 0.1).abs() < 0.02, "{free}");
    }

    #[test]
    fn the_rarer_of_two_values_is_free() {
        let (hkl, mean) = reflections();
        let old = file("P 4", CELL, |h| Some((*h, i32::from(scramble_all(9, h).is_multiple_of(20)))));
        let (flags, ..) = old.extended(&hkl, &mean, &group("P 4"), &UnitCell::new(CELL).unwrap()).unwrap();
        assert_eq!(flags.free, 1);
    }

    #[test]
    fn other_crystals_and_other_ways_of_indexing_are_refused() {
        let (hkl, mean) = reflections();
        let cell = UnitCell::new(CELL).unwrap();
        let flag = |h: &[i32; 3]| (scramble_all(9, h) % 10) as i32;
        let told = |old: FreeReference| old.extended(&hkl, &mean, &group("P 4"), &cell).unwrap_err();
        let long = file("P 4", [50.0, 50.0, 80.0, 90.0, 90.0, 90.0], |h| Some((*h, flag(h))));
        assert!(matches!(told(long), FreeError::Cell { .. }));
        let low = file("P 1", CELL, |h| Some((*h, flag(h))));
        assert!(matches!(told(low), FreeError::Symmetry { .. }));
        let turned = file("P 4", CELL, |h| Some(([h[1], h[0], -h[2]], flag(h))));
        match told(turned) {
            FreeError::Indexing { operator, here, there, .. } => {
                assert!(there > 0.9 && here < 0.3, "{here} {there}");
                assert!(
                    ["k,h,-l", "-k,-h,-l", "h,-k,-l", "-h,k,-l", "k,h,l", "-k,-h,l", "h,-k,l", "-h,k,l"].contains(&operator.as_str()),
                    "{operator}"
                );
            }
            other => panic!("{other}"),
        }
        let same = file("P 4 2 2", CELL, |h| (h[0] >= h[1]).then(|| (*h, flag(h))));
        assert!(same.extended(&hkl, &mean, &group("P 4"), &cell).is_ok());
    }

    #[test]
    fn files_without_flags_say_what_they_have() {
        let mut mtz = Mtz::new(&group("P 4"), CELL, 1.0, ["P", "X", "D"]);
        mtz.push_indices(&[[1, 2, 3]]);
        mtz.push("IMEAN", 'J', [1.0]);
        let told = FreeReference::from_mtz("a.mtz", &mtz.to_bytes().unwrap()).unwrap_err().to_string();
        assert!(told.contains("a.mtz") && told.contains("IMEAN"), "{told}");
        assert!(FreeReference::from_mtz("b.txt", b"no").is_err());
    }
}
