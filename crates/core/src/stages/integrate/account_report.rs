//! The account of a reflection in words, and its arithmetic so that it can be followed with a calculator.

use super::profile::LEAST_RECORDED;
use super::{Account, Fate, FitTerms, Params};
use crate::report::{Cell, Level, Report, Table};

impl Account {
    /// Verdict, key figures, and tables: where the reflection is, its sum, its fit, image by image, and what scaling takes of it.
    ///
    /// `params`: of integration, for the limits that it did not meet.
    pub fn report(&self, params: &Params) -> Report {
        let [h, k, l] = self.hkl;
        let mut r = Report::new(&format!("({h} {k} {l})"));
        r.headline = self.headline();
        r.verdict = self.verdict(params);
        r.level = match self.fate {
            Fate::Both => Level::Good,
            Fate::Summed if !params.profile_fitting => Level::Good,
            Fate::Summed | Fate::Fitted | Fate::Parted => Level::Warning,
            _ => Level::Bad,
        };
        if !self.agrees {
            r.warn("What was measured now is not what integration has found: images, masks or models have changed since. Integrate again");
        }
        r.label("fate", format!("{:?}", self.fate).to_lowercase());
        r.value("d", self.d).value("zeta", self.zeta).value("partiality", self.partiality).value("lp", self.lp).value("qe", self.qe);
        r.value("agrees", f64::from(u8::from(self.agrees)));
        r.tables.push(self.place());
        if !self.counts.is_empty() {
            let s = &self.sum;
            if !self.background.is_empty() {
                r.value("background_mean", s.level).value("i_sum", s.intensity).value("sigma_sum", s.variance.sqrt());
            }
            r.tables.push(self.summation());
        }
        if let Some(f) = &self.fit {
            r.value("i_prf", f.intensity).value("sigma_prf", f.variance.sqrt()).value("correlation", f.correlation);
            r.tables.push(self.fitting(f));
            r.tables.extend(self.upon_it());
            r.tables.push(self.by_image(f));
        }
        if self.fate.is_integrated() {
            r.tables.push(self.corrected());
        }
        r
    }

    /// The counts as a text, image by image: those of the reflection in brackets, `.` where a pixel cannot be used, `#` where it is above the trusted
    /// range, `*` behind what the fit left out.
    pub fn pixels_as_text(&self) -> String {
        let [_, rows, columns] = self.size();
        let mut out = String::new();
        for (k, image) in self.counts.chunks_exact((rows * columns).max(1)).enumerate() {
            out += &format!("image {}\n", self.first_image + i64::from(self.bbox[4]) + k as i64);
            let wide = image.iter().copied().max().unwrap_or(0).max(1).to_string().len();
            for (j, row) in image.chunks_exact(columns).enumerate() {
                for (i, c) in row.iter().enumerate() {
                    let n = j * columns + i;
                    let text = match *c {
                        super::measure::OVERLOADED => "#".to_owned(),
                        c if c < 0 => ".".to_owned(),
                        c => c.to_string(),
                    };
                    let left_out = self.spikes.binary_search(&((k * rows * columns + n) as u32)).is_ok();
                    let [open, close] = match (self.foreground.get(n).copied().unwrap_or(false), left_out) {
                        (true, true) => ["[", "*"],
                        (true, false) => ["[", "]"],
                        _ => [" ", " "],
                    };
                    out += &format!("{open}{text:>wide$}{close}");
                }
                out.push('\n');
            }
        }
        out
    }

    fn headline(&self) -> String {
        match (&self.fit, self.fate) {
            (Some(f), Fate::Both | Fate::Fitted | Fate::Parted) => measured(f.intensity, f.variance.sqrt()),
            (_, Fate::Summed) => measured(self.sum.intensity, self.sum.variance.sqrt()),
            _ => "Not integrated".to_owned(),
        }
    }

