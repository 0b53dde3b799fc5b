//! A reflection's shoebox as pictures: one for each image and each thing that is shown of its pixels.

use ewald_core::stages::integrate::Account;

/// What is shown of the pixels, one row of pictures each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The counts.
    Counts,
    /// What background and fit let one expect: b + I p.
    Expected,
    /// The background.
    Background,
    /// The profile: the part of the reflection in each pixel.
    Profile,
    /// What the reflections upon it have.
    Beside,
    /// What the counts differ by, in standard deviations of what is expected.
    Difference,
}

impl Layer {
    /// All that there are of a reflection.
    pub fn of(account: &Account) -> Vec<Layer> {
        let (background, profile) = (!account.background.is_empty(), !account.profile.is_empty());
        let beside = !account.beside.is_empty();
        let all = [
            (Layer::Counts, !account.counts.is_empty()),
            (Layer::Expected, background && account.fit.is_some()),
            (Layer::Background, background),
            (Layer::Profile, profile),
            (Layer::Beside, beside),
            (Layer::Difference, background),
        ];
        all.into_iter().filter(|(_, there)| *there).map(|(layer, _)| layer).collect()
    }

    /// Its name, with what it is.
    pub fn title(self) -> &'static str {
        match self {
            Layer::Counts => "Counts c",
            Layer::Expected => "Expected v",
            Layer::Background => "Background b",
            Layer::Profile => "Profile p, %",
            Layer::Beside => "Others' counts ΣJ·q",
            Layer::Difference => "(c − v)/√v",
        }
    }
}

/// What is known of a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixel {
    /// Its counts, `None` where they cannot be used.
    pub counts: Option<i32>,
    /// Whether they are above the trusted range.
    pub overloaded: bool,
    /// Whether it belongs to the reflection.
    pub foreground: bool,
    /// Whether the fit left it out as a spike.
    pub spike: bool,
    /// Background.
    pub background: Option<f64>,
    /// The part of the reflection.
    pub part: Option<f64>,
    /// What the reflections upon it have, counts; 0 where there are none.
    pub beside: f64,
    /// Whether it is no background because it belongs to another reflection.
    pub taken: bool,
    /// What is expected.
    pub expected: Option<f64>,
}

impl Pixel {
    /// The pixel with that number.
    pub fn of(a: &Account, n: usize) -> Option<Pixel> {
        let counts = *a.counts.get(n)?;
        let background = a.background.get(n).map(|b| f64::from(*b));
        let part = a.profile.get(n).map(|p| f64::from(*p));
        let intensity = a.fit.as_ref().map(|f| f.intensity.max(0.0));
        let beside = a.beside.get(n).map_or(0.0, |o| f64::from(*o));
        let reflection = part.zip(intensity).map_or(0.0, |(p, i)| p * i) + beside.max(0.0);
        Some(Pixel {
            counts: (counts >= 0).then_some(counts),
            overloaded: counts == -2,
            foreground: a.foreground.get(n % a.foreground.len().max(1)).copied().unwrap_or(false),
            spike: a.spikes.binary_search(&(n as u32)).is_ok(),
            background,
            part,
            beside,
            taken: a.taken.binary_search(&(n as u32)).is_ok(),
            expected: background.map(|b| b + reflection),
        })
    }

    /// What a layer shows of it.
    pub fn value(&self, layer: Layer) -> Option<f64> {
        match layer {
            Layer::Counts => self.counts.map(f64::from),
            Layer::Expected => self.expected,
            Layer::Background => self.background,
            Layer::Profile => self.part.filter(|_| self.foreground).map(|p| 100.0 * p),
            Layer::Beside => self.foreground.then_some(self.beside),
            Layer::Difference => {
                let (c, v) = self.counts.zip(self.expected)?;
                Some((f64::from(c) - v) / v.max(LEAST).sqrt())
            }
        }
    }

