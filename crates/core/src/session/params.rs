use super::StageId;
use crate::params::{Field, ParamError, Parameters};
use crate::stages::{bravais, import, index, integrate, merge, refine, scale, spots, symmetry};
use serde::{Deserialize, Serialize};

/// The parameters of every stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SessionParams {
    /// Of [`StageId::Import`].
    pub import: import::Params,
    /// Of [`StageId::FindSpots`].
    pub find_spots: spots::Params,
    /// Of [`StageId::Index`].
    pub index: index::Params,
    /// Of [`StageId::Bravais`].
    pub bravais: bravais::Params,
    /// Of [`StageId::Refine`].
    pub refine: refine::Params,
    /// Of [`StageId::Integrate`].
    pub integrate: integrate::Params,
    /// Of [`StageId::Symmetry`].
    pub symmetry: symmetry::Params,
    /// Of [`StageId::Scale`].
    pub scale: scale::Params,
    /// Of [`StageId::Merge`].
    pub merge: merge::Params,
}

/// A parameter with its present value, for a form or a listing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParamView {
    /// Name.
    pub name: String,
    /// What it means.
    pub doc: String,
    /// Unit, or empty.
    pub unit: String,
    /// DIALS' name, or empty.
    pub dials: String,
    /// Smallest and largest value allowed.
    pub range: [f64; 2],
    /// True for the few that people change.
    pub basic: bool,
    /// True when `auto` is a value.
    pub optional: bool,
    /// What it takes, as JSON (see [`Kind`](crate::params::Kind)).
    pub kind: serde_json::Value,
    /// Present value.
    pub value: String,
    /// Default value.
    pub default: String,
}

/// The parameters of any declaration with their values.
pub fn parameter_views<P: Parameters>(params: &P) -> Vec<ParamView> {
    let default = P::default();
    let view = |f: &Field| ParamView {
        name: f.name.to_owned(),
        doc: f.doc.trim().to_owned(),
        unit: f.unit.to_owned(),
        dials: f.dials.to_owned(),
        range: f.range,
        basic: f.basic,
        optional: f.optional,
        kind: serde_json::to_value((f.kind)()).unwrap_or_default(),
        value: params.get(f.name).unwrap_or_default(),
        default: default.get(f.name).unwrap_or_default(),
    };
    P::fields().iter().map(view).collect()
}

impl SessionParams {
    /// The parameters of one stage with their values.
    pub fn views(&self, stage: StageId) -> Vec<ParamView> {
        match stage {
            StageId::Import => parameter_views(&self.import),
            StageId::FindSpots => parameter_views(&self.find_spots),
            StageId::Index => parameter_views(&self.index),
            StageId::Bravais => parameter_views(&self.bravais),
            StageId::Refine => parameter_views(&self.refine),
            StageId::Integrate => parameter_views(&self.integrate),
            StageId::Symmetry => parameter_views(&self.symmetry),
            StageId::Scale => parameter_views(&self.scale),
            StageId::Merge => parameter_views(&self.merge),
        }
    }

    /// Sets a parameter from text and checks its range; on error nothing is changed.
    pub fn set(&mut self, stage: StageId, name: &str, text: &str) -> Result<(), ParamError> {
        fn set<P: Parameters>(params: &mut P, name: &str, text: &str) -> Result<(), ParamError> {
            let mut changed = params.clone();
            changed.set(name, text)?;
            changed.check_ranges()?;
            *params = changed;
            Ok(())
        }
        match stage {
            StageId::Import => set(&mut self.import, name, text),
            StageId::FindSpots => set(&mut self.find_spots, name, text),
            StageId::Index => set(&mut self.index, name, text),
            StageId::Bravais => set(&mut self.bravais, name, text),
            StageId::Refine => set(&mut self.refine, name, text),
            StageId::Integrate => set(&mut self.integrate, name, text),
            StageId::Symmetry => set(&mut self.symmetry, name, text),
            StageId::Scale => set(&mut self.scale, name, text),
            StageId::Merge => set(&mut self.merge, name, text),
        }
    }
}
