//! What the terminal can do, told from the environment (by a look-up that is handed in) and from what the user set.
//!
//! Nothing is asked of the terminal itself: answers come late over SSH and land in the keys.

use std::str::FromStr;

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// No colour at all: weight, underline and reverse only.
    Mono,
    /// The sixteen named ones.
    Colors16,
    /// The palette of 256.
    Colors256,
    /// Red, green and blue, a byte each.
    True,
}

/// What may carry a copy to the user's clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipboardWay {
    /// OSC 52, as it is.
    Direct,
    /// OSC 52; tmux takes it where its `set-clipboard` is `on`.
    Tmux,
    /// OSC 52 wrapped in pieces of DCS: screen cuts longer ones and prints the rest.
    Screen,
    /// The terminal is known to have none.
    Absent,
}

/// What the terminal can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a terminal, no states of ours")]
pub struct Capabilities {
    /// Colours.
    pub depth: Depth,
    /// Text beyond ASCII arrives as UTF-8.
    pub unicode: bool,
    /// An erased cell takes the background colour (terminfo `bce`).
    pub background_erase: bool,
    /// Line feeds at the edge of a region (DECSTBM) scroll it alone.
    pub scroll_region: bool,
    /// Frames between `CSI ? 2026 h` and `l` appear at once; who does not know the mode ignores it.
    pub synchronized: bool,
    /// OSC 8 links are understood, or at least swallowed.
    pub links: bool,
    /// The way to the clipboard.
    pub clipboard: ClipboardWay,
    /// The session runs over SSH: tools of this host reach another clipboard than the user's.
    pub remote: bool,
}

/// The colours that the user asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// As the environment says.
    #[default]
    Auto,
    /// This many.
    Fixed(Depth),
}

/// A text that is no choice of colours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is none of auto, truecolor, 256, 16, mono")]
pub struct UnknownColors(pub String);

impl FromStr for ColorChoice {
    type Err = UnknownColors;

    fn from_str(text: &str) -> Result<Self, UnknownColors> {
        match text {
            "auto" => Ok(Self::Auto),
            "truecolor" => Ok(Self::Fixed(Depth::True)),
            "256" => Ok(Self::Fixed(Depth::Colors256)),
            "16" => Ok(Self::Fixed(Depth::Colors16)),
            "mono" => Ok(Self::Fixed(Depth::Mono)),
            _ => Err(UnknownColors(text.to_owned())),
        }
    }
}

/// What the user set beside the environment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--ascii`.
    pub ascii: bool,
    /// `--colors`.
    pub colors: ColorChoice,
}

impl Capabilities {
    /// Reads the environment through `look_up` (a variable's name → its value), then applies what the user set.
    pub fn detect(look_up: impl Fn(&str) -> Option<String>, overrides: Overrides) -> Self {
        let env = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let term = env("TERM").unwrap_or_default();
        let program = env("TERM_PROGRAM").unwrap_or_default();
        let tmux = env("TMUX").is_some() || term.starts_with("tmux");
        let screen = !tmux && (env("STY").is_some() || term.starts_with("screen"));
        let console = term == "linux";
        let depth = match overrides.colors {
            ColorChoice::Fixed(depth) => depth,
            ColorChoice::Auto => depth(&env, &term, screen),
        };
        let clipboard = match (tmux, screen) {
            _ if console || term == "dumb" || program == "Apple_Terminal" => ClipboardWay::Absent,
            (true, _) => ClipboardWay::Tmux,
            (_, true) => ClipboardWay::Screen,
            _ => ClipboardWay::Direct,
        };
        Self {
            depth,
            unicode: !overrides.ascii && utf8(&env),
            background_erase: background_erase(&term, screen),
            scroll_region: !console && term != "dumb",
            synchronized: !console && !screen && term != "dumb",
            links: !console && !screen && program != "Apple_Terminal" && term != "dumb",
            clipboard,
            remote: ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].iter().any(|name| env(name).is_some()),
        }
    }
}

