//! Reflections too close to be told apart become one spot.

use super::spots::Seen;
use std::collections::HashMap;

/// Spots nearer than this in x and y, px, on neighbouring images run together.
const TOUCH: f64 = 3.0;
/// Beside a stronger one, a spot below this fraction of it goes unnoticed.
const UNNOTICED: f64 = 0.1;

/// `seen`, strongest first, with each spot joined to the strongest that it touches.
pub(super) fn merged(seen: Vec<Seen>) -> Vec<Seen> {
    let mut out: Vec<Seen> = Vec::with_capacity(seen.len());
    let mut at: HashMap<[i32; 2], Vec<usize>> = HashMap::new();
    let tile = |s: &Seen| [(s.xyz[0] / TOUCH) as i32, (s.xyz[1] / TOUCH) as i32];
    for s in seen {
        let [i, j] = tile(&s);
        let near = (-1..=1).flat_map(|di| (-1..=1).map(move |dj| [i + di, j + dj])).filter_map(|key| at.get(&key)).flatten();
        let touching = near.copied().filter(|&k| {
            let o: &Seen = &out[k];
            (0..2).all(|a| (o.xyz[a] - s.xyz[a]).abs() < TOUCH) && o.z[0] <= s.z[1] && s.z[0] <= o.z[1]
        });
        match touching.min() {
            Some(k) => {
                let o = &mut out[k];
                if s.counts > UNNOTICED * o.counts {
                    let total = o.counts + s.counts;
                    o.xyz = core::array::from_fn(|a| (o.xyz[a] * o.counts + s.xyz[a] * s.counts) / total);
                    o.counts = total;
                    o.truth = None;
                }
                o.z = [o.z[0].min(s.z[0]), o.z[1].max(s.z[1])];
            }
            None => {
                at.entry([i, j]).or_default().push(out.len());
                out.push(s);
            }
        }
    }
    out
}
