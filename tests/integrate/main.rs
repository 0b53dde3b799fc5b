//! Integration of simulated images against their truth, and of real ones against DIALS.

mod account;
mod real;
mod truth;