    /// All of it in words.
    pub fn words(&self) -> String {
        let what = match (self.foreground, self.spike) {
            (true, true) => "of the reflection, left out: it cannot belong to it",
            (true, false) => "of the reflection",
            _ if self.taken => "of another reflection, therefore no background",
            _ => "background",
        };
        let counts = match self.counts {
            Some(c) => format!("c = {c}"),
            None if self.overloaded => "above the trusted range".to_owned(),
            None => "not usable".to_owned(),
        };
        let of = |name: &str, v: Option<f64>| v.map_or(String::new(), |v| format!(", {name} = {}", digits(v)));
        let part = of("p", self.part.filter(|_| self.foreground));
        let others = of("others", Some(self.beside).filter(|o| *o != 0.0));
        let rest = [of("b", self.background), part, others, of("v", self.expected), of("(c − v)/√v", self.value(Layer::Difference))];
        format!("{what}: {counts}{}", rest.concat())
    }
}

/// Where nothing is expected, a count would be infinitely many standard deviations away.
const LEAST: f64 = 0.05;

/// Values drawn with no strength and with full strength.
pub fn range(a: &Account, layer: Layer) -> [f64; 2] {
    let values = || (0..a.counts.len()).filter_map(|n| Pixel::of(a, n));
    let highest = |layer: Layer| values().filter(|p| !p.spike).filter_map(|p| p.value(layer)).fold(0.0, f64::max);
    match layer {
        // Counts and what is expected of them are compared by eye.
        Layer::Counts | Layer::Expected | Layer::Beside => [0.0, highest(Layer::Counts).max(1.0)],
        Layer::Background => {
            let most = highest(layer);
            // Level ground is light, and what slopes is seen.
            [0.0, if most > 0.0 { 20.0 * most } else { 1.0 }]
        }
        Layer::Profile => [0.0, highest(layer).max(1e-3)],
        Layer::Difference => [-5.0, 5.0],
    }
}

/// Name of a layer with the lowest and the highest value in it.
pub fn heading(a: &Account, layer: Layer) -> String {
    let values = (0..a.counts.len()).filter_map(|n| Pixel::of(a, n)?.value(layer));
    let [low, high] = values.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)]);
    if low > high {
        return layer.title().to_owned();
    }
    format!("{}  {} to {}", layer.title(), written(layer, low), written(layer, high))
}

/// The colour of a value: dark on light, or blue below and orange above for differences (Okabe & Ito 2008).
pub fn colour(layer: Layer, [low, high]: [f64; 2], value: f64) -> [u8; 3] {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    if layer == Layer::Difference {
        let t = 2.0 * t - 1.0;
        let end = if t < 0.0 { [0.0, 114.0, 178.0] } else { [213.0, 94.0, 0.0] };
        return [0, 1, 2].map(|k| (255.0 + (end[k] - 255.0) * t.abs()) as u8);
    }
    // Weak pixels show by the square root.
    [(255.0 * (1.0 - t.sqrt())) as u8; 3]
}

/// Whether what is written on a colour is to be black.
pub fn light([r, g, b]: [u8; 3]) -> bool {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b) > 140.0
}

