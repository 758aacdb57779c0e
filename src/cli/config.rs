//! `quarterdeck config`: make, show and check the config file.

use std::process::ExitCode;

use super::args::{ConfigArgs, ConfigCommand, Global};
use super::session::{paths, profile, write_private};
use super::{Failure, out};
use crate::config::{Config, TEMPLATE};
use crate::systems::Settings;

/// Does what was asked.
pub(super) fn run(global: &Global, args: &ConfigArgs) -> Result<ExitCode, Failure> {
    let paths = paths(global)?;
    match args.command {
        ConfigCommand::Path => {
            out::data(&format!(
                "config    {}\nkeymap    {}\nthemes    {}\npayloads  {}\nstate     {}\n",
                paths.config.display(),
                paths.keymap.display(),
                paths.themes.display(),
                paths.payloads.display(),
                paths.state.display()
            ))?;
        }
        ConfigCommand::Init => {
            if paths.config.exists() {
                return Err(Failure::usage(
                    format!("{} is there already", paths.config.display()),
                    "edit it; `quarterdeck config check` checks it",
                ));
            }
            write_private(&paths.config, TEMPLATE).map_err(Failure::io)?;
            out::words(&format!("written: {}", paths.config.display()));
        }
        ConfigCommand::Show => {
            out::data(&profile(global, &paths)?.show())?;
        }
        ConfigCommand::Check => return check(global),
    }
    Ok(ExitCode::SUCCESS)
}

/// All mistakes at once: of the file, and of each system's section in each profile.
fn check(global: &Global) -> Result<ExitCode, Failure> {
    let paths = paths(global)?;
    let env = |name: &str| std::env::var(name).ok();
    let config = Config::load(&paths, &env)?;
    let known: Vec<&str> = crate::systems::all().iter().map(|system| system.id().0).collect();
    let mut faults: Vec<String> = config.unknown_sections(&known).iter().map(ToString::to_string).collect();
    let names: Vec<String> = config.names().map(str::to_owned).collect();
    for name in &names {
        let profile = config.profile(Some(name))?;
        for system in crate::systems::all() {
            let Some(table) = profile.systems.get(system.id().0) else { continue };
            // files that a section names lie beside the config file
            let settings = Settings { table: table.clone(), file: profile.file.clone() };
            if let Err(error) = system.check(&settings) {
                let error = error.to_string();
                let prefix = profile.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
                let why = error.replacen(&prefix, "", 1);
                faults.push(config.locate(name, system.id().0, &why).to_string());
            }
        }
    }
    for fault in &faults {
        out::words(fault);
    }
    if faults.is_empty() {
        let found =
            if paths.config.exists() { format!("{}: ", paths.config.display()) } else { "no config file: ".into() };
        out::words(&format!("{found}{} profiles, no mistakes", names.len()));
    }
    Ok(ExitCode::from(if faults.is_empty() { 0 } else { 2 }))
}
