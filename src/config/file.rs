//! The config file: its profiles, each mistake with line and column.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::decode::{Decoder, listed};
use super::mistake::{ConfigError, Mistake, place};
use super::paths::Paths;
use super::profile::{Layer, Profile};
use super::secret::Lookup;

/// A larger file is none that a person wrote.
const SIZE_LIMIT: u64 = 1 << 20;
/// What may stand at the top of the file.
const TOP: [&str; 4] = ["default_profile", "theme", "defaults", "profiles"];

/// What a config file says; everything empty where there is none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// The file, if it exists.
    pub file: Option<PathBuf>,
    /// The profile to use unless another one is asked for.
    pub default_profile: Option<String>,
    /// The theme's name.
    pub theme: Option<String>,
    defaults: Section,
    profiles: BTreeMap<String, Section>,
    text: String,
}

/// A profile's section, or the defaults'.
#[derive(Debug, Clone, PartialEq, Default)]
struct Section {
    layer: Layer,
    systems: BTreeMap<String, System>,
}

/// A system's section.
#[derive(Debug, Clone, PartialEq, Default)]
struct System {
    table: toml::Table,
    /// Where its name stands.
    at: Range<usize>,
    /// Where its keys stand.
    keys: BTreeMap<String, Range<usize>>,
}

impl Config {
    /// Reads the config file. Without a file everything is empty, unless the operator named it.
    pub fn load(paths: &Paths, env: Lookup<'_>) -> Result<Self, ConfigError> {
        let file = &paths.config;
        let wrong = |what: String| ConfigError::one(Some(file), what);
        let mut bytes = Vec::new();
        match std::fs::File::open(file) {
            Ok(opened) => {
                opened.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !paths.named => return Ok(Self::default()),
            Err(error) => return Err(wrong(format!("can't be read: {error}"))),
        }
        if bytes.len() as u64 > SIZE_LIMIT {
            return Err(wrong("is larger than 1 MiB".into()));
        }
        let text = String::from_utf8(bytes).map_err(|error| wrong(format!("is no UTF-8: {error}")))?;
        Self::parse(file, &text, env)
    }

    /// Reads the text of the file `file`; all mistakes at once.
    pub fn parse(file: &Path, text: &str, env: Lookup<'_>) -> Result<Self, ConfigError> {
        let home = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let mut decoder = Decoder { file, text, home, mistakes: Vec::new() };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            decoder.mistake(&error.span().unwrap_or_default(), error.message());
        }
        let raw: toml::Table = match text.parse() {
            Ok(raw) => raw,
            Err(_) if !errors.is_empty() => toml::Table::new(),
            Err(error) => {
                decoder.mistake(&error.span().unwrap_or_default(), error.message());
                toml::Table::new()
            }
        };
        let mut config = Self { file: Some(file.to_owned()), text: text.to_owned(), ..Self::default() };
        if decoder.mistakes.is_empty() {
            config.read(&mut decoder, table.get_ref(), &raw);
        }
        decoder.mistakes.sort();
        if decoder.mistakes.is_empty() { Ok(config) } else { Err(ConfigError { mistakes: decoder.mistakes }) }
    }

    fn read(&mut self, decoder: &mut Decoder<'_>, table: &DeTable<'_>, raw: &toml::Table) {
        for (key, node) in table {
            match key.get_ref().as_ref() {
                "default_profile" => self.default_profile = decoder.word("default_profile", node),
                "theme" => self.theme = decoder.word("theme", node),
                "defaults" => {
                    if let Some(inner) = decoder.table("defaults", node) {
                        self.defaults = section(decoder, inner, raw.get("defaults"));
                    }
                }
                "profiles" => {
                    for (name, node) in decoder.table("profiles", node).into_iter().flatten() {
                        let name = name.get_ref().as_ref();
                        let raw = raw.get("profiles").and_then(|profiles| profiles.get(name));
                        if let Some(inner) = decoder.table(&format!("profiles.{name}"), node) {
                            self.profiles.insert(name.to_owned(), section(decoder, inner, raw));
                        }
                    }
                }
                other => {
                    let what = format!("unknown field `{other}`, expected one of {}", listed(&TOP));
                    decoder.mistake(&key.span(), what);
                }
            }
        }
        let known = self.default_profile.as_ref().is_none_or(|name| self.profiles.contains_key(name));
        if let Some((_, node)) = table.iter().find(|(key, _)| key.get_ref() == "default_profile")
            && !known
        {
            decoder.mistake(&node.span(), format!("default_profile: no such profile; {}", self.there_are()));
        }
    }

