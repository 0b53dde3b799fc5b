//! Conventional axes for a group of rotations of a primitive lattice.
//!
//! Every candidate for the axes is listed and the best taken, with the rules by which DIALS' "best
//! cell" is chosen:
//!
//! - monoclinic: b along the two-fold; β ≥ 90°, least oblique (β within 3° counts as equal), then a
//!   and c shortest; C or I centred, whichever is better (only C if I cells are not wanted)
//! - orthorhombic: a ≤ b ≤ c; C cells keep the centred face, a ≤ b
//! - tetragonal, trigonal, hexagonal: c along the main axis, a shortest in the plane across it;
//!   rhombohedral lattices on obverse hexagonal axes
//! - cubic: the three equal axes
//!
//! What remains, a choice among axes that symmetry makes equivalent, has no meaning; here the
//! operator with signs all alike wins, then the one with more positive terms.

use crate::spacegroup::Error;
use crate::spacegroup::basis::ChangeOfBasis;
use crate::spacegroup::class::{Centring, PointGroup};
use crate::spacegroup::constraints::symmetrised;
use crate::spacegroup::group::SpaceGroup;
use crate::spacegroup::op::{IntMatrix, RotationKind, SymOp, adjugate, apply, axis, determinant, transpose};
use nalgebra::{Matrix3, Vector3};

/// Angles β closer than this are taken as equal, and shorter edges decide.
const BETA_TOLERANCE_DEG: f64 = 3.0;

/// Lengths closer than this fraction are taken as equal.
const LENGTH_TOLERANCE: f64 = 1e-7;

/// Conventional axes of a group of proper rotations.
#[derive(Debug, Clone)]
pub struct Conventional {
    /// From the primitive basis to the conventional one.
    pub basis: ChangeOfBasis,
    /// The rotations with their centring translations, in the conventional basis.
    pub group: SpaceGroup,
}

type Vec3i = [i32; 3];

struct Lattice<'a> {
    /// Metric averaged over the group, Å².
    metric: Matrix3<f64>,
    rotations: &'a [IntMatrix],
}

impl Lattice<'_> {
    fn dot(&self, u: Vec3i, v: Vec3i) -> f64 {
        let f = |v: Vec3i| Vector3::from(v.map(f64::from));
        f(u).dot(&(self.metric * f(v)))
    }

    fn length(&self, v: Vec3i) -> f64 {
        self.dot(v, v).max(0.0).sqrt()
    }

    /// Axes of the rotations of an order, each once.
    fn axes_of_order(&self, order: u8) -> Vec<Vec3i> {
        let mut list: Vec<Vec3i> = Vec::new();
        for r in self.rotations {
            if (RotationKind { order, improper: false }) == RotationKind::of(r) {
                let v = axis(r);
                if !list.contains(&v) {
                    list.push(v);
                }
            }
        }
        list
    }

    /// First rotation of an order.
    fn rotation_of_order(&self, order: u8) -> Option<IntMatrix> {
        let wanted = RotationKind { order, improper: false };
        self.rotations.iter().copied().find(|r| RotationKind::of(r) == wanted)
    }

    /// The two shortest independent lattice vectors across the axis of `rotation`.
    fn plane(&self, rotation: &IntMatrix) -> [Vec3i; 2] {
        // The plane's indices are the axis of the transposed matrix (the same axis in the
        // reciprocal lattice).
        let h = axis(&transpose(rotation));
        let (mut u, mut v) = plane_basis(h);
        // Gauss' reduction.
        for _ in 0..200 {
            if self.dot(v, v) < self.dot(u, u) {
                (u, v) = (v, u);
            }
            let n = (self.dot(u, v) / self.dot(u, u)).round();
            if n == 0.0 || !n.is_finite() {
                break;
            }
            let n = n as i32;
            v = std::array::from_fn(|i| v[i] - n * u[i]);
        }
        [u, v]
    }
}

