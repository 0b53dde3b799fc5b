//! What chosen files are called, and whether they belong to those that are open.

/// A path's last part.
pub fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// What to call a set of files.
pub fn title(names: &[String]) -> String {
    // The file that a user would name: a master, or else the shortest.
    let master = names.iter().find(|n| n.contains("master")).or_else(|| names.iter().min_by_key(|n| n.len()));
    match (master, names.len()) {
        (None, _) => String::new(),
        (Some(name), 1) => name.clone(),
        (Some(name), n) => format!("{name} and {} more", n - 1),
    }
}

/// Whether the new files are those that messages say are missing, rather than another data set: none is open already, and one of
/// them is named in a message.
pub fn were_missed(new: &[String], open: &[String], messages: &[String]) -> bool {
    new.iter().all(|n| !open.contains(n)) && new.iter().any(|n| messages.iter().any(|m| m.contains(n.as_str())))
}

/// The file among `names` whose free-R flags are to be kept: the first where all are MTZ files.
pub fn flags_to_keep(names: &[String]) -> Option<&str> {
    let all = names.iter().all(|n| n.to_ascii_lowercase().ends_with(".mtz"));
    names.first().filter(|_| all).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn files_that_a_message_names_are_added_and_others_replace() {
        let told = names(&["x_master.h5 needs x_data_000001.h5; add it"]);
        let open = names(&["x_master.h5"]);
        assert!(were_missed(&names(&["x_data_000001.h5"]), &open, &told));
        assert!(!were_missed(&names(&["y.nxs"]), &open, &told));
        assert!(!were_missed(&names(&["x_master.h5", "x_data_000001.h5"]), &open, &told));
        assert!(!were_missed(&names(&["y.nxs"]), &open, &[]));
    }

    #[test]
    fn mtz_files_alone_bring_flags() {
        assert_eq!(flags_to_keep(&names(&["old.MTZ"])), Some("old.MTZ"));
        assert_eq!(flags_to_keep(&names(&["old.mtz", "x_master.h5"])), None);
        assert_eq!(flags_to_keep(&[]), None);
    }

    #[test]
    fn a_set_is_called_after_its_master() {
        assert_eq!(title(&names(&["x_000001.h5", "x_master.h5"])), "x_master.h5 and 1 more");
        assert_eq!(title(&names(&["a.nxs"])), "a.nxs");
        assert_eq!(base_name("folder/a.nxs"), "a.nxs");
    }
}
