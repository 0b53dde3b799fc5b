//! One reflection of the integrated ones, or of those that were left out, measured again.

use super::results::Integration;
use super::{Data, Session, SessionError, StageId};
use crate::geometry::ExperimentList;
use crate::reflections::Reflections;
use crate::stages::integrate::{Account, account};
use serde::{Deserialize, Serialize};

/// Which reflection is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// The one with this number.
    Number(u64),
    /// The one after that number, in the order of experiments and rotation.
    After(u64),
    /// The one before it.
    Before(u64),
    /// Those with a Miller index: the first that was integrated, or the first.
    Index([i32; 3]),
    /// That with a Miller index on an image set which is predicted nearest to a place.
    Near {
        /// Image set.
        imageset: usize,
        /// Miller index.
        hkl: [i32; 3],
        /// x, y in px of the raw image, and the image, from 0.
        at: [i32; 3],
    },
}

/// A reflection with its account.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Its number among all predicted.
    pub number: u64,
    /// Numbers of all with its Miller index, itself among them.
    pub same: Vec<u64>,
    /// Its image set.
    pub imageset: usize,
    /// Where it is predicted: x, y in px of the raw image, z in images from the set's first.
    pub at: [f64; 3],
    /// How it was measured.
    pub account: Account,
}

/// A row of one of the two tables.
#[derive(Clone, Copy)]
struct Row<'a> {
    table: &'a Reflections,
    row: usize,
    integrated: bool,
}

impl Row<'_> {
    /// Integration numbers its predictions; other tables are numbered by their rows.
    fn number(&self) -> u64 {
        self.table.partial_id.get(self.row).copied().unwrap_or(self.row as u64)
    }
}

fn rows<'a>(data: &'a Data, more: &'a Integration) -> impl Iterator<Item = Row<'a>> + Clone {
    let of = |table: &'a Reflections, integrated| (0..table.len()).map(move |row| Row { table, row, integrated });
    of(&data.reflections, true).chain(of(&more.left_out, false))
}

fn find<'a>(data: &'a Data, more: &'a Integration, wanted: Wanted) -> Option<Row<'a>> {
    let mut all = rows(data, more);
    match wanted {
        Wanted::Number(n) => all.find(|r| r.number() == n),
        Wanted::After(n) => all.filter(|r| r.number() > n).min_by_key(Row::number),
        Wanted::Before(n) => all.filter(|r| r.number() < n).max_by_key(Row::number),
        Wanted::Index(hkl) => all.filter(|r| r.table.hkl.get(r.row) == Some(&hkl)).min_by_key(|r| (!r.integrated, r.number())),
        Wanted::Near { imageset, hkl, at } => {
            let there = |r: &Row<'_>| r.table.hkl.get(r.row) == Some(&hkl) && r.table.imageset_id.get(r.row) == Some(&(imageset as i32));
            let away = |r: &Row<'_>| {
                let xyz = place(&data.experiments, r);
                (0..3).map(|a| (xyz[a] - f64::from(at[a])).powi(2)).sum::<f64>()
            };
            all.filter(there).min_by(|a, b| away(a).total_cmp(&away(b)))
        }
    }
}

/// Where a reflection is predicted: x, y in px of the raw image, z in images from the image set's first.
fn place(experiments: &ExperimentList, r: &Row<'_>) -> [f64; 3] {
    let [x, y, z] = r.table.xyzcal_px.get(r.row).copied().unwrap_or_default();
    let e = r.table.id.get(r.row).and_then(|e| usize::try_from(*e).ok());
    let Some(models) = e.and_then(|e| experiments.models(e)) else { return [x, y, z] };
    let panel = r.table.panel.get(r.row).and_then(|p| models.detector.panels.get(usize::try_from(*p).ok()?));
    let [dx, dy] = panel.map_or([0, 0], |p| p.raw_image_offset);
    let set = e.and_then(|e| experiments.experiments[e].imageset);
    let own = experiments.experiments.iter().filter(|x| x.imageset == set);
    let start = own.filter_map(|x| experiments.scans.get(x.scan?)).map(|s| s.first_image).min();
    [x + dx as f64, y + dy as f64, z + (models.scan.first_image - start.unwrap_or(models.scan.first_image)) as f64]
}

impl Session {
    /// The reflection that is wanted; `None` where there is no such one.
    ///
    /// # Errors
    /// When nothing has been integrated in this session, or the images cannot be read any more.
    pub fn observation(&self, wanted: Wanted) -> Result<Option<Observation>, SessionError> {
        let needs = SessionError::Needs { stage: StageId::Integrate, needs: StageId::Integrate };
        let (data, more) = self.results.integrated.as_ref().zip(self.results.integration.as_ref()).ok_or(needs)?;
        let Some(found) = find(data, more, wanted) else { return Ok(None) };
        let account = account(
            &data.experiments,
            &more.learned,
            [&data.reflections, &more.left_out],
            [usize::from(!found.integrated), found.row],
            &self.images,
        )?;
        let mut same: Vec<u64> = rows(data, more).filter(|r| r.table.hkl.get(r.row) == Some(&account.hkl)).map(|r| r.number()).collect();
        same.sort_unstable();
        let imageset = data.experiments.experiments[account.experiment].imageset.unwrap_or(0);
        Ok(Some(Observation { number: found.number(), same, imageset, at: place(&data.experiments, &found), account }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(numbers: &[(u64, [i32; 3], f64)]) -> Reflections {
        let mut t = Reflections::with_rows(numbers.len());
        t.partial_id = numbers.iter().map(|n| n.0).collect();
        t.hkl = numbers.iter().map(|n| n.1).collect();
        t.xyzcal_px = numbers.iter().map(|n| [10.0, 10.0, n.2]).collect();
        t.imageset_id = vec![0; numbers.len()];
        t
    }

    #[test]
    fn reflections_are_found_in_both_tables_and_walked_through_in_their_order() {
        let [a, b] = [[1, 2, 3], [0, 0, 4]];
        let data = Data { reflections: table(&[(0, b, 1.0), (3, a, 50.0), (4, a, 90.0)]), ..Data::default() };
        let more = Integration { left_out: table(&[(1, a, 5.0), (2, b, 7.0)]), learned: Default::default() };
        let number = |w| find(&data, &more, w).map(|r| r.number());
        assert_eq!((number(Wanted::Number(2)), number(Wanted::Number(9))), (Some(2), None));
        assert_eq!((number(Wanted::After(0)), number(Wanted::After(2)), number(Wanted::After(4))), (Some(1), Some(3), None));
        assert_eq!((number(Wanted::Before(3)), number(Wanted::Before(0))), (Some(2), None));
        // Integrated ones first.
        assert_eq!((number(Wanted::Index(a)), number(Wanted::Index([9, 9, 9]))), (Some(3), None));
        let near = |z| number(Wanted::Near { imageset: 0, hkl: a, at: [11, 9, z] });
        assert_eq!((near(0), near(60), near(80)), (Some(1), Some(3), Some(4)));
    }
}
