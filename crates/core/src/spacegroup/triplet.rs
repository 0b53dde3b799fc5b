//! Text of affine maps: `x,y,z` for coordinates, `a,b,c` for axes, `h,k,l` for indices.

use super::op::{IntMatrix, TRANSLATION_DENOMINATOR};

/// A reduced fraction with a positive denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fraction {
    pub(super) num: i64,
    pub(super) den: i64,
}

impl Fraction {
    pub(super) const ZERO: Fraction = Fraction { num: 0, den: 1 };

    pub(super) fn new(num: i64, den: i64) -> Self {
        let g = gcd(num, den).max(1) * den.signum();
        Fraction { num: num / g, den: den / g }
    }

    fn plus(self, other: Fraction) -> Self {
        Fraction::new(self.num * other.den + other.num * self.den, self.den * other.den)
    }

    /// Large numbers have no meaning here and would overflow later.
    fn is_small(self) -> bool {
        self.num.abs() <= 1000 && self.den <= 144
    }
}

/// Greatest common divisor, not negative.
pub(super) fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Three sums of letters and constants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Triplet {
    /// Row i: coefficients of the three letters in the i-th sum.
    pub(super) matrix: [[Fraction; 3]; 3],
    pub(super) shift: [Fraction; 3],
}

/// First characters of a text for an error message.
pub(super) fn shorten(text: &str) -> String {
    let mut out: String = text.chars().take(60).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

/// Parses three comma-separated sums in `letters` (either case).
pub(super) fn parse(text: &str, letters: &[u8; 3]) -> Result<Triplet, &'static str> {
    if text.len() > 200 {
        return Err("it is too long");
    }
    let mut out = Triplet { matrix: [[Fraction::ZERO; 3]; 3], shift: [Fraction::ZERO; 3] };
    let mut parts = text.split(',');
    for i in 0..3 {
        let part = parts.next().ok_or("three parts separated by commas are needed")?;
        parse_sum(part, letters, &mut out.matrix[i], &mut out.shift[i])?;
    }
    if parts.next().is_some() {
        return Err("three parts separated by commas are needed");
    }
    Ok(out)
}

fn parse_sum(text: &str, letters: &[u8; 3], row: &mut [Fraction; 3], shift: &mut Fraction) -> Result<(), &'static str> {
    let bytes: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).map(|b| b.to_ascii_lowercase()).collect();
    if bytes.is_empty() {
        return Err("a part is empty");
    }
    let mut at = 0;
    while at < bytes.len() {
        let negative = bytes[at] == b'-';
        if matches!(bytes[at], b'+' | b'-') {
            at += 1;
        } else if at > 0 {
            return Err("a sign is missing between two terms");
        }
        // A term is [number[/number]][*][letter][/number].
        let mut value = Fraction::new(if negative { -1 } else { 1 }, 1);
        let mut letter = None;
        let start = at;
        if let Some(number) = parse_number(&bytes, &mut at)? {
            value = Fraction::new(value.num * number.num, number.den);
            value = divided(value, &bytes, &mut at)?;
            if bytes.get(at) == Some(&b'*') {
                at += 1;
            }
        }
        if let Some(position) = bytes.get(at).and_then(|b| letters.iter().position(|l| l == b)) {
            letter = Some(position);
            at += 1;
            value = divided(value, &bytes, &mut at)?;
        }
        if at == start {
            return Err("an unexpected character");
        }
        let target = match letter {
            Some(j) => &mut row[j],
            None => &mut *shift,
        };
        *target = target.plus(value);
        if !target.is_small() {
            return Err("a number is too large");
        }
    }
    Ok(())
}

/// `value` over the number after a `/`, if there is one.
fn divided(value: Fraction, bytes: &[u8], at: &mut usize) -> Result<Fraction, &'static str> {
    if bytes.get(*at) != Some(&b'/') {
        return Ok(value);
    }
    *at += 1;
    let divisor = parse_number(bytes, at)?.ok_or("a number is missing after /")?;
    if divisor.num == 0 {
        return Err("a division by zero");
    }
    let quotient = Fraction::new(value.num * divisor.den, value.den * divisor.num);
    if quotient.is_small() { Ok(quotient) } else { Err("a number is too large") }
}

/// An unsigned integer or decimal number.
fn parse_number(bytes: &[u8], at: &mut usize) -> Result<Option<Fraction>, &'static str> {
    let start = *at;
    while bytes.get(*at).is_some_and(|b| b.is_ascii_digit() || *b == b'.') {
        *at += 1;
    }
    if *at == start {
        return Ok(None);
    }
    let text = std::str::from_utf8(&bytes[start..*at]).map_err(|_| "a strange number")?;
    if text.len() > 8 {
        return Err("a number is too long");
    }
    let value: f64 = text.parse().map_err(|_| "a strange number")?;
    if text.contains('.') {
        // Decimals stand for the nearest multiple of 1/72: 0.3333 is a third, 0.125 an eighth.
        let nearest = (value * 72.0).round();
        if (nearest - value * 72.0).abs() > 0.1 {
            return Err("a decimal number is not a usual fraction");
        }
        return Ok(Some(Fraction::new(nearest as i64, 72)));
    }
    let fraction = Fraction::new(value as i64, 1);
    if !fraction.is_small() {
        return Err("a number is too large");
    }
    Ok(Some(fraction))
}

/// `1/2`, `-3`, `+x/3` …: one term of a sum.
fn push_term(out: &mut String, value: Fraction, letter: Option<char>, first: bool) {
    if value.num < 0 {
        out.push('-');
    } else if !first {
        out.push('+');
    }
    let (num, den) = (value.num.abs(), value.den);
    match letter {
        Some(letter) => {
            if num != 1 || den != 1 {
                out.push_str(&num.to_string());
                if den != 1 {
                    out.push_str(&format!("/{den}"));
                }
                out.push('*');
            }
            out.push(letter);
        }
        None => {
            out.push_str(&num.to_string());
            if den != 1 {
                out.push_str(&format!("/{den}"));
            }
        }
    }
}

/// Writes three sums, letters before constants: `a+b,-1/2*c,x+1/4`.
pub(super) fn format(matrix: &[[Fraction; 3]; 3], shift: &[Fraction; 3], letters: &[u8; 3]) -> String {
    let mut out = String::new();
    for i in 0..3 {
        if i > 0 {
            out.push(',');
        }
        let start = out.len();
        for j in 0..3 {
            if matrix[i][j].num != 0 {
                let first = out.len() == start;
                push_term(&mut out, matrix[i][j], Some(letters[j] as char), first);
            }
        }
        if shift[i].num != 0 || out.len() == start {
            let first = out.len() == start;
            push_term(&mut out, shift[i], None, first);
        }
    }
    out
}

/// Writes a symmetry operation.
pub(super) fn format_op(rotation: &IntMatrix, translation: [i32; 3], letters: &[u8; 3]) -> String {
    let matrix = rotation.map(|row| row.map(|v| Fraction::new(i64::from(v), 1)));
    let shift = translation.map(|t| Fraction::new(i64::from(t), i64::from(TRANSLATION_DENOMINATOR)));
    format(&matrix, &shift, letters)
}