/// A value in a pixel, short enough for it.
pub fn written(layer: Layer, value: f64) -> String {
    match layer {
        Layer::Counts => format!("{value:.0}"),
        _ if value.abs() >= 99.95 => format!("{value:.0}"),
        _ if value.abs() >= 9.995 => format!("{value:.1}"),
        Layer::Difference => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Three significant digits.
fn digits(v: f64) -> String {
    let size = v.abs();
    if size >= 100.0 || size == 0.0 {
        return format!("{v:.0}");
    }
    if size < 1e-4 {
        return format!("{v:.1e}");
    }
    let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
    format!("{v:.decimals$}")
}

/// Most images that are drawn; of longer boxes those about the predicted one.
pub const MOST_IMAGES: usize = 60;

/// How the pictures stand beside each other, in screen pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sheet {
    /// Screen pixels per pixel.
    pub zoom: f64,
    /// First image that is drawn, and how many are.
    pub images: [usize; 2],
    /// Rows and columns of a picture.
    pub size: [usize; 2],
}

/// Between two pictures.
const GAP: f64 = 8.0;

impl Sheet {
    /// The images of a reflection, `zoom` screen pixels a pixel.
    pub fn new(a: &Account, zoom: f64) -> Sheet {
        let [depth, rows, columns] = a.size();
        let n = depth.min(MOST_IMAGES);
        let middle = (a.predicted[2] - f64::from(a.bbox[4])).clamp(0.0, depth as f64) as usize;
        let first = middle.saturating_sub(n / 2).min(depth - n);
        Sheet { zoom, images: [first, n], size: [rows, columns] }
    }

    /// Screen pixels per pixel so that pictures have about the height `wanted`, but numbers cannot be larger than readable.
    pub fn fitting(a: &Account, wanted: f64) -> f64 {
        let [_, rows, _] = a.size();
        (wanted / rows.max(1) as f64).floor().clamp(3.0, 24.0)
    }

    /// Width and height of a row of pictures.
    pub fn extent(&self) -> [f64; 2] {
        let [rows, columns] = self.size;
        [self.images[1] as f64 * (columns as f64 * self.zoom + GAP), rows as f64 * self.zoom]
    }

    /// Where the picture of an image begins.
    pub fn left(&self, k: usize) -> f64 {
        (k - self.images[0]) as f64 * (self.size[1] as f64 * self.zoom + GAP)
    }

    /// Image, row and column at a place, if there is a pixel.
    pub fn hit(&self, [x, y]: [f64; 2]) -> Option<[usize; 3]> {
        let [rows, columns] = self.size;
        let pitch = columns as f64 * self.zoom + GAP;
        let (k, j) = ((x / pitch).floor(), (y / self.zoom).floor());
        let i = ((x - k * pitch) / self.zoom).floor();
        let there = x >= 0.0 && y >= 0.0 && k < self.images[1] as f64 && j < rows as f64 && i < columns as f64;
        there.then(|| [self.images[0] + k as usize, j as usize, i as usize])
    }
}

/// A Miller index as it was typed: three whole numbers with anything between them.
pub fn parse_hkl(text: &str) -> Option<[i32; 3]> {
    let plain = text.replace(['−', '–'], "-");
    let numbers: Option<Vec<i32>> =
        plain.split(|c: char| !(c.is_ascii_digit() || c == '-' || c == '+')).filter(|w| !w.is_empty()).map(|w| w.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ewald_core::stages::integrate::{Fate, FitTerms, Sum};

    /// Two images of two rows and three columns.
    fn account() -> Account {
        Account {
            experiment: 0,
            hkl: [1, 2, 3],
            entering: true,
            panel: 0,
            bbox: [10, 13, 20, 22, 5, 7],
            first_image: 1,
            predicted: [11.5, 21.0, 6.2],
            phi: 0.0,
            d: 2.0,
            zeta: 0.9,
            partiality: 1.0,
            lp: 1.0,
            qe: 1.0,
            flags: 0,
            fate: Fate::Both,
            counts: vec![1, 4, -1, 0, 9, -2, 2, 900, 0, 1, 3, 0],
            foreground: vec![false, true, false, false, true, true],
            background: vec![1.0; 12],
            profile: vec![0.0, 0.25, 0.0, 0.0, 0.3, 0.1, 0.0, 0.2, 0.0, 0.0, 0.1, 0.0],
            beside: Vec::new(),
            spikes: vec![7],
            taken: vec![3],
            upon: Vec::new(),
            sum: Sum::default(),
            fit: Some(FitTerms { intensity: 20.0, ..FitTerms::default() }),
            tabulated: [f64::NAN; 4],
            agrees: true,
        }
    }

    #[test]
    fn a_pixel_tells_what_it_is_and_what_was_expected_of_it() {
        let a = account();
        let p = Pixel::of(&a, 4).unwrap();
        assert_eq!((p.counts, p.foreground, p.expected), (Some(9), true, Some(1.0 + 20.0 * f64::from(0.3f32))));
        assert_eq!(p.words(), "of the reflection: c = 9, b = 1.00, p = 0.300, v = 7.00, (c − v)/√v = 0.756");
        let overloaded = Pixel::of(&a, 5).unwrap();
        assert!(
            overloaded.overloaded && overloaded.value(Layer::Counts).is_none() && overloaded.words().contains("above the trusted range")
        );
        assert!(Pixel::of(&a, 7).unwrap().words().contains("cannot belong"));
        assert_eq!(Pixel::of(&a, 2).unwrap().words(), "background: not usable, b = 1.00, v = 1.00");
        assert_eq!(
            Pixel::of(&a, 3).unwrap().words(),
            "of another reflection, therefore no background: c = 0, b = 1.00, v = 1.00, (c − v)/√v = -1.00"
        );
        let among = Account { beside: [0.0, 2.0].repeat(6), ..a.clone() };
        assert_eq!(
            Pixel::of(&among, 1).unwrap().words(),
            "of the reflection: c = 4, b = 1.00, p = 0.250, others = 2.00, v = 8.00, (c − v)/√v = -1.41"
        );
        assert_eq!((Layer::of(&among).len(), Pixel::of(&among, 1).unwrap().value(Layer::Beside)), (6, Some(2.0)));
        assert_eq!(Pixel::of(&a, 12), None);
        // The spike does not fade the rest.
        assert_eq!((range(&a, Layer::Counts), range(&a, Layer::Background)), ([0.0, 9.0], [0.0, 20.0]));
        assert_eq!(heading(&a, Layer::Counts), "Counts c  0 to 900");
        assert_eq!(Layer::of(&a).len(), 5);
        assert_eq!(Layer::of(&Account { fit: None, profile: Vec::new(), ..a }), [Layer::Counts, Layer::Background, Layer::Difference]);
    }

    #[test]
    fn places_on_the_sheet_are_pixels() {
        let sheet = Sheet::new(&account(), 10.0);
        assert_eq!((sheet.images, sheet.extent(), sheet.left(1)), ([0, 2], [76.0, 20.0], 38.0));
        assert_eq!(sheet.hit([5.0, 15.0]), Some([0, 1, 0]));
        assert_eq!(sheet.hit([38.0 + 29.0, 1.0]), Some([1, 0, 2]));
        assert_eq!((sheet.hit([33.0, 1.0]), sheet.hit([5.0, 20.0]), sheet.hit([-1.0, 0.0])), (None, None, None));
        let long = Account { bbox: [0, 3, 0, 2, 0, 200], predicted: [0.0, 0.0, 190.0], ..account() };
        assert_eq!(Sheet::new(&long, 4.0).images, [140, 60]);
    }

    #[test]
    fn differences_are_blue_and_orange_and_numbers_can_be_read() {
        assert_eq!(colour(Layer::Difference, [-5.0, 5.0], 0.0), [255; 3]);
        assert_eq!((colour(Layer::Counts, [0.0, 9.0], 9.0), colour(Layer::Counts, [0.0, 9.0], 0.0)), ([0; 3], [255; 3]));
        assert!(light([255; 3]) && !light([0; 3]));
        assert_eq!((written(Layer::Counts, 1234.0), written(Layer::Background, 0.4321)), ("1234".to_owned(), "0.43".to_owned()));
    }

    #[test]
    fn indices_are_read_however_they_are_written() {
        for text in ["1 -2 3", "(1, −2, 3)", "1,-2,3", " 1/-2/+3 "] {
            assert_eq!(parse_hkl(text), Some([1, -2, 3]), "{text}");
        }
        for text in ["", "1 2", "1 2 3 4", "a b c", "1-2 3 4"] {
            assert_eq!(parse_hkl(text), None, "{text}");
        }
    }
}
