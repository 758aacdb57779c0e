//! How the console looks and which keys it has: capabilities, theme, keymap.

use std::path::PathBuf;

use super::Failure;
use super::args::Global;
use super::session::paths;
use crate::app::keymap::Keymap;
use crate::config::Config;
use crate::term::capability::{Capabilities, Depth, Overrides};
use crate::view::theme::Theme;

/// What the terminal can do, as the environment says and the flags correct.
pub(super) fn capabilities(global: &Global) -> Result<Capabilities, Failure> {
    let colors = global.colors.parse().map_err(|error| Failure::usage(format!("--colors: {error}"), "see --help"))?;
    Ok(Capabilities::detect(|name| std::env::var(name).ok(), Overrides { ascii: global.ascii, colors }))
}

/// The theme: mono without colours, else the one that was asked for by a flag or the config file, else dark or light by
/// the terminal's own word. A name is looked for among the user's themes, then among those that come with the program.
pub(super) fn theme(global: &Global, capabilities: Capabilities) -> Result<Theme, Failure> {
    let paths = paths(global)?;
    let of_config = || -> Result<Option<String>, Failure> {
        // the embedded world opens whatever stands in the config file
        if global.demo { Ok(None) } else { Ok(Config::load(&paths, &|name| std::env::var(name).ok())?.theme) }
    };
    let name = match (&global.theme, capabilities.depth) {
        (_, Depth::Mono) => "mono".to_owned(),
        (Some(name), _) => name.clone(),
        (None, _) => {
            of_config()?.unwrap_or_else(|| by_background(std::env::var("COLORFGBG").ok().as_deref()).to_owned())
        }
    };
    let own = paths.themes.join(format!("{name}.toml"));
    let file =
        if name.contains(['/', '.']) { Some(PathBuf::from(&name)) } else { Some(own).filter(|own| own.exists()) };
    let theme = match file {
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|error| {
                Failure::usage(
                    format!("theme {}: {error}", file.display()),
                    "`quarterdeck themes` lists those that come with the program",
                )
            })?;
            Theme::parse(&file.display().to_string(), &text)
        }
        None => Theme::shipped(&name),
    };
    let theme =
        theme.map_err(|error| Failure::usage(error.to_string(), "mend the theme, or choose another with --theme"))?;
    Ok(if capabilities.unicode { theme } else { theme.ascii() })
}

/// `COLORFGBG` is `foreground;background`, the background 7 or 15 on light terminals.
fn by_background(variable: Option<&str>) -> &'static str {
    match variable.and_then(|value| value.rsplit(';').next()) {
        Some("7" | "15") => "light",
        _ => "dark",
    }
}

/// The default keymap, and over it the user's: the one of the flag, else the one beside the config file.
pub(super) fn keymap(global: &Global) -> Result<Keymap, Failure> {
    let beside = || Some(paths(global).ok()?.keymap).filter(|file| file.exists());
    let user = match &global.keymap.clone().or_else(beside) {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("keymap {}: {error}", path.display()), "see `quarterdeck keys`")
            })?;
            Some((path.display().to_string(), text))
        }
    };
    Keymap::load(user.as_ref().map(|(file, text)| (file.as_str(), text.as_str())))
        .map_err(|error| Failure::usage(error.to_string(), "mend the keymap; `quarterdeck keys` lists the commands"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_says_that_it_is_light_gets_the_light_theme() {
        assert_eq!(by_background(Some("0;15")), "light");
        assert_eq!(by_background(Some("15;0")), "dark");
        assert_eq!(by_background(None), "dark");
    }
}
