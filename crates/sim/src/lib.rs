//! A simulated diffraction experiment: demo data, lessons, and ground truth for tests.
