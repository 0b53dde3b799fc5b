//! A shift of the beam as import's parameter has it.

/// The text of `slow,fast` (mm) for a shift found on top of the one that was set already.
pub fn sum(before: Option<&str>, found: [f64; 2]) -> String {
    let numbers: Vec<f64> = before.iter().flat_map(|t| t.split(',')).filter_map(|t| t.trim().parse().ok()).collect();
    let [slow, fast] = [0, 1].map(|k| found[k] + if numbers.len() == 2 { numbers[k] } else { 0.0 });
    format!("{slow:.4},{fast:.4}")
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn shifts_add_up() {
        assert_eq!(sum(None, [1.5, -0.25]), "1.5000,-0.2500");
        assert_eq!(sum(Some("1, -2.0"), [0.5, 0.25]), "1.5000,-1.7500");
        assert_eq!(sum(Some("None"), [0.5, 0.25]), "0.5000,0.2500");
    }
}
