//! What is asked for.

use std::path::PathBuf;

/// A program and how it is started so that it shows the pods of all namespaces.
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
}

pub(crate) struct Arguments {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) rounds: usize,
    /// How long rest and churn are looked at, in seconds.
    pub(crate) seconds: u64,
    pub(crate) churn: Option<String>,
    pub(crate) programs: Vec<Program>,
}

impl Arguments {
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Option<Self> {
        // cargo adds this by itself
        let mut rest = arguments.filter(|argument| argument != "--bench");
        let own = Program {
            name: "quarterdeck".into(),
            command: vec![env!("CARGO_BIN_EXE_quarterdeck").into(), "--view".into(), "pods".into()],
        };
        let mut read = Self {
            kubeconfig: PathBuf::new(),
            columns: 180,
            rows: 50,
            rounds: 3,
            seconds: 10,
            churn: None,
            programs: vec![own],
        };
        while let Some(name) = rest.next() {
            let value = rest.next()?;
            match name.as_str() {
                "--kubeconfig" => read.kubeconfig = value.into(),
                "--size" => {
                    let (columns, rows) = value.split_once('x')?;
                    (read.columns, read.rows) = (columns.parse().ok()?, rows.parse().ok()?);
                }
                "--rounds" => read.rounds = value.parse().ok().filter(|rounds| *rounds > 0)?,
                "--seconds" => read.seconds = value.parse().ok().filter(|seconds| *seconds > 0)?,
                "--churn" => read.churn = Some(value),
                "--program" => {
                    let (name, command) = value.split_once('=')?;
                    let command = command.split_whitespace().map(str::to_owned).collect();
                    read.programs.push(Program { name: name.to_owned(), command });
                }
                _ => return None,
            }
        }
        (!read.kubeconfig.as_os_str().is_empty()).then_some(read)
    }
}