fn depth(env: &impl Fn(&str) -> Option<String>, term: &str, screen: bool) -> Depth {
    let says_true = env("COLORTERM").is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit"));
    let program = env("TERM_PROGRAM").unwrap_or_default();
    let known_true = term.ends_with("-direct")
        || term.ends_with("-truecolor")
        || ["iTerm.app", "WezTerm", "ghostty", "vscode"].contains(&program.as_str())
        || ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm"].iter().any(|name| term.starts_with(name));
    if env("NO_COLOR").is_some() || term.is_empty() || term == "dumb" || term.starts_with("vt1") {
        Depth::Mono
    } else if !screen && (says_true || known_true) {
        // Screen passes the outer terminal's variables on and its colours not.
        Depth::True
    } else if term.contains("256color") || says_true {
        Depth::Colors256
    } else {
        Depth::Colors16
    }
}

/// The first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set decides, as for every other program.
fn utf8(env: &impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env(name)).is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.ends_with("utf-8") || value.ends_with("utf8") || value.contains("utf-8@") || value.contains("utf8@")
    })
}

/// Screen erases with the default background unless its own `bce` is on, which `TERM` then tells.
fn background_erase(term: &str, screen: bool) -> bool {
    if screen { term.contains("bce") } else { !term.is_empty() && term != "dumb" && !term.starts_with("vt") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)], overrides: Overrides) -> Capabilities {
        let look_up = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Capabilities::detect(look_up, overrides)
    }

    fn depth_of(variables: &[(&str, &str)]) -> Depth {
        detect(variables, Overrides::default()).depth
    }

    #[test]
    fn colours_follow_the_environment() {
        assert_eq!(depth_of(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Depth::True);
        assert_eq!(depth_of(&[("TERM", "xterm-256color")]), Depth::Colors256);
        assert_eq!(depth_of(&[("TERM", "xterm")]), Depth::Colors16);
        assert_eq!(depth_of(&[("TERM", "linux")]), Depth::Colors16);
        assert_eq!(depth_of(&[("TERM", "xterm-kitty")]), Depth::True);
        assert_eq!(depth_of(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), Depth::Mono);
        assert_eq!(depth_of(&[]), Depth::Mono);
    }

    #[test]
    fn no_color_wins_over_the_terminal_and_a_flag_over_both() {
        let variables = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")];
        assert_eq!(depth_of(&variables), Depth::Mono);
        let colors = "256".parse().unwrap();
        assert_eq!(detect(&variables, Overrides { colors, ascii: false }).depth, Depth::Colors256);
        assert_eq!(depth_of(&[("TERM", "xterm"), ("NO_COLOR", "")]), Depth::Colors16, "empty counts as unset");
    }

    #[test]
    fn an_outer_true_colour_is_not_believed_inside_screen() {
        let variables = [("TERM", "screen-256color"), ("STY", "1.tty"), ("COLORTERM", "truecolor")];
        let found = detect(&variables, Overrides::default());
        assert_eq!(found.depth, Depth::Colors256);
        assert!(!found.background_erase);
        assert_eq!(found.clipboard, ClipboardWay::Screen);
    }

    #[test]
    fn tmux_is_known_by_its_variable_even_where_term_says_screen() {
        let found = detect(&[("TERM", "screen-256color"), ("TMUX", "/tmp/x")], Overrides::default());
        assert_eq!(found.clipboard, ClipboardWay::Tmux);
        assert!(found.background_erase);
    }

    #[test]
    fn the_strongest_locale_variable_decides_on_unicode() {
        let unicode = |variables: &[(&str, &str)]| detect(variables, Overrides::default()).unicode;
        assert!(unicode(&[("LANG", "en_GB.UTF-8")]));
        assert!(unicode(&[("LANG", "C"), ("LC_CTYPE", "de_DE.utf8")]));
        assert!(!unicode(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")]));
        assert!(!unicode(&[]));
        assert!(!detect(&[("LANG", "C.UTF-8")], Overrides { ascii: true, ..Overrides::default() }).unicode);
    }

    #[test]
    fn the_linux_console_gets_nothing_that_it_would_print() {
        let found = detect(&[("TERM", "linux"), ("LANG", "C.UTF-8")], Overrides::default());
        assert!(!found.scroll_region && !found.links && !found.synchronized);
        assert_eq!(found.clipboard, ClipboardWay::Absent);
    }

    #[test]
    fn a_wrong_choice_of_colours_names_the_right_ones() {
        assert_eq!(
            "8".parse::<ColorChoice>().unwrap_err().to_string(),
            "\"8\" is none of auto, truecolor, 256, 16, mono"
        );
    }
}
