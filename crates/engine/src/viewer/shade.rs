//! Counts to colours.

use ewald_core::report::viridis;
use ewald_protocol::{Drawing, Palette, Transfer};

use super::levels::Levels;
use super::shown::View;

/// Values up to here have their colour looked up.
const TABLE: usize = 4096;

/// The colour of a strength from 0 to 1.
pub fn colour(palette: Palette, strength: f64) -> [u8; 3] {
    let x = strength.clamp(0.0, 1.0);
    let byte = |v: f64| (255.0 * v.clamp(0.0, 1.0)) as u8;
    match palette {
        // Weak spots on a bright ground are seen better when the middle is drawn stronger.
        Palette::Grey => [byte(1.0 - x.powf(0.75)); 3],
        Palette::Inverted => [byte(x.powf(0.75)); 3],
        Palette::Heat => [byte(3.0 * x), byte(3.0 * x - 1.0), byte(3.0 * x - 2.0)],
        Palette::Viridis => viridis(x),
    }
}

/// The strength of a value, given the one of full strength.
fn strength(transfer: Transfer, value: f64, white: f64) -> f64 {
    let x = (value / white.max(1e-9)).clamp(0.0, 1.0);
    match transfer {
        Transfer::Linear => x,
        Transfer::Sqrt => x.sqrt(),
        Transfer::Log => value.max(0.0).min(white).ln_1p() / white.max(1e-9).ln_1p(),
    }
}

/// Pixels without data: seen, but quiet; and the same when they are to be seen well.
fn gap(palette: Palette, masked: bool) -> [u8; 3] {
    match (palette, masked) {
        (Palette::Grey, false) => [222, 226, 231],
        (Palette::Grey, true) => [236, 186, 110],
        (Palette::Viridis, false) => [118, 118, 122],
        (_, false) => [44, 48, 54],
        (_, true) => [128, 84, 24],
    }
}

/// Strong pixels.
fn strong(palette: Palette) -> [u8; 3] {
    match palette {
        Palette::Grey => [213, 94, 0],
        Palette::Inverted | Palette::Heat => [0, 200, 255],
        Palette::Viridis => [255, 60, 60],
    }
}

fn rgba([r, g, b]: [u8; 3]) -> [u8; 4] {
    [r, g, b, 255]
}

/// Which image pixels each of `n` screen pixels shows along one axis: half-open, empty beyond the image.
fn spans(n: usize, centre: f64, scale: f64, most: usize) -> Vec<(u32, u32)> {
    let at = |s: f64| (s - n as f64 / 2.0) / scale + centre;
    let span = |screen: usize| {
        let (a, b) = (at(screen as f64), at(screen as f64 + 1.0));
        if b <= 0.0 || a >= most as f64 {
            return (0, 0);
        }
        let first = a.max(0.0) as u32;
        let end = if scale >= 1.0 { first + 1 } else { (b.ceil() as u32).max(first + 1) };
        (first, end.min(most as u32))
    };
    (0..n).map(span).collect()
}

/// Draws the image, or a map of a part of it, into RGBA bytes of the canvas. Zoomed out, a screen pixel shows the brightest of its image
/// pixels, so that no spot is lost.
///
/// - `white`: value drawn with full strength
/// - `strong`: pixels (fast, slow) to be tinted
pub fn draw(View { levels, origin, unit }: View<'_>, drawing: &Drawing, white: f64, strong: &[[u32; 2]]) -> Vec<u8> {
    let [cw, ch] = drawing.canvas.map(|n| n as usize);
    let (level, halvings) = levels.for_scale(drawing.scale);
    let factor = f64::from(1u32 << halvings);
    let centre = [0, 1].map(|i| (drawing.centre[i] - origin[i] as f64) / factor);
    let axis = |i: usize| spans([cw, ch][i], centre[i], drawing.scale * factor, level.size[i]);
    let (columns, rows) = (axis(0), axis(1));
    let shade = |value: i32| rgba(colour(drawing.palette, strength(drawing.transfer, f64::from(value) * unit, white)));
    let table: Vec<[u8; 4]> = (0..TABLE as i32).map(shade).collect();
    let gap = rgba(gap(drawing.palette, drawing.masked));
    let mut out = vec![[0u8; 4]; cw * ch];
    // The brightest of each column over the rows that a screen row shows; one pass for them all.
    let seen = columns.iter().filter(|(a, b)| a < b).fold((u32::MAX, 0), |(first, end), c| (first.min(c.0), end.max(c.1)));
    let seen = seen.0.min(seen.1) as usize..seen.1 as usize;
    let mut line = vec![0i32; seen.len()];
    for (to, &(y0, y1)) in out.chunks_exact_mut(cw.max(1)).zip(&rows) {
        let row = |y: u32| level.counts.get(y as usize * level.size[0]..).and_then(|from| from.get(seen.clone()));
        let Some(first) = (y0 < y1).then(|| row(y0)).flatten() else { continue };
        line.copy_from_slice(first);
        for other in (y0 + 1..y1).filter_map(row) {
            line.iter_mut().zip(other).for_each(|(a, b)| *a = (*a).max(*b));
        }
        for (pixel, &(x0, x1)) in to.iter_mut().zip(&columns) {
            let Some((first, more)) =
                line.get(x0 as usize - seen.start.min(x0 as usize)..).filter(|_| x0 < x1).and_then(<[i32]>::split_first)
            else {
                continue;
            };
            let brightest = more.iter().take((x1 - x0 - 1) as usize).fold(*first, |a, b| a.max(*b));
            *pixel = match usize::try_from(brightest) {
                Err(_) => gap,
                Ok(value) => table.get(value).copied().unwrap_or_else(|| shade(brightest)),
            };
        }
    }
    tint(&mut out, strong, drawing);
    out.into_flattened()
}

