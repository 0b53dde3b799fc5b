//! A random crystal of known symmetry.

use super::cells;
use super::structure::{PseudoSymmetry, Structure};
use crate::crystal::{mix, uniform};
use ewald_core::geometry::UnitCell;
use ewald_core::spacegroup::lattice::{lattice_group, minimum_cell};
use ewald_core::spacegroup::{AsymmetricUnit, ChangeOfBasis, IntMatrix, LaueClass, SpaceGroup, SymOp, table};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What makes the symmetry of a crystal hard to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing. The lattice may nevertheless have rotations that the crystal has not, as P 4 does.
    Plain,
    /// A lattice that is, almost, of higher symmetry.
    Metric,
    /// Atoms that are, almost, repeated by a rotation of the lattice.
    PseudoSymmetry,
    /// A second crystal, turned by a rotation of the lattice, diffracts to the same places.
    Twin,
}

/// A random crystal and how it is measured.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its number.
    pub number: usize,
    /// Seed of everything about it.
    pub seed: u64,
    /// What was made hard.
    pub kind: Kind,
    /// Its space group, with the axes of the reference setting.
    pub symbol: String,
    /// Conventional cell.
    pub cell: UnitCell,
    /// Its space group with the axes that the indices refer to: a reduced cell.
    pub group: SpaceGroup,
    /// The reduced cell.
    pub reduced: UnitCell,
    /// Rotations of the reduced lattice, the group's among them.
    pub lattice: Vec<IntMatrix>,
    /// The rotation of pseudo-symmetry or twin.
    pub relation: Option<IntMatrix>,
    /// Part of the second crystal in a twin, 0 to 1/2.
    pub twin_fraction: f64,
    /// How far pseudo-symmetry misses, Å (rms).
    pub displacement: f64,
    /// Finest resolution, Å.
    pub d_min: f64,
    /// Fall-off of the intensities, Å².
    pub wilson_b: f64,
    /// Rotation of the crystal, degrees.
    pub degrees: f64,
    /// Mean counts of a reflection.
    pub mean_counts: f64,
    /// Variance of the background under a reflection, counts².
    pub background: f64,
    /// Errors of the instrument, relative.
    pub instability: f64,
    /// By how much absorption changes intensities, relative.
    pub absorption: f64,
    pub(super) structure: Structure,
    pub(super) unit: AsymmetricUnit,
}

/// Laue classes in the order in which trials take turns.
const CLASSES: [LaueClass; 11] = [
    LaueClass::L1,
    LaueClass::L2m,
    LaueClass::Lmmm,
    LaueClass::L4m,
    LaueClass::L4mmm,
    LaueClass::L3,
    LaueClass::L3m,
    LaueClass::L6m,
    LaueClass::L6mmm,
    LaueClass::Lm3,
    LaueClass::Lm3m,
];
/// Misfit of a lattice's two-fold axes, degrees: what the stage allows.
const MAX_DELTA_DEG: f64 = 2.0;
/// Twin fractions. A second crystal of more than 35 % makes its law look like a symmetry, whose truth intensities alone do not tell.
const TWIN_FRACTIONS: [f64; 2] = [0.08, 0.35];

/// Rotation below which nobody would call it a data set, for a crystal without symmetry, degrees.
const LEAST_DEG: f64 = 120.0;

impl Trial {
    /// Trial `number` of the series that follows from `seed`. Laue classes and kinds take turns.
    ///
    /// # Panics
    /// Never: all groups and cells are made here.
    pub fn new(number: usize, seed: u64) -> Trial {
        let kind = [Kind::Plain, Kind::Metric, Kind::PseudoSymmetry, Kind::Twin, Kind::Plain][number % 5];
        let class = CLASSES[number % CLASSES.len()];
        let seed = mix(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ mix(number as u64 + 1));
        let groups: Vec<&str> = table::settings()
            .iter()
            .filter(|s| s.is_reference() && s.group().is_chiral() && s.group().laue_class() == Some(class))
            .map(|s| s.hermann_mauguin)
            .collect();
        let symbol = groups[(mix(seed) % groups.len() as u64) as usize];
        Self::with(number, seed, kind, symbol).expect("the groups and cells made here are sound")
    }

    /// A trial of a given kind and space group (reference setting). `None` for a symbol or cell that is none.
    pub fn with(number: usize, seed: u64, kind: Kind, symbol: &str) -> Option<Trial> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let conventional = SpaceGroup::from_name(symbol).ok()?;
        let cell = cells::random(&mut rng, &conventional, kind != Kind::Plain);
        let metric = UnitCell::new(cell).ok()?.metric();
        let to_primitive = conventional.to_primitive();
        let to_reduced = to_primitive.then(&minimum_cell(&to_primitive.metric(&metric)).ok()?);
        let group = conventional.change_basis(&to_reduced).ok()?;
        let reduced_metric = to_reduced.metric(&metric);
        let lattice = lattice_group(&reduced_metric, MAX_DELTA_DEG);
        let reduced = UnitCell::from_metric(&reduced_metric);