    /// How the reflection fared, and by how much it missed what was asked of it.
    fn verdict(&self, params: &Params) -> String {
        let [usable, all] = self.sum.foreground;
        let lost = all - usable;
        let overloaded =
            self.counts.iter().zip(self.foreground.iter().cycle()).filter(|(c, fg)| **fg && **c == super::measure::OVERLOADED).count();
        let pixels = match (lost, overloaded) {
            (_, 0) => format!("{lost} of its {all} pixels are masked, without data or beyond the panel"),
            (lost, o) if o as i32 == lost => format!("{o} of its {all} pixels are above the trusted range"),
            (_, o) => format!("{lost} of its {all} pixels cannot be used, {o} of them because they are above the trusted range"),
        };
        let spikes = match self.spikes.len() {
            0 => None,
            1 => Some("1 pixel cannot belong to it (a hot pixel, a cosmic ray) and was left out".to_owned()),
            n => Some(format!("{n} pixels cannot belong to it (hot pixels, cosmic rays) and were left out")),
        };
        match self.fate {
            Fate::Both if !self.beside.is_empty() => format!("Summed, and fitted together with {}.", self.others()),
            Fate::Both => "Summed and fitted.".to_owned(),
            Fate::Parted => format!(
                "Fitted together with {}; not summed, because {} of the counts in its pixels are theirs.",
                self.others(),
                format_args!("{:.0}", self.upon.iter().filter_map(|u| u.found).map(|f| f.counts).sum::<f64>())
            ),
            Fate::Inseparable => format!("It cannot be told from {}.", self.others()),
            Fate::Summed if !params.profile_fitting => "Summed; profiles were not fitted.".to_owned(),
            Fate::Summed if self.partiality < 0.99 => format!(
                "Summed, as far as its images go: {:.3} of its rocking curve was recorded. No profile could be fitted: {}.",
                self.partiality,
                self.unfitted()
            ),
            Fate::Summed => format!("Summed; no profile could be fitted: {}.", self.unfitted()),
            Fate::Fitted => match spikes {
                Some(s) if lost == 0 => format!("Fitted; not summed, because {s}."),
                Some(s) => format!("Fitted; not summed, because {pixels}; and {s}."),
                None => format!("Fitted to what is left of it; not summed, because {pixels}."),
            },
            Fate::Blind => format!(
                "|ζ| = {:.3} is less than min_zeta = {}. So near to the rotation axis a reflection stays in the diffracting position for \
                 a large part of the turn, and its rocking curve lies mostly in one that cannot be told from its neighbours'. Such reflections are \
                 recorded about another axis, or by their symmetry mates.",
                self.zeta.abs(),
                params.min_zeta
            ),
            Fate::NoBox => "Its rays miss the panel, or its box would be absurdly large.".to_owned(),
            Fate::NoBackground => {
                let n = self.sum.background[0];
                if (n as usize) < params.min_pixels {
                    format!("{n} usable pixels around it are fewer than min_pixels = {}.", params.min_pixels)
                } else {
                    format!("The {n} usable pixels around it do not determine a background.")
                }
            }
            Fate::Masked => format!(
                "{pixels}, and the usable part {:.2} is less than valid_foreground_threshold = {}.",
                f64::from(usable) / f64::from(all.max(1)),
                params.valid_foreground_threshold
            ),
            Fate::Unfitted => {
                let reasons = (lost > 0 || spikes.is_none()).then_some(pixels).into_iter().chain(spikes);
                let reasons = reasons.collect::<Vec<_>>().join(", and ");
                format!("It was not summed, because {reasons}; and no profile could be fitted: {}.", self.unfitted())
            }
        }
    }

    /// Why no profile was fitted, where one was to be.
    fn unfitted(&self) -> String {
        let foreground = self.foreground.iter().cycle();
        let usable = self.counts.iter().zip(foreground).map(|(c, fg)| *fg && *c >= 0);
        let recorded: f64 = self.profile.iter().zip(usable).filter(|(_, usable)| *usable).map(|(p, _)| f64::from(*p)).sum();
        if self.profile.is_empty() {
            "there is none here, for want of strong spots".to_owned()
        } else if recorded <= LEAST_RECORDED {
            format!("its usable pixels hold {recorded:.3} of it, less than {LEAST_RECORDED}")
        } else {
            "its centre is not on the images of the scan, so that most of it would be guessed".to_owned()
        }
    }

    /// The reflections upon it.
    fn others(&self) -> String {
        match &self.upon[..] {
            [one] => format!("({}), which lies upon it", index(one.hkl)),
            [] => "what lies upon it".to_owned(),
            all => format!("{} that lie upon it", all.len()),
        }
    }

