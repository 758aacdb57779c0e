//! What is printed from the program's own tables: keys, themes, completions, the manual page.

use std::fmt::Write;
use std::process::ExitCode;

use clap::CommandFactory;

use super::args::{Args, Global};
use super::{Failure, look, out};
use crate::app::command::{COMMANDS, Scope};
use crate::view::theme::{Role, SHIPPED};

/// The keys, from the keymap itself, as a table of Markdown.
pub(super) fn keys(global: &Global) -> Result<ExitCode, Failure> {
    let keymap = look::keymap(global)?;
    let mut text = String::new();
    for scope in Scope::ALL {
        let _ = writeln!(text, "## {}\n\n| keys | command | |\n|---|---|---|", scope.title());
        for info in COMMANDS.iter().filter(|info| info.scope == scope) {
            let keys: Vec<String> = keymap.keys_of(info.command).iter().map(|keys| format!("`{keys}`")).collect();
            let _ = writeln!(text, "| {} | {} | {} |", keys.join(" "), info.name, info.help);
        }
        text.push('\n');
    }
    for system in crate::systems::all() {
        for pane in system.panes().iter().filter(|pane| !pane.verbs.is_empty()) {
            let _ = writeln!(text, "## Actions on {}\n\n| keys | verb | |\n|---|---|---|", pane.id);
            for verb in pane.verbs {
                let keys: Vec<String> = keymap.verb_keys(verb).iter().map(|keys| format!("`{keys}`")).collect();
                let _ = writeln!(text, "| {} | {} | {} |", keys.join(" "), verb.id, verb.help);
            }
            text.push('\n');
        }
    }
    out::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The themes that come with the program, and the roles that a theme file may have.
pub(super) fn themes() -> Result<ExitCode, Failure> {
    let mut text = String::from("themes:\n");
    for (name, _) in SHIPPED {
        let _ = writeln!(text, "  {name}");
    }
    text.push_str("roles of a theme file:\n");
    for role in Role::ALL {
        let _ = writeln!(text, "  {}", role.name());
    }
    out::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Completions for a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "quarterdeck", &mut text);
    out::data(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}

/// The manual page.
pub(super) fn man() -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Args::command()).render(&mut text).map_err(Failure::io)?;
    out::data(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