        let mut draw = || uniform(&mut rng);
        let mut between = |low: f64, high: f64| low + (high - low) * draw();
        // Reflections in the whole sphere, and the resolution that gives so many.
        let wanted = 8e3 * libm::pow(8.0, between(0.0, 1.0));
        let d_min = libm::cbrt(4.0 / 3.0 * core::f64::consts::PI * reduced.volume() / wanted).clamp(1.2, 4.5);
        let wilson_b = 2.0 * d_min * d_min * between(1.2, 3.0);
        // Enough for a good part of the unique reflections.
        let least = LEAST_DEG / (group.ops().len() as f64).sqrt();
        let degrees = least * libm::pow(360.0 / least, between(0.0, 1.0));
        let mean_counts = 40.0 * libm::pow(100.0, between(0.0, 1.0));
        let background = mean_counts * between(0.2, 3.0);
        let (instability, absorption) = (between(0.01, 0.04), between(0.0, 0.1));
        let (fraction, miss, choice) = (between(TWIN_FRACTIONS[0], TWIN_FRACTIONS[1]), between(0.14, 0.4), between(0.0, 1.0));

        let mut others: Vec<IntMatrix> = lattice.iter().filter(|r| !group.has_rotation(r)).copied().collect();
        if !others.is_empty() {
            let first = (choice * others.len() as f64) as usize;
            others.rotate_left(first);
        }
        let pseudo = match kind {
            Kind::PseudoSymmetry => others.iter().find_map(|w| Some((*w, translation(&group, w)?))),
            _ => None,
        }
        .map(|(rotation, translation)| PseudoSymmetry { rotation, translation, displacement: miss * d_min });
        let relation = match kind {
            // Other laws would lower the symmetry of what is seen, and nothing could tell that of the crystal.
            Kind::Twin => others.iter().find(|w| normalises(w, &group)).copied(),
            _ => pseudo.as_ref().map(|p| p.rotation),
        };
        // Where the lattice leaves no room the crystal is a plain one.
        let kind = match kind {
            Kind::Metric if others.is_empty() => Kind::Plain,
            Kind::Twin | Kind::PseudoSymmetry if relation.is_none() => Kind::Plain,
            kind => kind,
        };
        Some(Trial {
            number,
            seed,
            kind,
            symbol: symbol.to_owned(),
            cell: UnitCell::new(cell).ok()?,
            structure: Structure::new(&group, reduced.lengths, pseudo.as_ref(), mix(seed ^ 0xA70)),
            unit: AsymmetricUnit::new(&group).ok()?,
            group,
            reduced,
            lattice,
            relation,
            twin_fraction: if kind == Kind::Twin { fraction } else { 0.0 },
            displacement: pseudo.map_or(0.0, |p| p.displacement),
            d_min,
            wilson_b,
            degrees,
            mean_counts,
            background,
            instability,
            absorption,
        })
    }
}

/// Whether the rotation turns the point group into itself.
fn normalises(rotation: &IntMatrix, group: &SpaceGroup) -> bool {
    let op = SymOp::from_rotation(*rotation);
    group.rotations().iter().all(|r| group.has_rotation(&op.after(&SymOp::from_rotation(*r)).after(&op.inverse()).rotation))
}

/// A translation t with which x → W x + t turns the group into itself, in quarters and sixths of the cell. `None` if there is none, or
/// W has no place among the group's rotations.
fn translation(group: &SpaceGroup, rotation: &IntMatrix) -> Option<[i32; 3]> {
    const STEPS: [i32; 12] = [0, 12, 6, 18, 8, 16, 4, 20, 3, 9, 15, 21];
    let ops = group.ops();
    let mut all = (0..STEPS.len().pow(3)).map(|i| [STEPS[i / 144], STEPS[i / 12 % 12], STEPS[i % 12]]);
    all.find(|t| {
        let op = SymOp { rotation: *rotation, translation: *t };
        let back = op.inverse();
        ops.iter().all(|g| group.contains(&op.after(g).after(&back)))
    })
}

impl core::fmt::Display for Trial {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a, b, c, al, be, ga] = self.cell.parameters();
        write!(f, "{:>3} {:<10} {a:.1} {b:.1} {c:.1} {al:.1} {be:.1} {ga:.1}", self.number, self.symbol)?;
        write!(f, ", {:.1} Å, {:.0}°, {:.0} counts", self.d_min, self.degrees, self.mean_counts)?;
        let law = self.relation.map_or(String::new(), |r| ChangeOfBasis::from_op(&SymOp::from_rotation(r)).xyz());
        match self.kind {
            Kind::Plain => Ok(()),
            Kind::Metric => write!(f, ", lattice almost of higher symmetry"),
            Kind::PseudoSymmetry => write!(f, ", pseudo-symmetry {law} missed by {:.2} Å", self.displacement),
            Kind::Twin => write!(f, ", twin {law} of {:.0} %", 100.0 * self.twin_fraction),
        }
    }
}
