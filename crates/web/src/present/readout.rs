//! What is under the cursor, in words.

use ewald_core::geometry::ExperimentModels;
use ewald_core::math::Vec2;

/// What is under the cursor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Under {
    /// Image position, px.
    pub at: [f64; 2],
    /// Counts, −1 where there are no data.
    pub counts: i32,
    /// Miller index of the reflection there.
    pub hkl: Option<[i32; 3]>,
}

/// Position, counts, resolution and Miller index; nothing outside the image.
pub fn readout(under: &Under, models: Option<&ExperimentModels<'_>>) -> Option<String> {
    let [x, y] = under.at;
    if x < 0.0 || y < 0.0 {
        return None;
    }
    let counts = if under.counts < 0 { "no data".to_owned() } else { format!("{} counts", under.counts) };
    let d = models.and_then(|m| resolution(m, x, y)).map_or(String::new(), |d| format!(" · {d:.2} Å"));
    let hkl = under.hkl.map_or(String::new(), |[h, k, l]| format!(" · ({h} {k} {l})"));
    Some(format!("{x:.1}, {y:.1} px · {counts}{d}{hkl}"))
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
    fn gaps_are_called_so_and_nothing_is_said_outside() {
        let at = |x: f64, counts: i32| readout(&Under { at: [x, 2.0], counts, hkl: Some([1, -2, 3]) }, None);
        assert_eq!(at(1.0, 7).as_deref(), Some("1.0, 2.0 px · 7 counts · (1 -2 3)"));
        assert_eq!(at(1.0, -1).as_deref(), Some("1.0, 2.0 px · no data · (1 -2 3)"));
        assert_eq!(at(-1.0, -1), None);
    }
}
