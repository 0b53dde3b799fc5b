//! Integration of simulated images against their truth, and of real ones against DIALS.

mod account;
mod overlap;
mod real;
mod resume;
mod scan_ends;
mod scant;
mod truth;
