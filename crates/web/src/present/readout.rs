//! What is under the cursor, in words.

use ewald_core::geometry::ExperimentModels;
use ewald_core::math::Vec2;
use ewald_core::stages::integrate::Fate;
use ewald_protocol::SpotKind;

use super::plot::plain;

/// What is under the cursor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Under {
    /// Image position, px.
    pub at: [f64; 2],
    /// The pixel's value, `None` while it is not known; in it `None` where there are no data.
    pub value: Option<Option<f64>>,
    /// The reflection there.
    pub spot: Option<UnderSpot>,
}

/// A reflection under the cursor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnderSpot {
    /// Which kind.
    pub of: SpotKind,
    /// Its Miller index.
    pub hkl: Option<[i32; 3]>,
    /// Whether it is indexed, or integrated.
    pub good: bool,
    /// How it fared in integration.
    pub fate: Option<Fate>,
}

/// Position, counts, resolution and reflection.
pub fn readout(under: &Under, models: Option<&ExperimentModels<'_>>) -> String {
    let [x, y] = under.at;
    let value = match under.value {
        None => "…".to_owned(),
        Some(None) => models.and_then(|m| masked(m, x, y)).unwrap_or("no data").to_owned(),
        Some(Some(v)) if v.fract() == 0.0 => plain(v),
        Some(Some(v)) => format!("{v:.3}"),
    };
    let d = models.and_then(|m| resolution(m, x, y)).map_or(String::new(), |d| format!(" · {d:.2} Å"));
    let spot = under.spot.map_or(String::new(), |s| match (s.of, s.hkl.unwrap_or_default(), s.good) {
        (SpotKind::Found, ..) => " · spot".to_owned(),
        (SpotKind::Indexed, _, false) => " · spot, not indexed".to_owned(),
        (SpotKind::Indexed, [h, k, l], true) => format!(" · ({h} {k} {l})"),
        (SpotKind::Integrated, [h, k, l], good) => {
            let fared = s.fate.map_or(if good { "integrated" } else { "not integrated" }, Fate::words);
            format!(" · ({h} {k} {l}), {fared}")
        }
    });
    format!("{x:.1}, {y:.1} px · {value}{d}{spot}")
}

/// Why a pixel that has been masked is.
fn masked(m: &ExperimentModels<'_>, x: f64, y: f64) -> Option<&'static str> {
    m.detector.panels.iter().find_map(|panel| {
        let [px, py] = [x as i64 - panel.raw_image_offset[0], y as i64 - panel.raw_image_offset[1]];
        let [x0, y0, x1, y1] = panel.mask.iter().find(|[x0, y0, x1, y1]| (*x0..*x1).contains(&px) && (*y0..*y1).contains(&py))?;
        Some(if (x1 - x0, y1 - y0) == (1, 1) {
            "masked (hot pixel, or one not trusted)"
        } else {
            "masked (a gap, or a region not trusted)"
        })
    })
}

/// Resolution at a place of the raw image, Å, on whichever panel it lies.
fn resolution(m: &ExperimentModels<'_>, x: f64, y: f64) -> Option<f64> {
    let s0 = m.beam.s0();
    m.detector.panels.iter().find_map(|panel| {
        let px = Vec2::new(x - panel.raw_image_offset[0] as f64, y - panel.raw_image_offset[1] as f64);
        panel.contains_px(px).then(|| panel.d_at_px(&s0, px))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_called_so_and_reflections_tell_how_they_fared() {
        let hkl = Some([1, -2, 3]);
        let of = |of, good, fate| Some(UnderSpot { of, hkl, good, fate });
        let t = |value, spot, expected: &str| assert_eq!(readout(&Under { at: [1.0, 2.0], value, spot }, None), expected);
        t(None, None, "1.0, 2.0 px · …");
        t(Some(None), of(SpotKind::Indexed, true, None), "1.0, 2.0 px · no data · (1 -2 3)");
        t(Some(Some(7.0)), of(SpotKind::Indexed, false, None), "1.0, 2.0 px · 7 · spot, not indexed");
        t(Some(Some(0.25)), of(SpotKind::Integrated, false, None), "1.0, 2.0 px · 0.250 · (1 -2 3), not integrated");
        let blind = "1.0, 2.0 px · 3 · (1 -2 3), not integrated: too near to the rotation axis";
        t(Some(Some(3.0)), of(SpotKind::Integrated, false, Some(Fate::Blind)), blind);
    }
}
