//! The points' colours: Okabe and Ito (2008) for kinds, viridis for numbers; and the legend that explains them.

use ewald_core::session::StageId;
use ewald_protocol::LatticeHeader;

/// Red, green, blue, 0 to 1.
pub type Rgb = [f32; 3];

/// What the colours tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourBy {
    /// The sweep.
    Sweep,
    /// The crystal; grey without an index.
    Lattice,
    /// Whether there is an index, and whether refinement believes the spot.
    Indexed,
    /// 1/d².
    Resolution,
    /// The position in the sweep.
    Image,
}

impl ColourBy {
    /// All, in the order of the list.
    pub const ALL: [ColourBy; 5] = [ColourBy::Sweep, ColourBy::Lattice, ColourBy::Indexed, ColourBy::Resolution, ColourBy::Image];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            ColourBy::Sweep => "sweep",
            ColourBy::Lattice => "lattice",
            ColourBy::Indexed => "indexed",
            ColourBy::Resolution => "resolution",
            ColourBy::Image => "image",
        }
    }

    /// What tells most of a stage's result.
    pub fn of(header: &LatticeHeader) -> Self {
        let sweeps = sweeps(header).len();
        match header.after {
            StageId::FindSpots if sweeps > 1 => ColourBy::Sweep,
            StageId::FindSpots => ColourBy::Resolution,
            _ => ColourBy::Lattice,
        }
    }
}

/// #0072B2 blue, #D55E00 vermillion, #009E73 green, #CC79A7 purple, #E69F00 orange, #56B4E9 sky blue: those that are seen on white and on black.
const OKABE_ITO: [Rgb; 6] = [rgb(0x0072b2), rgb(0xd55e00), rgb(0x009e73), rgb(0xcc79a7), rgb(0xe69f00), rgb(0x56b4e9)];

/// Viridis (Smith and van der Walt, 2015) at equal steps.
pub const VIRIDIS: [Rgb; 9] =
    [rgb(0x440154), rgb(0x472d7b), rgb(0x3b528b), rgb(0x2c728e), rgb(0x21918c), rgb(0x28ae80), rgb(0x5ec962), rgb(0xaddc30), rgb(0xfde725)];

/// Points without an index, when the others are coloured by lattice.
const GREY: Rgb = rgb(0x8a9199);

const fn rgb(hex: u32) -> Rgb {
    [(hex >> 16 & 255) as f32 / 255.0, (hex >> 8 & 255) as f32 / 255.0, (hex & 255) as f32 / 255.0]
}

/// The colour of a sweep or a crystal. On a dark ground blue gives its place to sky blue, which is seen better there.
pub fn category(number: usize, dark: bool) -> Rgb {
    const ON_DARK: [usize; 6] = [5, 4, 2, 3, 1, 0];
    let k = number % OKABE_ITO.len();
    OKABE_ITO[if dark { ON_DARK[k] } else { k }]
}

/// Colours of the points of one group: [without an index, with one, rejected in refinement].
pub fn of_group(by: ColourBy, sweep: usize, crystal: Option<usize>, dark: bool) -> [Rgb; 3] {
    match by {
        ColourBy::Lattice => {
            let colour = crystal.map_or(GREY, |c| category(c, dark));
            [GREY, colour, colour]
        }
        ColourBy::Indexed => [category(1, dark), category(0, dark), category(3, dark)],
        _ => [category(sweep, dark); 3],
    }
}

/// The part of viridis that stands out from the ground.
pub fn ramp(dark: bool) -> [f32; 2] {
    if dark { [0.2, 1.0] } else { [0.0, 0.88] }
}

/// Viridis at `t`, 0 to 1.
pub fn viridis(t: f32) -> Rgb {
    let s = t.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f32;
    let k = (s as usize).min(VIRIDIS.len() - 2);
    let f = s - k as f32;
    [0, 1, 2].map(|i| VIRIDIS[k][i] * (1.0 - f) + VIRIDIS[k + 1][i] * f)
}

