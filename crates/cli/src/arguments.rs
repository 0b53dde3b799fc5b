//! The command line, taken apart: a command, files, `key=value` parameters, and a handful of options.

use std::path::PathBuf;

/// Why the program ends without success.
#[derive(Debug)]
pub enum Failure {
    /// Arguments or input that cannot be used: exit status 2.
    Unusable(String),
    /// The work itself failed: exit status 1.
    Failed(String),
    /// The user pressed Ctrl-C: exit status 130.
    Cancelled,
}

impl Failure {
    /// A message about unusable arguments or input.
    pub fn unusable(message: impl ToString) -> Self {
        Failure::Unusable(message.to_string())
    }
}

/// What stands after the command.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments {
    /// Files and folders.
    pub files: Vec<PathBuf>,
    /// `key=value` pairs in order.
    pub parameters: Vec<(String, String)>,
    /// `-o`, `--output`: where results go.
    pub output: PathBuf,
    /// `--threads`: how many, or as many as there are cores.
    pub threads: Option<usize>,
    /// `--json`: print the report as JSON.
    pub json: bool,
    /// `--quiet`: no progress on stderr.
    pub quiet: bool,
    /// `-h`, `--help`.
    pub help: bool,
}

impl Arguments {
    /// Parses what follows the command.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let mut out = Arguments { output: PathBuf::from("."), ..Arguments::default() };
        let mut args = args.into_iter();
        let mut only_files = false;
        while let Some(arg) = args.next() {
            if only_files || !arg.starts_with('-') || arg == "-" {
                match arg.split_once('=') {
                    // A file whose name holds "=" can be given as ./name or after `--`.
                    Some((key, value)) if !only_files && !key.contains(['/', '\\']) => {
                        out.parameters.push((key.to_owned(), value.to_owned()))
                    }
                    _ => out.files.push(PathBuf::from(arg)),
                }
                continue;
            }
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let mut value =
                |what: &str| inline.clone().or_else(|| args.next()).ok_or_else(|| Failure::unusable(format!("{name} needs {what}")));
            match name.as_str() {
                "--" => only_files = true,
                "-o" | "--output" => out.output = PathBuf::from(value("a folder")?),
                "--threads" | "-j" => {
                    let text = value("a number")?;
                    let n = text.parse().ok().filter(|n| (1..=1024).contains(n));
                    out.threads = Some(n.ok_or_else(|| Failure::unusable(format!("--threads {text}: a number from 1 to 1024 is needed")))?);
                }
                "--json" => out.json = true,
                "-q" | "--quiet" => out.quiet = true,
                "-h" | "--help" => out.help = true,
                other => return Err(Failure::unusable(format!("there is no option {other}; see `ewald --help`"))),
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Failure> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn files_parameters_and_options_mix_in_any_order() {
        let a = parse("a.nxs d_min=2 -o out b=c --threads=3 ./x=y --json").unwrap();
        assert_eq!(a.files, [PathBuf::from("a.nxs"), PathBuf::from("./x=y")]);
        assert_eq!(a.parameters, [("d_min".into(), "2".into()), ("b".into(), "c".into())]);
        assert_eq!((a.output, a.threads, a.json), (PathBuf::from("out"), Some(3), true));
    }

    #[test]
    fn wrong_options_are_unusable_arguments() {
        assert!(matches!(parse("--bogus"), Err(Failure::Unusable(m)) if m.contains("--bogus")));
        assert!(matches!(parse("--threads none"), Err(Failure::Unusable(_))));
        assert!(matches!(parse("-o"), Err(Failure::Unusable(_))));
    }
}
