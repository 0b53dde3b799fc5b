//! Bits of the `flags` column, as in DIALS.

/// Predicted by a model.
pub const PREDICTED: u64 = 1 << 0;
/// Observed as a strong spot.
pub const OBSERVED: u64 = 1 << 1;
/// Has a Miller index.
pub const INDEXED: u64 = 1 << 2;
/// Used in the last refinement.
pub const USED_IN_REFINEMENT: u64 = 1 << 3;
/// Strong.
pub const STRONG: u64 = 1 << 5;
/// Belongs to the reference profiles.
pub const REFERENCE_SPOT: u64 = 1 << 6;
/// Not to be integrated.
pub const DONT_INTEGRATE: u64 = 1 << 7;
/// Integrated by summation.
pub const INTEGRATED_SUM: u64 = 1 << 8;
/// Integrated by profile fitting.
pub const INTEGRATED_PRF: u64 = 1 << 9;
/// Integrated both ways.
pub const INTEGRATED: u64 = INTEGRATED_SUM | INTEGRATED_PRF;
/// Contains a pixel above the trusted range.
pub const OVERLOADED: u64 = 1 << 10;
/// Its box overlaps a neighbour's.
pub const OVERLAPPED_BG: u64 = 1 << 11;
/// Its foreground overlaps a neighbour's.
pub const OVERLAPPED_FG: u64 = 1 << 12;
/// On a powder ring of ice.
pub const IN_POWDER_RING: u64 = 1 << 13;
/// Foreground contains bad pixels.
pub const FOREGROUND_INCLUDES_BAD_PIXELS: u64 = 1 << 14;
/// Background contains bad pixels.
pub const BACKGROUND_INCLUDES_BAD_PIXELS: u64 = 1 << 15;
/// Bad pixels anywhere.
pub const INCLUDES_BAD_PIXELS: u64 = FOREGROUND_INCLUDES_BAD_PIXELS | BACKGROUND_INCLUDES_BAD_PIXELS;
/// Its shoebox or its pixels are bad in any way.
pub const BAD_SHOEBOX: u64 = INCLUDES_BAD_PIXELS | OVERLOADED | OVERLAPPED_BG | OVERLAPPED_FG | IN_POWDER_RING;
/// Used in profile modelling.
pub const USED_IN_MODELLING: u64 = 1 << 16;
/// Outlier of centroid refinement.
pub const CENTROID_OUTLIER: u64 = 1 << 17;
/// Background could not be determined.
pub const FAILED_DURING_BACKGROUND_MODELLING: u64 = 1 << 18;
/// Summation failed.
pub const FAILED_DURING_SUMMATION: u64 = 1 << 19;
/// Profile fitting failed.
pub const FAILED_DURING_PROFILE_FITTING: u64 = 1 << 20;
/// Not fit to be a reference for profiles.
pub const BAD_REFERENCE: u64 = 1 << 21;
/// Left out of scaling by the user.
pub const USER_EXCLUDED_IN_SCALING: u64 = 1 << 22;
/// Outlier of scaling.
pub const OUTLIER_IN_SCALING: u64 = 1 << 23;
/// Left out of scaling by a filter.
pub const EXCLUDED_FOR_SCALING: u64 = 1 << 24;
/// Left out of refinement.
pub const EXCLUDED_FOR_REFINEMENT: u64 = 1 << 25;
/// Not usable for scaling.
pub const BAD_FOR_SCALING: u64 = USER_EXCLUDED_IN_SCALING | OUTLIER_IN_SCALING | EXCLUDED_FOR_SCALING;
/// Used to determine the scaling model.
pub const SCALED: u64 = 1 << 26;
