crate::choice! {
    /// File formats.
    pub enum ExportFormat {
        /// Unmerged MTZ.
        #[default]
        Mtz = "mtz",
        /// Unmerged mmCIF.
        Mmcif = "mmcif",
        /// Merged mmCIF with statistics for deposition.
        MergedMmcif = "merged_mmcif",
        /// XDS_ASCII, a file for each sweep.
        XdsAscii = "xds_ascii",
        /// SHELX HKL (HKLF 4) and the head of an INS file.
        Shelx = "shelx",
    }
}
crate::choice! {
    /// Which intensities XDS_ASCII files get; the other formats take scaled ones.
    pub enum Intensity {
        /// Profile-fitted, Lorentz–polarisation and efficiency corrected, not scaled: what XSCALE expects. Summed where nothing was fitted.
        #[default]
        Auto = "auto",
        /// Profile-fitted.
        Profile = "profile",
        /// Summed.
        Sum = "sum",
        /// Scaled.
        Scale = "scale",
    }
}
crate::choice! {
    /// Which version of the PDB's dictionary unmerged mmCIF follows.
    pub enum PdbVersion {
        /// Category `diffrn_refln`.
        #[default]
        V5 = "v5",
        /// Category `pdbx_diffrn_unmerged_refln`, with scans and cells.
        V5Next = "v5_next",
    }
}
crate::parameters! {
    /// What export can be told.
    pub struct Params {
        /// File format.
        [basic; ""; 0.0..=0.0; "format"]
        format: ExportFormat = ExportFormat::Mtz,
        /// Intensities of XDS_ASCII files.
        [basic; ""; 0.0..=0.0; "intensity"]
        intensity: Intensity = Intensity::Auto,
        /// Version of the dictionary of unmerged mmCIF.
        [expert; ""; 0.0..=0.0; "mmcif.pdb_version"]
        pdb_version: PdbVersion = PdbVersion::V5,
        /// Observations with I/σ below this are left out of XDS_ASCII files.
        [expert; ""; -1000.0..=1000.0; "mtz.min_isigi"]
        min_isigi: f64 = -5.0,
        /// Formula of the asymmetric unit for SFAC and UNIT, such as C3H7NO2S; without it the kinds of atoms are C, H, N, O and their numbers 0.
        [basic; ""; 0.0..=0.0; "shelx.composition"]
        composition: Option<String> = None,
    }
}