/// Tints the pixels `strong`.
fn tint(out: &mut [[u8; 4]], pixels: &[[u32; 2]], drawing: &Drawing) {
    let [cw, ch] = drawing.canvas.map(|n| n as usize);
    let colour = rgba(strong(drawing.palette));
    let screen = |i: usize, image: f64, n: usize| (image - drawing.centre[i]) * drawing.scale + n as f64 / 2.0;
    for &[x, y] in pixels {
        let range = |i: usize, at: u32, n: usize| {
            let (a, b) = (screen(i, f64::from(at), n).round().max(0.0), screen(i, f64::from(at) + 1.0, n).round().min(n as f64));
            // At least one screen pixel each, however far one zooms out.
            a as usize..(b.max(a + 1.0) as usize).min(n)
        };
        let columns = range(0, x, cw);
        if columns.start >= cw {
            continue;
        }
        for row in range(1, y, ch) {
            out[row * cw..][..cw][columns.clone()].fill(colour);
        }
    }
}

/// The value to draw with full strength: fifteen standard deviations above the median of the usable pixels, sampled; spots then stand
/// out and the noise of the background stays quiet. The square root and the logarithm show more at once, and get more.
pub fn automatic(levels: &Levels, transfer: Transfer) -> f64 {
    let Some(median) = quantile(levels, 0.5) else { return 10.0 };
    let spread = match transfer {
        Transfer::Linear => 15.0,
        Transfer::Sqrt => 60.0,
        Transfer::Log => 1000.0,
    };
    median + spread * median.max(1.0).sqrt()
}

/// A quantile of the usable pixels, sampled, in steps.
pub fn quantile(levels: &Levels, part: f64) -> Option<f64> {
    let counts = levels.counts();
    let mut sample: Vec<i32> = counts.iter().step_by((counts.len() / 20_000).max(1)).copied().filter(|p| *p >= 0).collect();
    if sample.is_empty() {
        return None;
    }
    let at = ((sample.len() - 1) as f64 * part) as usize;
    Some(f64::from(*sample.select_nth_unstable(at).1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::drawing;

    fn whole(levels: &Levels) -> View<'_> {
        View { levels, origin: [0, 0], unit: 1.0 }
    }

    #[test]
    fn one_bright_pixel_is_seen_however_far_one_zooms_out() {
        let mut counts = vec![0; 1000 * 1000];
        counts[500 * 1000 + 333] = 1000;
        let levels = Levels::new([1000, 1000], counts);
        let fit = Drawing { centre: [500.0, 500.0], scale: 0.1, canvas: [100, 100], ..drawing() };
        let out = draw(whole(&levels), &fit, 100.0, &[]);
        assert_eq!(out.chunks(4).filter(|c| c[0] == 0 && c[3] == 255).count(), 1);
        assert_eq!(out[4 * (50 * 100 + 33)], 0);
        let out = draw(whole(&levels), &fit, 1e9, &[[700, 200]]);
        assert_eq!(out[4 * (20 * 100 + 70)..][..3], strong(Palette::Grey));
    }

    #[test]
    fn beyond_the_image_nothing_is_drawn_and_gaps_are_quiet() {
        let levels = Levels::new([4, 4], vec![-1; 16]);
        let out = draw(whole(&levels), &Drawing { centre: [0.0, 0.0], scale: 2.0, canvas: [8, 8], ..drawing() }, 1.0, &[]);
        assert_eq!(out[..4], [0; 4]);
        assert_eq!(out[4 * 63..][..3], gap(Palette::Grey, false));
    }

    #[test]
    fn gaps_do_not_disturb_the_automatic_contrast() {
        let counts: Vec<i32> = (0..100_000).map(|i| if i % 3 == 0 { -1 } else { 4 }).collect();
        assert_eq!(automatic(&Levels::new([1000, 100], counts), Transfer::Linear), 34.0);
        assert_eq!(automatic(&Levels::new([2, 1], vec![-1, -1]), Transfer::Linear), 10.0);
    }

    #[test]
    fn every_scale_goes_from_nothing_to_full_and_only_up() {
        for transfer in [Transfer::Linear, Transfer::Sqrt, Transfer::Log] {
            let all: Vec<f64> = (0..=100).map(|v| strength(transfer, f64::from(v), 100.0)).collect();
            assert!(all[0] == 0.0 && (all[100] - 1.0).abs() < 1e-12 && all.is_sorted());
        }
        assert_eq!((colour(Palette::Grey, 1.0), colour(Palette::Inverted, 1.0)), ([0; 3], [255; 3]));
        assert_eq!((colour(Palette::Viridis, 0.0), colour(Palette::Viridis, 1.0)), ([68, 1, 84], [253, 231, 37]));
    }
}
