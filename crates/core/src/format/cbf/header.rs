//! One file's header: the text before the binary section, and the binary section's own lines.

use std::io::Read;

use super::Error;
use crate::format::codec::{self, byte_offset};
use crate::format::source::SourceFile;

/// What the pixels follow.
const START: [u8; 4] = [0x0C, 0x1A, 0x04, 0xD5];
/// Headers are a few kB; those with detector calibrations tens.
const MAX_HEADER: usize = 4 << 20;
/// Largest file: 16 times the largest detector of today, uncompressed.
const MAX_FILE: u64 = 1 << 30;
/// Pixels of the largest image.
const MAX_PIXELS: usize = 1 << 28;

/// A header with what it says of the pixels.
#[derive(Debug, Clone)]
pub struct Header {
    /// All text before the pixels.
    pub text: String,
    /// Columns.
    pub fast: usize,
    /// Rows.
    pub slow: usize,
    /// Where the pixels begin in the (uncompressed) file.
    offset: usize,
}

impl Header {
    /// The rest of the line `# key rest` (a colon or `=` after the key is passed over).
    pub fn line(&self, key: &str) -> Option<&str> {
        self.text.lines().find_map(|l| {
            let rest = l.strip_prefix('#')?.trim_start().strip_prefix(key)?;
            rest.starts_with([' ', ':', '=', '\t', ',']).then(|| rest.trim_start_matches([' ', ':', '=', '\t']).trim())
        })
    }

    /// The first number of such a line.
    pub fn number(&self, key: &str) -> Option<f64> {
        first_number(self.line(key)?)
    }
}

/// The first number in a text, brackets and commas passed over.
pub fn first_number(text: &str) -> Option<f64> {
    numbers(text).next()
}

/// All numbers in a text.
pub fn numbers(text: &str) -> impl Iterator<Item = f64> {
    text.split([' ', '(', ')', ',', '\t']).filter_map(|w| w.parse().ok()).filter(|v: &f64| v.is_finite())
}

/// The bytes of a file, up to `limit` of them (uncompressed), gunzipped if need be.
fn bytes(file: &SourceFile, limit: usize) -> Result<Vec<u8>, Error> {
    let read = |n: usize| {
        let mut bytes = vec![0; n];
        file.source.read_at(0, &mut bytes).map_err(|source| Error::Read { file: file.name.clone(), source })?;
        Ok::<_, Error>(bytes)
    };
    let len = file.source.len();
    if len > MAX_FILE {
        return Err(Error::NotCbf { file: file.name.clone(), reason: format!("{len} bytes are more than an image has") });
    }
    let stored = read((limit as u64).min(len) as usize)?;
    if !stored.starts_with(&[0x1F, 0x8B]) {
        return Ok(stored);
    }
    expand(&stored, limit).map_err(|reason| Error::NotCbf { file: file.name.clone(), reason })
}

/// Gunzips as far as the data go, up to `limit` bytes.
fn expand(stored: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let result = flate2::read::MultiGzDecoder::new(stored).take(limit as u64).read_to_end(&mut out);
    // Only the beginning was asked for: then the end of the compressed data is missing too.
    match result {
        Err(e) if out.is_empty() => Err(format!("gzip: {e}")),
        _ => Ok(out),
    }
}

/// Reads a file's header.
pub fn read(file: &SourceFile) -> Result<Header, Error> {
    let mut limit = 32 << 10;
    loop {
        let bytes = bytes(file, limit)?;
        let whole = bytes.len() < limit;
        match parse(&file.name, &bytes) {
            Err(Error::NotCbf { .. }) if !whole && limit < MAX_HEADER => limit *= 8,
            result => return result,
        }
    }
}

fn parse(file: &str, bytes: &[u8]) -> Result<Header, Error> {
    let not_cbf = |reason: &str| Error::NotCbf { file: file.into(), reason: reason.into() };
    if !bytes.starts_with(b"###CBF") {
        return Err(not_cbf("it does not begin with ###CBF"));
    }
    let head = &bytes[..bytes.len().min(MAX_HEADER)];
    let at = head.windows(START.len()).position(|w| w == START).ok_or_else(|| not_cbf("no image in it"))?;
    let text = String::from_utf8_lossy(&bytes[..at]).into_owned();
    let size = |key: &str| {
        let line = text.lines().find_map(|l| l.trim().strip_prefix(key)?.trim_start().strip_prefix(':'));
        line.and_then(|v| v.trim().parse::<usize>().ok()).ok_or_else(|| Error::Header { file: file.into(), what: key.into() })
    };
    let fast = size("X-Binary-Size-Fastest-Dimension")?;
    let slow = size("X-Binary-Size-Second-Dimension")?;
    if fast == 0 || slow == 0 || fast.checked_mul(slow).is_none_or(|n| n > MAX_PIXELS) {
        return Err(Error::Header { file: file.into(), what: format!("image size {fast} × {slow}") });
    }
    Ok(Header { text, fast, slow, offset: at + START.len() })
}

/// All bytes of a file as they are stored.
pub fn stored(file: &SourceFile) -> Result<Vec<u8>, Error> {
    let len = file.source.len();
    if len > MAX_FILE {
        return Err(Error::NotCbf { file: file.name.clone(), reason: format!("{len} bytes are more than an image has") });
    }
    let mut bytes = vec![0; len as usize];
    file.source.read_at(0, &mut bytes).map_err(|source| Error::Read { file: file.name.clone(), source })?;
    Ok(bytes)
}

/// Decodes the pixels of a stored file into `out`, which must have `fast`·`slow` of them. Gives the size that the file has.
pub fn decode(file: &str, stored: &[u8], out: &mut Vec<i32>) -> Result<[usize; 2], Error> {
    let expanded;
    let bytes = if stored.starts_with(&[0x1F, 0x8B]) {
        expanded = expand(stored, MAX_FILE as usize).map_err(|reason| Error::NotCbf { file: file.into(), reason })?;
        &expanded[..]
    } else {
        stored
    };
    let header = parse(file, bytes)?;
    let pixels = header.fast * header.slow;
    out.resize(pixels, 0);
    let data = &bytes[header.offset..];
    let codec = |source| Error::Codec { file: file.into(), source };
    if header.text.contains("x-CBF_BYTE_OFFSET") {
        byte_offset::decode(data, out).map_err(codec)?;
    } else if header.text.contains("x-CBF_NONE") || !header.text.contains("conversions=") {
        let plain = data.get(..pixels * 4).ok_or(codec::Error::Truncated { needed: pixels * 4, available: data.len() });
        for (p, b) in out.iter_mut().zip(plain.map_err(codec)?.chunks_exact(4)) {
            *p = i32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        }
    } else {
        let what = header.text.lines().find_map(|l| l.trim().strip_prefix("conversions=")).unwrap_or("?");
        return Err(Error::Compression { file: file.into(), what: what.trim_matches('"').into() });
    }
    Ok([header.fast, header.slow])
}
