//! Roles and what they look like. A theme is a file; every role is resolved when it is loaded.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use toml::de::{DeTable, DeValue};

use crate::model::health::Health;

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal,)+) => {
        /// What a piece of the screen is, so that a theme can say how it looks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Role {
            $($(#[$doc])* $role,)+
        }

        impl Role {
            /// All roles.
            pub const ALL: &[Self] = &[$(Self::$role,)+];

            /// Its name in a theme file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$role => $name,)+
                }
            }
        }
    };
}

roles! {
    /// What is read.
    Text = "text",
    /// What is looked for.
    Strong = "text.strong",
    /// Labels, units, what is as it should be.
    Dim = "text.dim",
    /// Decoration.
    Faint = "text.faint",
    /// The one accent.
    Accent = "accent",
    /// A key that works here.
    Key = "key",
    /// A way to another place.
    Link = "link",
    /// A line between sections.
    Rule = "rule",
    /// Header and footer.
    Surface = "surface",
    /// What floats.
    Raised = "raised",
    /// The border of what floats.
    Border = "border",
    /// The tab that is open.
    TabActive = "tab.active",
    /// The cursor's row.
    Cursor = "cursor",
    /// The bar at its left.
    CursorBar = "cursor.bar",
    /// The cursor's row when its object is gone.
    CursorGone = "cursor.gone",
    /// The chosen column's heading.
    Column = "column",
    /// A marked row.
    Mark = "mark",
    /// What a filter or search found.
    Match = "match",
    /// A cell that has just changed.
    Changed = "changed",
    /// Well.
    Good = "status.good",
    /// Look at it.
    Warn = "status.warn",
    /// Broken.
    Bad = "status.bad",
    /// On its way.
    Busy = "status.busy",
    /// Nothing there.
    Idle = "status.idle",
    /// The badge of production.
    Production = "badge.production",
    /// The badge of any other environment.
    Environment = "badge.other",
    /// A value that goes.
    Before = "before",
    /// A value that comes.
    After = "after",
    /// Lines of a chart.
    Series1 = "series1",
    /// Lines of a chart.
    Series2 = "series2",
    /// Lines of a chart.
    Series3 = "series3",
    /// Lines of a chart.
    Series4 = "series4",
    /// Lines of a chart.
    Series5 = "series5",
    /// Lines of a chart.
    Series6 = "series6",
}

impl From<Health> for Role {
    fn from(health: Health) -> Self {
        match health {
            Health::Bad => Self::Bad,
            Health::Warn => Self::Warn,
            Health::Busy => Self::Busy,
            Health::Good => Self::Good,
            Health::Idle => Self::Idle,
        }
    }
}

/// The themes that come with the program: name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
];

/// A mistake in a theme file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct ThemeError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, with what is allowed.
    pub what: String,
}

/// How each role looks, and which glyphs may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    styles: Vec<Style>,
    /// Whether glyphs beyond ASCII may be used.
    pub unicode: bool,
}

impl Theme {
    /// A theme that comes with the program.
    pub fn shipped(name: &str) -> Result<Self, ThemeError> {
        match SHIPPED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(name, text),
            None => Err(ThemeError {
                file: name.to_owned(),
                line: 1,
                what: format!("no theme `{name}`; there are: {}", SHIPPED.map_names()),
            }),
        }
    }

    /// Reads a theme; every role that it leaves out looks like plain text.
    pub fn parse(file: &str, text: &str) -> Result<Self, ThemeError> {
        let reader = Reader { file, text };
        let table = DeTable::parse(text).map_err(|error| reader.error(error.span(), error.message()))?;
        let mut palette = BTreeMap::new();
        let mut styles = vec![Style::new(); Role::ALL.len()];
        for (section, entries) in table.get_ref() {
            let DeValue::Table(entries) = entries.get_ref() else {
                return Err(reader.error(Some(section.span()), "expected the sections [palette] and [roles]"));
            };
            match section.get_ref().as_ref() {
                "palette" => palette = reader.palette(entries)?,
                "roles" => {}
                other => {
                    let what = format!("no section `{other}`; there are: palette, roles");
                    return Err(reader.error(Some(section.span()), &what));
                }
            }
        }
        if let Some((_, entries)) = table.get_ref().iter().find(|(name, _)| name.get_ref() == "roles")
            && let DeValue::Table(entries) = entries.get_ref()
        {
            for (name, look) in entries {
                let Some(at) = Role::ALL.iter().position(|role| role.name() == name.get_ref().as_ref()) else {
                    let known = Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
                    return Err(
                        reader.error(Some(name.span()), &format!("no role `{}`; there are: {known}", name.get_ref()))
                    );
                };
                let style = reader.style(look, &palette)?;
                if let Some(slot) = styles.get_mut(at) {
                    *slot = style;
                }
            }
        }
        Ok(Self { styles, unicode: true })
    }

    /// The same theme with ASCII glyphs only.
    #[must_use]
    pub fn ascii(self) -> Self {
        Self { unicode: false, ..self }
    }

    /// How a role looks.
    #[must_use]
    pub fn get(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// How a state looks.
    #[must_use]
    pub fn health(&self, health: Health) -> Style {
        self.get(health.into())
    }

    /// The glyph of a state.
    #[must_use]
    pub fn glyph(&self, health: Health) -> &'static str {
        match (health, self.unicode) {
            (Health::Good, true) => "●",
            (Health::Warn, true) => "▲",
            (Health::Bad, true) => "✖",
            (Health::Busy, true) => "◐",
            (Health::Idle, true) => "·",
            (Health::Good, false) => "o",
            (Health::Warn, false) => "!",
            (Health::Bad, false) => "x",
            (Health::Busy, false) => "~",
            (Health::Idle, false) => ".",
        }
    }

    /// `unicode` where glyphs beyond ASCII may be used, else `ascii`.
    #[must_use]
    pub fn pick(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }
}

