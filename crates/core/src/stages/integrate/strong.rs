//! The pixels of the strong spots.

use super::collect::{BoxAt, Collector, PixelRules, Schedule, cut};
use super::measure::Pixels;
use super::pass::for_each_frame;
use super::{Error, Params};
use crate::geometry::ExperimentList;
use crate::image::ImageSource;
use crate::job::Monitor;
use crate::reflections::{MissingColumn, Reflections, Shoebox, mask};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Shoeboxes row by row: those of the table, those of the strong spots from which it was made, or the pixels read again from the images.
pub(super) fn shoeboxes<'a>(
    experiments: &ExperimentList,
    refined: &'a Reflections,
    strong: Option<&'a Reflections>,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Cow<'a, [Shoebox]>, Error> {
    if refined.is_empty() || (params.sigma_b_deg.is_some() && params.sigma_m_deg.is_some()) {
        return Ok(Cow::Borrowed(&[]));
    }
    if !refined.shoebox.is_empty() {
        return Ok(Cow::Borrowed(&refined.shoebox));
    }
    if let Some(strong) = strong {
        return beside(refined, strong).map(Cow::Owned);
    }
    if refined.require(&["bbox", "n_signal", "panel", "id"]).is_err() {
        return Err(Error::Column(MissingColumn { column: "shoebox" }));
    }
    read_again(experiments, refined, images, params, monitor).map(Cow::Owned)
}

/// The shoeboxes of `strong`, in the order of `refined`: indexing may sort spots but leaves their panel, box and centroid as they were.
/// Spots that are not found get an empty shoebox.
fn beside(refined: &Reflections, strong: &Reflections) -> Result<Vec<Shoebox>, Error> {
    let needed = ["panel", "bbox", "xyzobs.px.value"];
    refined.require(&needed)?;
    strong.require(&needed)?;
    strong.require(&["shoebox"])?;
    let key = |t: &Reflections, i: usize| (t.bbox[i], t.panel[i], t.xyzobs_px[i].map(f64::to_bits));
    let mut sorted: Vec<usize> = (0..strong.len()).collect();
    sorted.sort_by_key(|&i| key(strong, i));
    let mut found = 0;
    let one = |i: usize| {
        let k = key(refined, i);
        let at = sorted.partition_point(|&j| key(strong, j) < k);
        let j = *sorted.get(at)?;
        (key(strong, j) == k).then(|| strong.shoebox[j].clone())
    };
    let boxes = (0..refined.len()).map(|i| one(i).inspect(|_| found += 1).unwrap_or_default()).collect();
    if 2 * found < refined.len() {
        return Err(Error::ShoeboxRows { found, rows: refined.len() });
    }
    Ok(boxes)
}

/// Reads the boxes of the indexed spots. Which of a box's pixels were strong is not known any more, but how many: they are taken to be the
/// brightest.
fn read_again(
    experiments: &ExperimentList,
    refined: &Reflections,
    images: &[Arc<dyn ImageSource>],
    params: &Params,
    monitor: &dyn Monitor,
) -> Result<Vec<Shoebox>, Error> {
    let mut out = vec![Shoebox::default(); refined.len()];
    for (imageset, source) in images.iter().enumerate() {
        let first = experiments.experiments.iter().position(|e| e.imageset == Some(imageset));
        let Some(models) = first.and_then(|e| experiments.models(e)) else { continue };
        let n = models.scan.n_images;
        let of_set = |&i: &usize| {
            let b = refined.bbox[i];
            let [w, h, d] = [b[1] - b[0], b[3] - b[2], b[5] - b[4]].map(i64::from);
            let experiment = usize::try_from(refined.id[i]).ok().and_then(|e| experiments.experiments.get(e));
            experiment.is_some_and(|e| e.imageset == Some(imageset))
                && w > 0
                && h > 0
                && d > 0
                && w * h * d < 1 << 22
                && b[4] >= 0
                && b[5] as i64 <= n as i64
        };
        let rows: Vec<usize> = (0..refined.len()).filter(of_set).collect();
        let rules = PixelRules::new(models.detector, source.as_ref());
        let boxes = rows.iter().map(|&i| BoxAt { panel: refined.panel[i] as u32, bbox: refined.bbox[i] }).collect();
        let schedule = Schedule::new(boxes, n, &rules);
        let mut collector = Collector::new(&schedule, BTreeMap::new());
        monitor.begin("reading the strong spots again", n as u64);
        let mut complete = Vec::new();
        for_each_frame(
            source.as_ref(),
            0..n,
            params,
            monitor,
            |z, f| cut(&schedule, &rules, z, f),
            |z, pixels| {
                collector.add(z, &pixels, &mut complete);
                for (i, p) in complete.drain(..) {
                    out[rows[i]] = brightest(p, refined.n_signal[rows[i]]);
                }
                Ok(())
            },
        )?;
    }
    Ok(out)
}

/// A shoebox whose `n` highest counts are foreground (in the order of the pixels where counts are equal).
fn brightest(pixels: Pixels, n: i32) -> Shoebox {
    let mut order: Vec<usize> = (0..pixels.counts.len()).filter(|&i| pixels.counts[i] >= 0).collect();
    order.sort_by_key(|&i| core::cmp::Reverse(pixels.counts[i]));
    let mut bits = vec![0; pixels.counts.len()];
    for &i in order.iter().take(n.max(0) as usize) {
        bits[i] = mask::VALID | mask::FOREGROUND;
    }
    let data = pixels.counts.iter().map(|&c| c as f32).collect();
    Shoebox { panel: pixels.panel as u32, bbox: pixels.bbox, data, mask: bits, background: Vec::new() }
}
