//! `x-CBF_BYTE_OFFSET` (International Tables G, 2005, 5.6.3.3): each pixel is the difference from the one before, in one byte if
//! it fits; −128 announces two bytes, −32768 in those four, −2³¹ in those eight. Little-endian.

use super::{Error, take};

/// Decodes `out.len()` pixels. Bytes after the last pixel (padding) are ignored.
///
/// Values wrap at 32 bits, as the writers' arithmetic does.
pub fn decode(data: &[u8], out: &mut [i32]) -> Result<(), Error> {
    let mut input = data;
    let mut value = 0i32;
    for pixel in out {
        let step = match take(&mut input, 1)?[0] as i8 {
            i8::MIN => {
                let b = take(&mut input, 2)?;
                match i16::from_le_bytes([b[0], b[1]]) {
                    i16::MIN => {
                        let b = take(&mut input, 4)?;
                        match i32::from_le_bytes([b[0], b[1], b[2], b[3]]) {
                            i32::MIN => {
                                let b = take(&mut input, 8)?;
                                // Only the low half matters: the sum is kept in 32 bits.
                                i32::from_le_bytes([b[0], b[1], b[2], b[3]])
                            }
                            step => step,
                        }
                    }
                    step => i32::from(step),
                }
            }
            step => i32::from(step),
        };
        value = value.wrapping_add(step);
        *pixel = value;
    }
    Ok(())
}

/// Encodes pixels.
pub fn encode(pixels: &[i32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() + pixels.len() / 8);
    let mut value = 0i64;
    for &pixel in pixels {
        let step = i64::from(pixel) - value;
        value = i64::from(pixel);
        if let Some(step) = i8::try_from(step).ok().filter(|&s| s != i8::MIN) {
            out.push(step as u8);
            continue;
        }
        out.push(i8::MIN as u8);
        if let Some(step) = i16::try_from(step).ok().filter(|&s| s != i16::MIN) {
            out.extend(step.to_le_bytes());
            continue;
        }
        out.extend(i16::MIN.to_le_bytes());
        if let Some(step) = i32::try_from(step).ok().filter(|&s| s != i32::MIN) {
            out.extend(step.to_le_bytes());
            continue;
        }
        out.extend(i32::MIN.to_le_bytes());
        out.extend(step.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_width_of_step_is_read() {
        let data = [5, 0xFE, 0x80, 0x2C, 0x01, 0x80, 0x00, 0x80, 0x00, 0x00, 0x01, 0x00];
        let mut out = [0; 4];
        decode(&data, &mut out).unwrap();
        assert_eq!(out, [5, 3, 303, 303 + 65536]);
        assert!(decode(&data[..11], &mut out).is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(
            small in prop::collection::vec(-300i32..300, 0..100),
            wide in prop::collection::vec(any::<i32>(), 0..100),
        ) {
            let pixels: Vec<i32> = small.into_iter().chain(wide).collect();
            let mut out = vec![0; pixels.len()];
            decode(&encode(&pixels), &mut out).unwrap();
            prop_assert_eq!(out, pixels);
        }
    }
}
