/// Where results come from: what files and reports say of the run that made them.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Program and version, such as `Ewald 0.1.0`.
    pub program: String,
    /// 64 hexadecimal digits made of inputs, parameters and version: another machine finds the same. Empty when not known.
    pub session: String,
    /// What was done, a line for each stage, at most 78 ASCII characters each.
    pub history: Vec<String>,
    /// The processing in sentences, as a journal prints it; references as `(Author, year)`.
    pub methods: String,
    /// The references in full.
    pub references: Vec<String>,
}

impl Default for Origin {
    fn default() -> Self {
        Origin {
            program: concat!("Ewald ", env!("CARGO_PKG_VERSION")).to_owned(),
            session: String::new(),
            history: Vec::new(),
            methods: String::new(),
            references: Vec::new(),
        }
    }
}

impl Origin {
    /// Program, session and history, each line short enough for the headers of reflection files.
    pub fn lines(&self) -> Vec<String> {
        let mut out = vec![format!("From {}", self.program)];
        if !self.session.is_empty() {
            out.push(format!("Session {}", self.session));
        }
        out.extend(self.history.iter().cloned());
        out
    }
}