trait Names {
    fn map_names(&self) -> String;
}

impl Names for [(&str, &str)] {
    fn map_names(&self) -> String {
        self.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn error(&self, span: Option<std::ops::Range<usize>>, what: &str) -> ThemeError {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or("");
        ThemeError { file: self.file.to_owned(), line: before.matches('\n').count() + 1, what: what.to_owned() }
    }

    fn palette(&self, entries: &DeTable<'_>) -> Result<BTreeMap<String, Color>, ThemeError> {
        let mut palette = BTreeMap::new();
        for (name, value) in entries {
            let DeValue::String(text) = value.get_ref() else {
                return Err(
                    self.error(Some(value.span()), "a colour is a text such as \"#7fb4d9\", \"red\" or \"214\"")
                );
            };
            palette.insert(name.get_ref().to_string(), self.color(text, value.span(), &BTreeMap::new())?);
        }
        Ok(palette)
    }

    fn color(
        &self,
        text: &str,
        span: std::ops::Range<usize>,
        palette: &BTreeMap<String, Color>,
    ) -> Result<Color, ThemeError> {
        if let Some(color) = palette.get(text) {
            return Ok(*color);
        }
        text.parse::<Color>().map_err(|_error| {
            let known = palette.keys().cloned().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { String::new() } else { format!("; the palette has: {known}") };
            self.error(
                Some(span),
                &format!("no colour `{text}`: expected \"#rrggbb\", a name such as \"red\", or 0 to 255{known}"),
            )
        })
    }

    fn style(&self, look: &toml::Spanned<DeValue<'_>>, palette: &BTreeMap<String, Color>) -> Result<Style, ThemeError> {
        let DeValue::Table(parts) = look.get_ref() else {
            return Err(self.error(Some(look.span()), "expected { fg = \"…\", bg = \"…\", mods = [\"bold\"] }"));
        };
        let mut style = Style::new();
        for (part, value) in parts {
            match (part.get_ref().as_ref(), value.get_ref()) {
                ("fg", DeValue::String(color)) => style = style.fg(self.color(color, value.span(), palette)?),
                ("bg", DeValue::String(color)) => style = style.bg(self.color(color, value.span(), palette)?),
                ("mods", DeValue::Array(mods)) => {
                    for item in mods {
                        style = style.add_modifier(self.modifier(item)?);
                    }
                }
                (other, _) => {
                    let what = format!("`{other}` is not part of a look; there are: fg, bg, mods");
                    return Err(self.error(Some(part.span()), &what));
                }
            }
        }
        Ok(style)
    }

    fn modifier(&self, item: &toml::Spanned<DeValue<'_>>) -> Result<Modifier, ThemeError> {
        let name = if let DeValue::String(name) = item.get_ref() { name.as_ref() } else { "" };
        Ok(match name {
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "italic" => Modifier::ITALIC,
            "underlined" => Modifier::UNDERLINED,
            "reversed" => Modifier::REVERSED,
            "crossed_out" => Modifier::CROSSED_OUT,
            other => {
                let what =
                    format!("no modifier `{other}`; there are: bold, dim, italic, underlined, reversed, crossed_out");
                return Err(self.error(Some(item.span()), &what));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_theme_loads_and_names_every_role() {
        for (name, text) in SHIPPED {
            Theme::parse(name, text).unwrap();
            for role in Role::ALL {
                let plain = role.name();
                assert!(
                    text.contains(&format!("\n{plain} =")) || text.contains(&format!("\"{plain}\" =")),
                    "{name} lacks {plain}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_role_names_its_line_and_what_is_allowed() {
        let error = Theme::parse("my.toml", "[roles]\ntext = {}\nstatus.god = {}\n").unwrap_err();
        assert_eq!(error.line, 3);
        assert!(error.what.contains("status.good"), "{error}");
    }

    #[test]
    fn an_unknown_colour_names_the_palette() {
        let error =
            Theme::parse("my.toml", "[palette]\nsea = \"#123456\"\n[roles]\ntext = { fg = \"see\" }\n").unwrap_err();
        assert_eq!(error.line, 4);
        assert!(error.what.contains("sea"), "{error}");
    }

    #[test]
    fn states_are_readable_on_the_backgrounds_they_stand_on() {
        for (name, background) in [("dark", (0x16, 0x18, 0x1d)), ("light", (0xff, 0xff, 0xff))] {
            let theme = Theme::shipped(name).unwrap();
            for role in [Role::Good, Role::Warn, Role::Bad, Role::Busy, Role::Dim, Role::Accent, Role::Link] {
                let Some(Color::Rgb(r, g, b)) = theme.get(role).fg else { panic!("{name} {role:?} has no colour") };
                let contrast = contrast((r, g, b), background);
                assert!(contrast >= 3.9, "{name} {role:?}: {contrast:.1}");
            }
        }
    }

    fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
        let luminance = |(r, g, b): (u8, u8, u8)| {
            let part = |value: u8| {
                let value = f64::from(value) / 255.0;
                if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}
