//! How the console looks and which keys it has: capabilities, theme, keymap.

use super::Failure;
use super::args::Global;
use crate::app::keymap::Keymap;
use crate::term::capability::{Capabilities, Depth, Overrides};
use crate::view::theme::Theme;

/// What the terminal can do, as the environment says and the flags correct.
pub(super) fn capabilities(global: &Global) -> Result<Capabilities, Failure> {
    let colors = global.colors.parse().map_err(|error| Failure::usage(format!("--colors: {error}"), "see --help"))?;
    Ok(Capabilities::detect(|name| std::env::var(name).ok(), Overrides { ascii: global.ascii, colors }))
}

/// The theme: the one that was asked for, else dark or light by the terminal's own word, else mono without colours.
pub(super) fn theme(global: &Global, capabilities: Capabilities) -> Result<Theme, Failure> {
    let name = match (&global.theme, capabilities.depth) {
        (_, Depth::Mono) => "mono".to_owned(),
        (Some(name), _) => name.clone(),
        (None, _) => by_background(std::env::var("COLORFGBG").ok().as_deref()).to_owned(),
    };
    let theme = if name.contains(['/', '.']) {
        let text = std::fs::read_to_string(&name).map_err(|error| {
            Failure::usage(
                format!("theme {name}: {error}"),
                "`quarterdeck themes` lists those that come with the program",
            )
        })?;
        Theme::parse(&name, &text)
    } else {
        Theme::shipped(&name)
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

/// The default keymap, and over it the user's.
pub(super) fn keymap(global: &Global) -> Result<Keymap, Failure> {
    let user = match &global.keymap {
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