/// As CSS writes it.
pub fn css(c: Rgb) -> String {
    let [r, g, b] = c.map(|v| (v * 255.0).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Reads `rgb(1, 2, 3)` as browsers give computed colours; `None` for anything else or when it is transparent.
pub fn of_css(text: &str) -> Option<Rgb> {
    let inside = text.strip_prefix("rgba(").or_else(|| text.strip_prefix("rgb("))?.strip_suffix(')')?;
    let numbers: Vec<f32> = inside.split([',', ' ', '/']).filter(|s| !s.is_empty()).map(|s| s.parse().ok()).collect::<Option<_>>()?;
    match numbers[..] {
        [r, g, b] => Some([r, g, b].map(|v| v / 255.0)),
        [r, g, b, a] if a > 0.0 => Some([r, g, b].map(|v| v / 255.0)),
        _ => None,
    }
}

/// Whether text on such a ground had better be light.
pub fn is_dark([r, g, b]: Rgb) -> bool {
    0.2126 * r + 0.7152 * g + 0.0722 * b < 0.4
}

/// The sweeps that have points, in order.
pub fn sweeps(header: &LatticeHeader) -> Vec<usize> {
    let mut all: Vec<usize> = header.groups.iter().map(|g| g.sweep).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The crystals that have points, in order.
pub fn crystals(header: &LatticeHeader) -> Vec<usize> {
    let mut all: Vec<usize> = header.groups.iter().filter_map(|g| g.crystal).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What explains the colours.
#[derive(Debug, Clone, PartialEq)]
pub enum Legend {
    /// A colour a kind.
    Kinds(Vec<(String, String)>),
    /// Colours along a scale, and what its ends are.
    Scale {
        /// CSS colours at equal steps.
        colours: Vec<String>,
        /// The lower end.
        from: String,
        /// The upper end.
        to: String,
    },
}

/// The legend; `q_max` is 1/d of the finest points, Å⁻¹.
pub fn legend(by: ColourBy, header: &LatticeHeader, q_max: f64, dark: bool) -> Legend {
    let indexed = header.after != StageId::FindSpots;
    let scale = |from: String, to: String| {
        let [low, high] = ramp(dark);
        let colours = (0..=8).map(|k| css(viridis(low + (high - low) * k as f32 / 8.0))).collect();
        Legend::Scale { colours, from, to }
    };
    match by {
        ColourBy::Sweep => Legend::Kinds(sweeps(header).iter().map(|s| (css(category(*s, dark)), format!("sweep {}", s + 1))).collect()),
        ColourBy::Lattice => {
            let mut kinds: Vec<_> = crystals(header).iter().map(|c| (css(category(*c, dark)), format!("lattice {}", c + 1))).collect();
            kinds.push((css(GREY), "not indexed".to_owned()));
            Legend::Kinds(kinds)
        }
        ColourBy::Indexed => {
            let [without, with, rejected] = of_group(by, 0, None, dark).map(css);
            let mut kinds = vec![(without, "not indexed".to_owned())];
            if indexed {
                kinds.insert(0, (with, "indexed".to_owned()));
                kinds.push((rejected, "indexed, outlier".to_owned()));
            }
            Legend::Kinds(kinds)
        }
        ColourBy::Resolution => scale("low resolution".to_owned(), format!("{:.2} Å", 1.0 / q_max)),
        ColourBy::Image => {
            let last = header.groups.iter().map(|g| g.images).max().unwrap_or(1);
            scale("image 1".to_owned(), last.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::tests::header;
    use super::*;

    #[test]
    fn neighbouring_kinds_differ_and_all_are_seen_on_their_ground() {
        let luminance = |c: Rgb| 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
        for dark in [false, true] {
            for k in 0..6 {
                let (a, b) = (category(k, dark), category(k + 1, dark));
                assert!((0..3).map(|i| (a[i] - b[i]).abs()).sum::<f32>() > 0.3, "{k} {dark}");
                assert!(if dark { luminance(a) > 0.3 } else { luminance(a) < 0.75 });
            }
        }
    }

    #[test]
    fn viridis_goes_through_its_stops_and_gets_lighter() {
        assert_eq!(css(viridis(0.0)), "#440154");
        assert_eq!(css(viridis(1.0)), "#fde725");
        assert_eq!(css(viridis(0.5)), "#21918c");
        let light: Vec<f32> =
            (0..=20).map(|k| viridis(k as f32 / 20.0).iter().zip([0.2126, 0.7152, 0.0722]).map(|(c, w)| c * w).sum()).collect();
        assert!(light.windows(2).all(|w| w[1] > w[0]));
    }

    #[test]
    fn computed_colours_are_read() {
        assert_eq!(of_css("rgb(255, 0, 51)"), Some([1.0, 0.0, 0.2]));
        assert_eq!(of_css("rgba(0, 0, 0, 0)"), None);
        assert_eq!(of_css("rgb(0 0 51 / 0.5)"), Some([0.0, 0.0, 0.2]));
        assert_eq!(of_css("transparent"), None);
        assert!(is_dark([0.1, 0.1, 0.12]) && !is_dark([0.96, 0.96, 0.97]));
    }

    #[test]
    fn colours_follow_the_stage_and_the_legend_names_what_is_there() {
        let mut h = header();
        assert_eq!(ColourBy::of(&h), ColourBy::Lattice);
        let Legend::Kinds(kinds) = legend(ColourBy::Lattice, &h, 0.5, false) else { panic!() };
        assert_eq!(kinds.iter().map(|k| &k.1[..]).collect::<Vec<_>>(), ["lattice 1", "lattice 2", "not indexed"]);
        h.after = StageId::FindSpots;
        assert_eq!(ColourBy::of(&h), ColourBy::Sweep);
        h.groups.truncate(1);
        assert_eq!(ColourBy::of(&h), ColourBy::Resolution);
        let Legend::Scale { colours, to, .. } = legend(ColourBy::Resolution, &h, 0.5, false) else { panic!() };
        assert_eq!((colours.len(), &to[..]), (9, "2.00 Å"));
    }
}
