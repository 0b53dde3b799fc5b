//! Parameters of the Bravais table.

use crate::params::{Kind, ParamError, ParamValue};
use crate::refinement::Fixed;
use serde::{Deserialize, Serialize};

/// Which solution the following stages go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Apply {
    /// The indexed lattice as it is.
    None,
    /// The highest symmetry that the data support beyond doubt (see the module's documentation), or none.
    #[default]
    Recommended,
    /// The solution with this number in the table.
    Solution(usize),
}

impl From<Apply> for String {
    fn from(a: Apply) -> String {
        match a {
            Apply::None => "none".to_owned(),
            Apply::Recommended => "recommended".to_owned(),
            Apply::Solution(n) => n.to_string(),
        }
    }
}

impl TryFrom<String> for Apply {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.trim() {
            "none" => Ok(Apply::None),
            "recommended" => Ok(Apply::Recommended),
            other => other
                .parse()
                .map(Apply::Solution)
                .map_err(|_| format!("{other:?} is none of none, recommended, or the number of a solution")),
        }
    }
}

impl ParamValue for Apply {
    fn kind() -> Kind {
        Kind::Text
    }
    fn parse(text: &str) -> Result<Self, String> {
        Apply::try_from(text.to_owned())
    }
    fn text(&self) -> String {
        (*self).into()
    }
}

crate::parameters! {
    /// Parameters of the Bravais table.
    pub struct Params {
        /// What the following stages go on with: `none` keeps the indexed lattice, `recommended` takes the highest symmetry that the data
        /// support beyond doubt, a number takes that solution of the table.
        [basic; ""; 0.0..=0.0; ""]
        apply: Apply = Apply::Recommended,
        /// Largest angle between a row of the lattice and the normal of the plane for which the row counts as a two-fold axis.
        [basic; "°"; 0.0..=20.0; "lepage_max_delta"]
        max_delta: f64 = 5.0,
        /// For centred monoclinic lattices, I is taken instead of C where its cell is less oblique.
        [expert; ""; 0.0..=0.0; "best_monoclinic_beta"]
        best_monoclinic_beta: bool = true,
        /// Reflections used in each refinement, per degree of rotation.
        [expert; "per degree"; 1.0..=100000.0; "refinement.reflections.reflections_per_degree"]
        reflections_per_degree: usize = 100,
        /// Parameters that refinement keeps, by name, separated by commas, as in the `fix` of refinement.
        [expert; ""; 0.0..=0.0; "refinement.parameterisation.fix_list"]
        fix: String = String::new(),
    }
}

impl Params {
    /// The parameters that refinement keeps.
    pub(super) fn fixed(&self) -> Result<Vec<Fixed>, ParamError> {
        Fixed::parse_list(&self.fix).map_err(|reason| ParamError::Value { name: "fix".to_owned(), reason })
    }
}
