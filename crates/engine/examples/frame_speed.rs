//! How fast frames are decoded and searched natively: `cargo xtask bench --only frames`. Compressed frames are left in the folder named.

use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let start = Instant::now();
    let mut kept = Ok(());
    let lines = ewald_engine::speed::measure(&|| start.elapsed().as_secs_f64(), |name, chunk| {
        if let (Some(folder), Ok(())) = (&folder, &kept) {
            kept = std::fs::write(folder.join(name), chunk);
        }
    })?;
    kept?;
    print!("{lines}");
    Ok(())
}
