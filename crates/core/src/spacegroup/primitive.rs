//! Primitive cells of centred lattices.

use super::basis::ChangeOfBasis;
use super::class::Centring;

/// Change of basis from a lattice with these centring translations (1/24, zero first) to a
/// primitive cell. For the usual centrings, the cell that DIALS takes.
pub(super) fn to_primitive(centring: &[[i32; 3]]) -> ChangeOfBasis {
    let usual = match Centring::of(centring) {
        Centring::P => return ChangeOfBasis::IDENTITY,
        Centring::A => "-x,-y+z,y+z",
        Centring::B => "-x+z,-y,x+z",
        Centring::C => "x+y,x-y,-z",
        Centring::I => "y+z,x+z,x+y",
        Centring::F => "-x+y+z,x-y+z,x+y-z",
        Centring::R => "x+z,-x+y+z,-y+z",
        Centring::Other => return reduce(centring),
    };
    ChangeOfBasis::parse(usual).unwrap_or_default()
}

/// Any other lattice: echelon form of the cell edges and centring vectors together.
fn reduce(centring: &[[i32; 3]]) -> ChangeOfBasis {
    let mut rows: Vec<[i64; 3]> = vec![[24, 0, 0], [0, 24, 0], [0, 0, 24]];
    rows.extend(centring.iter().map(|v| v.map(i64::from)));
    let mut basis = [[0i64; 3]; 3];
    for column in 0..3 {
        // Euclid's algorithm on this column until one row has it.
        loop {
            rows.retain(|r| r.iter().any(|&v| v != 0));
            rows.sort_by_key(|r| (r[column] == 0, r[column].abs()));
            let pivot = rows[0];
            let mut done = true;
            for row in rows.iter_mut().skip(1) {
                let q = row[column] / pivot[column];
                for k in 0..3 {
                    row[k] -= q * pivot[k];
                }
                done &= row[column] == 0;
            }
            if done {
                break;
            }
        }
        basis[column] = rows.remove(0);
    }
    let axis = |i: usize| {
        let name = ["a", "b", "c"];
        (0..3).map(|k| format!("{:+}/24*{}", basis[i][k], name[k])).collect::<String>()
    };
    let text = [axis(0), axis(1), axis(2)].map(|s| s.trim_start_matches('+').to_string());
    ChangeOfBasis::parse(&text.join(",")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::spacegroup::SpaceGroup;

    #[test]
    fn every_centring_becomes_primitive() {
        for symbol in ["P 1", "A 1", "B 1", "C 1", "I 1", "F 1", "R 1", "H 1", "S 1", "T 1"] {
            let group = SpaceGroup::from_hall(symbol).unwrap();
            let to_primitive = group.to_primitive();
            let ratio = to_primitive.volume_ratio() * group.centring_vectors().len() as f64;
            assert!((ratio.abs() - 1.0).abs() < 1e-12, "{symbol}: {ratio}");
            let primitive = group.change_basis(&to_primitive).unwrap();
            assert_eq!(primitive.order(), 1, "{symbol}");
        }
    }
}