/// A basis of the lattice vectors v with h·v = 0 (h without common factor).
fn plane_basis(h: Vec3i) -> (Vec3i, Vec3i) {
    // All small vectors in the plane; the first pair whose cross product is ±h spans it.
    let mut list: Vec<Vec3i> = Vec::new();
    let reach = h.iter().map(|v| v.abs()).max().unwrap_or(0).max(1);
    for n in 0..(2 * reach + 1).pow(3) {
        let w = 2 * reach + 1;
        let v = [n / (w * w) - reach, n / w % w - reach, n % w - reach];
        if v != [0; 3] && (0..3).map(|i| h[i] * v[i]).sum::<i32>() == 0 {
            list.push(v);
        }
    }
    list.sort_by_key(|v| v.iter().map(|x| x.abs()).sum::<i32>());
    for (i, &u) in list.iter().enumerate() {
        for &v in &list[..i] {
            let cross = cross(u, v);
            if cross == h || cross == h.map(|x| -x) {
                return (u, v);
            }
        }
    }
    ([1, 0, 0], [0, 1, 0])
}

fn cross(u: Vec3i, v: Vec3i) -> Vec3i {
    std::array::from_fn(|i| u[(i + 1) % 3] * v[(i + 2) % 3] - u[(i + 2) % 3] * v[(i + 1) % 3])
}

fn columns(a: Vec3i, b: Vec3i, c: Vec3i) -> IntMatrix {
    std::array::from_fn(|i| [a[i], b[i], c[i]])
}

fn add(u: Vec3i, v: Vec3i) -> Vec3i {
    std::array::from_fn(|i| u[i] + v[i])
}

fn scale(u: Vec3i, n: i32) -> Vec3i {
    u.map(|x| x * n)
}

/// Centring of the cell with these axes in the primitive lattice ℤ³.
fn centring_of(axes: &IntMatrix) -> Centring {
    let det = determinant(axes).abs();
    if det == 1 {
        return Centring::P;
    }
    // A fraction (p, q, r)/n of the axes belongs to the lattice if the vector is integral.
    let has = |p: i32, q: i32, r: i32, n: i32| apply(axes, [p, q, r]).iter().all(|v| v % n == 0);
    match det {
        2 if has(1, 1, 0, 2) => Centring::C,
        2 if has(0, 1, 1, 2) => Centring::A,
        2 if has(1, 0, 1, 2) => Centring::B,
        2 if has(1, 1, 1, 2) => Centring::I,
        3 if has(2, 1, 1, 3) => Centring::R,
        4 if has(1, 1, 0, 2) && has(0, 1, 1, 2) => Centring::F,
        _ => Centring::Other,
    }
}

/// Lower is better: signs not alike, terms of c′ negative, all negative terms.
fn sign_rank(axes: &IntMatrix) -> (i32, i32, i32) {
    let all = axes.iter().flatten();
    let positive = all.clone().filter(|v| **v > 0).count() as i32;
    let negative = all.filter(|v| **v < 0).count() as i32;
    let last: i32 = axes.iter().map(|row| row[2]).sum();
    (i32::from(positive > 0 && negative > 0), -last.signum(), negative)
}

/// Of axes that are equally good crystallographically, the one with the tidiest operator.
fn tidiest(mut candidates: Vec<IntMatrix>) -> Option<IntMatrix> {
    candidates.retain(|m| determinant(m) > 0);
    candidates.sort_by(|x, y| sign_rank(x).cmp(&sign_rank(y)).then_with(|| y.cmp(x)));
    candidates.first().copied()
}

/// The axes with every combination of signs.
fn with_signs(a: Vec3i, b: Vec3i, c: Vec3i) -> impl Iterator<Item = IntMatrix> {
    (0..8).map(move |n: i32| {
        let s = |bit: i32| if n >> bit & 1 == 0 { 1 } else { -1 };
        columns(scale(a, s(0)), scale(b, s(1)), scale(c, s(2)))
    })
}