    /// Who they are, how far away, and what was found of them.
    fn upon_it(&self) -> Option<Table> {
        let columns = [
            ("Reflection", "h k l"),
            ("ID", ""),
            ("Away", "px"),
            ("Away", "images"),
            ("Its part here", ""),
            ("Its counts here", ""),
            ("Correlation", ""),
        ];
        let mut t = Table::new("account_upon", "Reflections upon it", &columns);
        let nothing = if self.beside.is_empty() { "–" } else { "0" };
        for u in &self.upon {
            let [dx, dy, dz] = [0, 1, 2].map(|a| u.predicted[a] - self.predicted[a]);
            let found = |f: fn(&super::Found) -> String| u.found.as_ref().map_or(nothing.to_owned(), f);
            t.push(vec![
                index(u.hkl).into(),
                Cell::count(u.experiment),
                Cell::number(libm::hypot(dx, dy), 1),
                Cell::number(dz, 1),
                found(|f| format!("{:.3}", f.part)).into(),
                found(|f| short(f.counts)).into(),
                found(|f| format!("{:.2}", f.correlation)).into(),
            ]);
        }
        (!self.upon.is_empty()).then_some(t)
    }

    fn place(&self) -> Table {
        let mut t = Table::new("reflection", "Where it is", &[("Quantity", ""), ("Value", "")]);
        let mut row = |name: &str, value: String| t.push(vec![name.into(), value.into()]);
        let [x, y, z] = self.predicted;
        let image = self.first_image + libm::floor(z) as i64;
        row("resolution d", format!("{:.3} Å", self.d));
        row("predicted at", format!("{x:.2}, {y:.2} px, image {image} (φ = {:.3}°), panel {}", self.phi.to_degrees(), self.panel));
        let [depth, height, width] = self.size();
        if depth > 0 {
            let first = self.first_image + i64::from(self.bbox[4]);
            row("box", format!("{width} × {height} px on {depth} images, {first} to {}", first + depth as i64 - 1));
        }
        row("goes through the Ewald sphere", (if self.entering { "inwards" } else { "outwards" }).to_owned());
        row("ζ, component of the rotation axis along s₁ × s₀", format!("{:.4}", self.zeta));
        row("recorded part of its rocking curve", format!("{:.4}", self.partiality));
        t
    }

    fn summation(&self) -> Table {
        let s = &self.sum;
        let mut t = steps("account_sum", "Summation");
        let mut row = |step: &str, how: String, value: String| t.push(vec![step.into(), how.into(), value.into()]);
        let [n, all] = s.foreground;
        let [around, used] = s.background;
        row(
            "pixels of the reflection",
            if n == all { String::new() } else { format!("{all}, {} of them unusable", all - n) },
            n.to_string(),
        );
        row("their counts Σc", String::new(), s.counts.to_string());
        row("pixels around it", if used == around { String::new() } else { format!("{around}, without outliers") }, used.to_string());
        if self.background.is_empty() {
            return t;
        }
        row("background b", "per pixel, from those around it".to_owned(), short(s.level));
        row("under the reflection B", format!("{n} × {}", short(s.level)), short(s.under));
        row("I = Σc − B", format!("{} − {}", s.counts, short(s.under)), short(s.intensity));
        let simple = s.under.max(0.0) + s.under * f64::from(n) / f64::from(used.max(1));
        let how = if (simple - s.under_variance).abs() <= 1e-9 * s.under_variance.abs() {
            format!("B + B·n/N = {0} + {0} × {n} / {used}", short(s.under))
        } else {
            format!("B and the variance of the fitted background, {} + {}", short(s.under), short(s.under_variance - s.under.max(0.0)))
        };
        row("var(B)", how, short(s.under_variance));
        match &self.fit {
            Some(f) if s.variance.to_bits() != s.own_variance.to_bits() => {
                let expected = f.expected * f.recorded + f.beside.max(0.0);
                let others = if f.beside > 0.0 { format!(" + {} of others", short(f.beside)) } else { String::new() };
                row(
                    "E, the counts that the fit lets one expect",
                    format!("its E × Σp = {} × {}{others}", short(f.expected), short(f.recorded)),
                    short(expected),
                );
                row("var(I) = E + var(B)", format!("{} + {}", short(expected), short(s.under_variance)), short(s.variance));
            }
            _ => {
                let expected = s.variance - s.under_variance;
                row("E, the counts to expect", format!("max(I, 0) + 1, I = {}", short(s.intensity)), short(expected));
                row("var(I) = E + var(B)", format!("{} + {}", short(expected), short(s.under_variance)), short(s.variance));
            }
        }
        row("σ(I)", format!("√{}", short(s.variance)), short(s.variance.max(0.0).sqrt()));
        if s.variance > 0.0 {
            let sigma = s.variance.sqrt();
            row("I/σ", format!("{} / {}", short(s.intensity), short(sigma)), short(s.intensity / sigma));
        }
        t
    }