    fn there_are(&self) -> String {
        let names: Vec<&str> = self.names().collect();
        if names.is_empty() { "there are none".into() } else { format!("there are {}", listed(&names)) }
    }

    /// The profiles' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    /// The profile `name`, else the default one, else the only one; without any, one that is called `default`.
    /// Merged from its section and the defaults alone.
    pub fn profile(&self, name: Option<&str>) -> Result<Profile, ConfigError> {
        self.profile_with(name, &Layer::default(), &Layer::default())
    }

    /// The profile `name`, over it what the environment and the flags say.
    pub fn profile_with(&self, name: Option<&str>, flags: &Layer, environment: &Layer) -> Result<Profile, ConfigError> {
        let wrong = |what: String| Err(ConfigError::one(self.file.as_deref(), what));
        let only = || self.names().next().filter(|_| self.profiles.len() == 1);
        let empty = Section::default();
        let (name, own) = match name.or(self.default_profile.as_deref()).or_else(only) {
            Some(name) => match self.profiles.get(name) {
                Some(own) => (name, own),
                None => return wrong(format!("no profile `{name}`; {}", self.there_are())),
            },
            None if self.profiles.is_empty() => ("default", &empty),
            None => {
                return wrong(format!("which profile? {}; give --profile or set default_profile", self.there_are()));
            }
        };
        let label = format!("[profiles.{name}]");
        let defaults = &self.defaults;
        let layers =
            [("flag", flags), ("environment", environment), (&*label, &own.layer), ("[defaults]", &defaults.layer)];
        let mut profile = Profile::merge(name, &layers);
        // a section counts whole: the login of one is never sent to the address of the other
        let sections = defaults.systems.iter().chain(&own.systems);
        profile.systems = sections.map(|(id, system)| (id.clone(), system.table.clone())).collect();
        profile.file.clone_from(&self.file);
        Ok(profile)
    }

    /// The sections whose names are those of no system.
    #[must_use]
    pub fn unknown_sections(&self, systems: &[&str]) -> Vec<Mistake> {
        let sections = std::iter::once(&self.defaults).chain(self.profiles.values());
        let unknown = sections.flat_map(|section| &section.systems).filter(|(id, _)| !systems.contains(&id.as_str()));
        let known = listed(systems);
        unknown
            .map(|(id, system)| self.mistake(&system.at, format!("unknown system `{id}`, expected one of {known}")))
            .collect()
    }

    /// A mistake that the system `id` found in its section of `profile`, at the key that its message names in
    /// backquotes or before a colon, else at the section.
    #[must_use]
    pub fn locate(&self, profile: &str, id: &str, message: &str) -> Mistake {
        let own = self.profiles.get(profile).and_then(|section| section.systems.get(id));
        let Some(system) = own.or_else(|| self.defaults.systems.get(id)) else {
            return Mistake { file: self.file.clone(), at: None, what: message.to_owned() };
        };
        let file = self.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
        let message = message.strip_prefix(&file).unwrap_or(message);
        let named = system
            .keys
            .iter()
            .find(|(key, _)| message.contains(&format!("`{key}`")) || message.contains(&format!("{key}:")));
        self.mistake(named.map_or(&system.at, |(_, at)| at), message.to_owned())
    }

    fn mistake(&self, at: &Range<usize>, what: String) -> Mistake {
        Mistake { file: self.file.clone(), at: Some(place(&self.text, at)), what }
    }
}

fn section(decoder: &mut Decoder<'_>, table: &DeTable<'_>, raw: Option<&toml::Value>) -> Section {
    let (layer, names) = decoder.layer(table);
    let mut systems = BTreeMap::new();
    for name in names {
        let Some((key, node)) = table.iter().find(|(key, _)| *key.get_ref() == name.as_str()) else { continue };
        let inner = node.get_ref().as_table().into_iter().flatten();
        let keys = inner.map(|(key, _)| (key.get_ref().to_string(), key.span())).collect();
        let table = raw.and_then(|raw| raw.get(&name)?.as_table().cloned()).unwrap_or_default();
        systems.insert(name, System { table, at: key.span(), keys });
    }
    Section { layer, systems }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