fn monoclinic(lattice: &Lattice, allow_i: bool) -> Option<IntMatrix> {
    let rotation = lattice.rotation_of_order(2)?;
    let b = axis(&rotation);
    let [u, v] = lattice.plane(&rotation);
    // Two short vectors and small combinations: enough for any least oblique pair, because the
    // plane's cell is reduced.
    let mut plane: Vec<Vec3i> = Vec::new();
    for i in -3..=3 {
        for j in -3..=3 {
            if (i, j) != (0, 0) {
                plane.push(add(scale(u, i), scale(v, j)));
            }
        }
    }
    struct Candidate {
        axes: IntMatrix,
        beta: f64,
        a: f64,
        c: f64,
    }
    let wanted = (determinant(&columns(u, b, v))).abs();
    let mut candidates: Vec<Candidate> = Vec::new();
    for &a in &plane {
        for &c in &plane {
            for sign in [1, -1] {
                let axes = columns(a, scale(b, sign), c);
                if determinant(&axes) != wanted {
                    continue;
                }
                match centring_of(&axes) {
                    Centring::P | Centring::C => {}
                    Centring::I if allow_i => {}
                    _ => continue,
                }
                let (la, lc) = (lattice.length(a), lattice.length(c));
                let cosine = (lattice.dot(a, c) / (la * lc)).clamp(-1.0, 1.0);
                let beta = libm::acos(cosine).to_degrees();
                if beta > 90.0 - 1e-6 {
                    candidates.push(Candidate { axes, beta, a: la, c: lc });
                }
            }
        }
    }
    let least = candidates.iter().map(|x| x.beta).fold(f64::INFINITY, f64::min);
    candidates.retain(|x| x.beta < least + BETA_TOLERANCE_DEG);
    let shortest =
        |list: &[Candidate], key: fn(&Candidate) -> f64| list.iter().map(key).fold(f64::INFINITY, f64::min) * (1.0 + LENGTH_TOLERANCE);
    let a = shortest(&candidates, |x| x.a);
    candidates.retain(|x| x.a <= a);
    let c = shortest(&candidates, |x| x.c);
    candidates.retain(|x| x.c <= c);
    tidiest(candidates.into_iter().map(|x| x.axes).collect())
}

fn orthorhombic(lattice: &Lattice) -> Option<IntMatrix> {
    let axes = lattice.axes_of_order(2);
    let [p, q, r] = <[Vec3i; 3]>::try_from(axes).ok()?;
    let orders = [[p, q, r], [q, r, p], [r, p, q], [q, p, r], [p, r, q], [r, q, p]];
    let mut candidates: Vec<IntMatrix> = Vec::new();
    let mut best: Option<[f64; 3]> = None;
    for [a, b, c] in orders {
        let centring = centring_of(&columns(a, b, c));
        if matches!(centring, Centring::A | Centring::B | Centring::Other) {
            continue;
        }
        let lengths = [lattice.length(a), lattice.length(b), lattice.length(c)];
        let order = best.map_or(std::cmp::Ordering::Less, |best| {
            lengths
                .iter()
                .zip(best)
                .find(|(x, y)| (*x - y).abs() > LENGTH_TOLERANCE * y)
                .map_or(std::cmp::Ordering::Equal, |(x, y)| x.total_cmp(&y))
        });
        match order {
            std::cmp::Ordering::Greater => continue,
            std::cmp::Ordering::Less => {
                candidates.clear();
                best = Some(lengths);
            }
            std::cmp::Ordering::Equal => {}
        }
        candidates.extend(with_signs(a, b, c));
    }
    tidiest(candidates)
}

/// Tetragonal, trigonal and hexagonal: c along the main axis, a across it, b = R·a.
fn one_main_axis(lattice: &Lattice, order: u8) -> Option<IntMatrix> {
    let rotation = lattice.rotation_of_order(order)?;
    let c = axis(&rotation);
    // b = R·a turns by 90° or 120°; a six-fold gives 120° when squared.
    let turn = match order {
        6 => crate::spacegroup::op::multiply(&rotation, &rotation),
        _ => rotation,
    };
    let [u, v] = lattice.plane(&rotation);
    let mut shortest: Vec<Vec3i> = Vec::new();
    let limit = lattice.length(u) * (1.0 + 1e-4);
    for i in -1..=1 {
        for j in -1..=1 {
            let w = add(scale(u, i), scale(v, j));
            if (i, j) != (0, 0) && lattice.length(w) <= limit {
                shortest.push(w);
            }
        }
    }
    let two_folds = lattice.axes_of_order(2);
    let is_two_fold = |w: Vec3i| two_folds.contains(&w) || two_folds.contains(&scale(w, -1));
    let mut candidates: Vec<IntMatrix> = Vec::new();
    for &a in &shortest {
        for c in [c, scale(c, -1)] {
            // For either direction of c the turn that is right-handed about it.
            for b in [apply(&turn, a), apply(&adjugate(&turn), a)] {
                let axes = columns(a, b, c);
                if determinant(&axes) <= 0 {
                    continue;
                }
                let centring = centring_of(&axes);
                let usual = matches!(centring, Centring::P | Centring::I | Centring::R);
                // In 32 the two-folds run along a wherever they can (3 2 1 and R 3 2).
                let crosses = order != 3 || two_folds.is_empty() || is_two_fold(a);
                if usual && (crosses || centring == Centring::P) {
                    candidates.push(axes);
                }
            }
        }
    }
    tidiest(candidates)
}