    fn fitting(&self, f: &FitTerms) -> Table {
        let mut t = steps("account_fit", "Profile fit");
        let mut row = |step: &str, how: String, value: String| t.push(vec![step.into(), how.into(), value.into()]);
        let s = f.total();
        row("p", "the part of the reflection that the profile has in a pixel".to_owned(), String::new());
        let joint = !self.beside.is_empty();
        if joint {
            row("q", "the part that one upon it has in a pixel".to_owned(), String::new());
            row("v = b + I·p + Σ J·q", "expected counts and their variance; J: theirs".to_owned(), String::new());
            row("w", "p/v less so much of each q/v that Σ w·q = 0".to_owned(), String::new());
        } else {
            row("v = b + I·p", "what a pixel's counts are expected to be, and to vary by; b where I < 0".to_owned(), String::new());
            row("w = p/v", "the weight of a pixel".to_owned(), String::new());
        }
        row("pixels that take part", String::new(), s.pixels.to_string());
        row("their part of the reflection Σp", String::new(), short(f.recorded));
        row("A = Σ w(c − b)", "over images: the table below".to_owned(), short(s.found));
        row("F = Σ w·p", "the same".to_owned(), short(s.information));
        row("I = A/F", format!("{} / {}", short(s.found), short(s.information)), short(f.intensity));
        row("E, the counts to expect", format!("max(I, 0) + 1, I = {}", short(f.intensity)), short(f.expected));
        let how = if joint { "var(A) from counting: Σ w²(b + E·p + Σ E_J·q)" } else { "var(A) from counting: Σ w²(b + E·p)" };
        row(how, "over images: the table below".to_owned(), short(s.spread));
        let [around, used] = self.sum.background;
        match f.level_variance {
            Some(level) => {
                // Where hardly a count was seen, half of one is supposed.
                let least = if self.sum.level * f64::from(used) < 0.5 { "½" } else { "b" };
                let how = if least == "½" { format!("½/N², N = {used}") } else { format!("b/N = {} / {used}", short(self.sum.level)) };
                row("var(b)", how, short(level));
                let how = format!("{}² × {}", short(s.against_level), short(level));
                row("var(A) from the background: (Σ w)² var(b)", how, short(f.from_background));
            }
            None => row(
                "var(A) from the background",
                format!("its covariances, fitted to {} pixels, carried through w", used.min(around)),
                short(f.from_background),
            ),
        }
        let how = format!("({} + {}) / {}²", short(s.spread), short(f.from_background), short(s.information));
        row("var(I) = var(A)/F²", how, short(f.variance));
        row("σ(I)", format!("√{}", short(f.variance)), short(f.variance.max(0.0).sqrt()));
        row("I/σ", format!("{} / {}", short(f.intensity), short(f.variance.sqrt())), short(f.intensity / f.variance.sqrt()));
        row("correlation of counts and profile", String::new(), format!("{:.3}", f.correlation));
        t
    }

