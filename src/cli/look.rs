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
    use crate::app::command::Command;
    use crate::view::theme::Role;

    /// A folder with a config file, so that what lies beside it is the user's, and the flags that name it.
    fn folder() -> (tempfile::TempDir, Global) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        std::fs::write(&config, "").unwrap();
        std::fs::create_dir(folder.path().join("themes")).unwrap();
        (folder, Global { config: Some(config), ..Global::default() })
    }

    fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    fn colours() -> Capabilities {
        let overrides = Overrides { ascii: false, colors: "truecolor".parse().unwrap() };
        Capabilities::detect(|name| (name == "LANG").then(|| "C.UTF-8".to_owned()), overrides)
    }

    fn themed(global: &Global, name: &str) -> Result<Theme, Failure> {
        theme(&Global { theme: Some(name.to_owned()), ..global.clone() }, colours())
    }

    #[test]
    fn a_terminal_that_says_that_it_is_light_gets_the_light_theme() {
        assert_eq!(by_background(Some("0;15")), "light");
        assert_eq!(by_background(Some("15;0")), "dark");
        assert_eq!(by_background(None), "dark");
    }

    #[test]
    fn a_theme_of_the_user_comes_before_one_of_that_name_that_is_shipped() {
        let (folder, global) = folder();
        assert_eq!(themed(&global, "dark").unwrap(), Theme::shipped("dark").unwrap());
        let file =
            write(&folder, "themes/dark.toml", "[palette]\nink = \"#102030\"\n[roles]\ntext = { fg = \"ink\" }\n");
        let own = themed(&global, "dark").unwrap();
        assert_eq!(own.get(Role::Text).fg, Some(ratatui::style::Color::Rgb(0x10, 0x20, 0x30)));
        assert_eq!(themed(&global, &file.display().to_string()).unwrap(), own, "a file is named by its path, too");
    }

    #[test]
    fn the_theme_of_the_config_file_is_taken_where_no_flag_says_otherwise() {
        let (folder, global) = folder();
        write(&folder, "config.toml", "theme = \"light\"\n");
        assert_eq!(theme(&global, colours()).unwrap(), Theme::shipped("light").unwrap());
        assert_eq!(themed(&global, "dark").unwrap(), Theme::shipped("dark").unwrap());
        let demo = Global { demo: true, ..global.clone() };
        write(&folder, "config.toml", "theme = 3\n");
        assert!(theme(&global, colours()).is_err());
        assert!(theme(&demo, colours()).is_ok(), "the embedded world opens whatever stands there");
    }

    #[test]
    fn without_colours_or_unicode_a_theme_has_neither() {
        let (_folder, global) = folder();
        let mono = Capabilities::detect(|_| None, Overrides { ascii: true, colors: "mono".parse().unwrap() });
        let found = theme(&Global { theme: Some("dark".into()), ..global }, mono).unwrap();
        assert_eq!(found, Theme::shipped("mono").unwrap().ascii());
    }

    #[test]
    fn a_mistake_in_a_theme_is_told_with_its_file_and_line() {
        let (folder, global) = folder();
        write(&folder, "themes/odd.toml", "[palette]\n\n[roles]\ntext = { fg = \"ink\" }\n");
        let error = themed(&global, "odd").unwrap_err();
        assert!(error.what.contains("odd.toml:4"), "{}", error.what);
        let error = themed(&global, "nowhere/none.toml").unwrap_err();
        assert!(error.what.contains("nowhere/none.toml") && error.code == 2, "{}", error.what);
        let error = themed(&global, "drak").unwrap_err();
        assert!(error.what.contains("no theme `drak`") && error.what.contains("light"), "{}", error.what);
    }

    #[test]
    fn a_keymap_beside_the_config_file_is_read_unless_a_flag_names_another() {
        let (folder, mut global) = folder();
        let help = |keymap: &Keymap| keymap.hint(Command::Help);
        assert_eq!(help(&keymap(&global).unwrap()), Some("?".into()));
        write(&folder, "keymap.toml", "[global]\nhelp = \"f1\"\n");
        assert_eq!(help(&keymap(&global).unwrap()), Some("f1".into()));
        global.keymap = Some(write(&folder, "other.toml", "[global]\nhelp = \"f2\"\n"));
        assert_eq!(help(&keymap(&global).unwrap()), Some("f2".into()));
    }

    #[test]
    fn a_mistake_in_a_keymap_is_told_with_its_file_and_line() {
        let (folder, global) = folder();
        write(&folder, "keymap.toml", "[global]\nhelp = \"f1\"\nhlep = \"f2\"\n");
        let error = keymap(&global).unwrap_err();
        assert!(error.what.contains("keymap.toml:3") && error.what.contains("hlep"), "{}", error.what);
        let missing = Global { keymap: Some(folder.path().join("none.toml")), ..global };
        let error = keymap(&missing).unwrap_err();
        assert!(error.what.contains("none.toml") && error.code == 2, "{}", error.what);
    }
}