fn cubic(lattice: &Lattice) -> Option<IntMatrix> {
    let four = lattice.axes_of_order(4);
    let axes = if four.is_empty() { lattice.axes_of_order(2) } else { four };
    let [p, q, r] = <[Vec3i; 3]>::try_from(axes).ok()?;
    let orders = [[p, q, r], [q, r, p], [r, p, q], [q, p, r], [p, r, q], [r, q, p]];
    tidiest(orders.into_iter().flat_map(|[a, b, c]| with_signs(a, b, c)).collect())
}

/// The conventional cell of a group of proper rotations in a primitive basis.
///
/// - `metric`: of the primitive basis, Å²; it is averaged over the group first
/// - `rotations`: the complete group, in that basis
/// - `allow_i`: take body-centred monoclinic cells where they are less oblique
///
/// # Errors
/// [`Error::NotAGroup`] when `rotations` are no point group of proper rotations.
pub fn conventional_cell(metric: &Matrix3<f64>, rotations: &[IntMatrix], allow_i: bool) -> Result<Conventional, Error> {
    let point_group = PointGroup::of(rotations).ok_or(Error::NotAGroup)?;
    let lattice = Lattice { metric: symmetrised(metric, rotations), rotations };
    let axes = match point_group.symbol() {
        "1" => Some(crate::spacegroup::op::IDENTITY),
        "2" => monoclinic(&lattice, allow_i),
        "222" => orthorhombic(&lattice),
        "4" | "422" => one_main_axis(&lattice, 4),
        "3" | "32" => one_main_axis(&lattice, 3),
        "6" | "622" => one_main_axis(&lattice, 6),
        "23" | "432" => cubic(&lattice),
        _ => None,
    };
    let basis = ChangeOfBasis::from_axes(&axes.ok_or(Error::NotAGroup)?)?;
    let ops: Vec<SymOp> = rotations.iter().map(|r| SymOp::from_rotation(*r)).collect();
    let group = SpaceGroup::from_generators(&ops)?.change_basis(&basis)?;
    Ok(Conventional { basis, group })
}

/// Change of basis from any setting of a group to conventional axes of its point group.
pub(in crate::spacegroup) fn conventional_axes(group: &SpaceGroup) -> Result<ChangeOfBasis, Error> {
    let to_primitive = group.to_primitive();
    let primitive = group.derived_acentric().change_basis(&to_primitive)?;
    let mut rotations = primitive.rotations();
    if rotations.len() == 1 || group.laue_class().is_some_and(|l| rotations.len() * 2 < LAUE_ORDER[l as usize]) {
        // Mirrors and rotoinversions: their proper counterparts show the same axes.
        rotations = group.patterson().derived_acentric().change_basis(&to_primitive)?.rotations();
    }
    let metric = to_primitive.metric(&symmetrised(&Matrix3::identity(), &group.rotations()));
    let conventional = conventional_cell(&metric, &rotations, false)?;
    Ok(to_primitive.then(&conventional.basis))
}

/// Orders of the Laue classes, in the order of [`LaueClass`](crate::spacegroup::LaueClass).
const LAUE_ORDER: [usize; 11] = [2, 4, 8, 8, 16, 6, 12, 12, 24, 24, 48];
