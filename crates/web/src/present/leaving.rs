//! What would be lost if the page were left.

use ewald_core::session::StageId;

/// The furthest stage whose results have been computed and not saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsaved(Option<StageId>);

impl Unsaved {
    /// A stage has finished. Import is made again by opening the files.
    pub fn computed(&mut self, stage: StageId) {
        if stage > StageId::Import {
            self.0 = self.0.max(Some(stage));
        }
    }

    /// A file has been saved. The results of a stage hold all that those before it came to; reports do not.
    pub fn saved(&mut self, name: &str) {
        let of = StageId::ALL.into_iter().find(|s| s.files().contains(&name));
        // Files for other programs are made from merging's.
        let other = [".cif", ".hkl", ".ins", ".HKL"].iter().any(|end| name.ends_with(end)).then_some(StageId::Merge);
        if of.or(other) >= self.0 {
            self.0 = None;
        }
    }

    /// Whether anything would be lost.
    pub fn any(self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::session::other_files;

    #[test]
    fn results_are_lost_until_the_last_ones_are_saved() {
        let mut unsaved = Unsaved::default();
        unsaved.computed(StageId::Import);
        assert!(!unsaved.any());
        unsaved.computed(StageId::FindSpots);
        unsaved.computed(StageId::Index);
        for (name, left) in [("strong.refl", true), ("report.html", true), ("indexed.refl", false)] {
            unsaved.saved(name);
            assert_eq!(unsaved.any(), left, "{name}");
        }
        let all = other_files(2);
        for name in all.iter().map(String::as_str).chain(["merged.mtz"]) {
            unsaved.computed(StageId::Merge);
            unsaved.saved("scaled.refl");
            assert!(unsaved.any());
            unsaved.saved(name);
            assert!(!unsaved.any(), "{name}");
        }
        // An earlier stage that is run again has a new result.
        unsaved.computed(StageId::Index);
        assert!(unsaved.any());
    }
}
