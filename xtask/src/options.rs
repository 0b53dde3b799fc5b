//! Command-line options: `--name`, `--name value` and `--name=value`, with nothing left over unnoticed.

use crate::Failure;

/// The options given to a task; what is taken is removed.
pub struct Options(Vec<String>);

impl Options {
    /// Options as given after the task's name.
    pub fn new(arguments: &[String]) -> Self {
        Options(arguments.to_vec())
    }

    /// Whether the switch `--name` was given.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|a| a != name);
        self.0.len() != before
    }

    /// The value of `--name value` or `--name=value`.
    pub fn value(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let assignment = format!("{name}=");
        let Some(at) = self.0.iter().position(|a| a == name || a.starts_with(&assignment)) else {
            return Ok(None);
        };
        let argument = self.0.remove(at);
        if let Some(value) = argument.strip_prefix(&assignment) {
            return Ok(Some(value.to_owned()));
        }
        if at < self.0.len() { Ok(Some(self.0.remove(at))) } else { Err(format!("{name} needs a value")) }
    }

    /// Fails when something was given that no option took.
    pub fn finish(self) -> Result<(), Failure> {
        match self.0.first() {
            None => Ok(()),
            Some(unknown) => Err(format!("unknown option {unknown:?}; --help lists those there are")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn options(text: &str) -> Options {
        Options::new(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn values_are_taken_with_and_without_the_equals_sign() {
        for text in ["--port 81 --debug", "--debug --port=81"] {
            let mut o = options(text);
            assert_eq!(o.value("--port"), Ok(Some("81".to_owned())));
            assert!(o.flag("--debug"));
            assert_eq!(o.finish(), Ok(()));
        }
    }

    #[test]
    fn what_nothing_takes_is_an_error() {
        assert!(options("--prot 81").finish().is_err());
        assert!(options("--port").value("--port").is_err());
    }
}