    fn by_image(&self, f: &FitTerms) -> Table {
        let counting = if self.beside.is_empty() { "Σw²(b + E·p)" } else { "Σw²(b + E·p + …)" };
        let columns = [
            ("Image", ""),
            ("Pixels", ""),
            ("Σc", ""),
            ("Σ(c − b)", ""),
            ("Σp", ""),
            ("Σw(c − b)", ""),
            ("Σw·p", ""),
            ("Σw", ""),
            (counting, ""),
        ];
        let mut t = Table::new("account_images", "Image by image", &columns);
        let area = self.foreground.len().max(1);
        let (mut all, mut all_net) = (0i64, 0.0);
        for (k, (image, counts)) in f.images.iter().zip(self.counts.chunks_exact(area)).enumerate() {
            let (mut sum, mut net) = (0i64, 0.0);
            for (p, c) in counts.iter().enumerate().filter(|(p, c)| self.foreground[*p] && **c >= 0) {
                sum += i64::from(*c);
                net += f64::from(*c) - f64::from(self.background.get(k * area + p).copied().unwrap_or(0.0));
            }
            all += sum;
            all_net += net;
            let number = self.first_image + i64::from(self.bbox[4]) + k as i64;
            t.push(image_row(number.to_string(), image, sum, net));
        }
        t.push(image_row("all".to_owned(), &f.total(), all, all_net));
        t
    }

    fn corrected(&self) -> Table {
        let mut t = steps("account_corrections", "What scaling takes");
        let mut row = |step: &str, how: String, value: String| t.push(vec![step.into(), how.into(), value.into()]);
        row("1/LP", "inverse of Lorentz and polarization factor".to_owned(), short(self.lp));
        row("Q", "part of the photons that the sensor absorbs".to_owned(), short(self.qe));
        let factor = self.lp / if self.qe > 0.0 { self.qe } else { 1.0 };
        if let Some(f) = self.fit.as_ref().filter(|_| matches!(self.fate, Fate::Both | Fate::Fitted | Fate::Parted)) {
            let i = f.intensity * factor;
            row("fitted: I/(LP·Q)", format!("{} × {} / {}", short(f.intensity), short(self.lp), short(self.qe)), short(i));
        }
        if matches!(self.fate, Fate::Both | Fate::Summed) && self.partiality > 0.0 {
            let how = format!("{} × {} / ({} × {})", short(self.sum.intensity), short(self.lp), short(self.qe), short(self.partiality));
            row("summed: I/(LP·Q·recorded part)", how, short(self.sum.intensity * factor / self.partiality));
        }
        t
    }
}

fn index([h, k, l]: [i32; 3]) -> String {
    format!("{h} {k} {l}")
}

fn steps(id: &str, title: &str) -> Table {
    Table::new(id, title, &[("Step", ""), ("How", ""), ("Value", "")])
}

fn image_row(name: String, x: &super::FitImage, sum: i64, net: f64) -> Vec<Cell> {
    let rest = [net, x.part, x.found, x.information, x.against_level, x.spread].map(|v| Cell::from(short(v)));
    [name.into(), Cell::count(x.pixels), Cell::number(sum as f64, 0)].into_iter().chain(rest).collect()
}

/// An intensity with two significant digits of its standard deviation.
fn measured(value: f64, sigma: f64) -> String {
    let decimals = if sigma > 0.0 { (1 - libm::floor(libm::log10(sigma)) as i32).max(0) as usize } else { 0 };
    format!("I = {value:.decimals$} ± {sigma:.decimals$}")
}

/// Five significant digits, or all of those before the point.
fn short(v: f64) -> String {
    let size = v.abs();
    if !size.is_finite() {
        return "–".to_owned();
    }
    if size != 0.0 && size < 1e-3 {
        let text = format!("{v:.4e}");
        let (digits, power) = text.split_once("e-").unwrap_or((&text, "0"));
        let raised = power.chars().map(|c| c.to_digit(10).map_or(c, |n| ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][n as usize]));
        return format!("{digits}·10⁻{}", raised.collect::<String>());
    }
    let decimals = if size == 0.0 { 0 } else { (4 - libm::floor(libm::log10(size)) as i32).max(0) as usize };
    format!("{v:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        let cases = [
            (0.0, "0"),
            (1.0, "1.0000"),
            (-12.345_67, "-12.346"),
            (123_456.7, "123457"),
            (0.012_345_6, "0.012346"),
            (-2.5e-12, "-2.5000·10⁻¹²"),
        ];
        for (v, want) in cases {
            assert_eq!(short(v), want);
        }
        assert_eq!(short(f64::NAN), "–");
        assert_eq!((measured(3488.12, 58.696), measured(-1.479, 2.0727)), ("I = 3488 ± 59".into(), "I = -1.5 ± 2.1".into()));
    }
}
