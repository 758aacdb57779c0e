//! Who may enter which room: the table of `src/lib.rs`, checked against every path in the sources.

#![expect(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "helpers of tests may fail like tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The only other copy of the table in `src/lib.rs`: a room, and what it may name of others.
/// `room` is all of it, `room::` what stands in the room itself but not in a folder of it, `room::part` that part.
const ROOMS: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("config", &["model"]),
    ("systems", &["model", "config", "actions::Permit", "actions::PredictPermit"]),
    ("feeds", &["systems::", "model", "config"]),
    ("actions", &["systems::", "model", "config"]),
    (
        "predict",
        &[
            "systems::",
            "systems::http",
            "systems::kube",
            "model",
            "config",
            "actions::Permit",
            "actions::PredictPermit",
        ],
    ),
    ("app", &["feeds", "actions", "predict", "systems::", "model", "config"]),
    ("view", &["app", "model"]),
    ("term", &["app::event", "model"]),
    ("demo", &["model"]),
    ("cli", &["actions", "app", "config", "demo", "feeds", "model", "predict", "systems", "term", "view"]),
];

/// What systems share, and may therefore use of each other.
const SHARED: [&str; 2] = ["http", "kube"];

/// The longest file that one can still hold in the head.
const LINES: usize = 600;

/// A path that a file names, as it counts from the crate's root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    file: String,
    path: Vec<String>,
}

/// Collects the paths of a file that begin with `crate` or `super`.
struct Paths {
    file: String,
    /// The module that is being read.
    module: Vec<String>,
    found: BTreeSet<Named>,
}

impl Paths {
    fn read(file: &str, text: &str) -> BTreeSet<Named> {
        let mut paths = Self { file: file.to_owned(), module: module_of(file), found: BTreeSet::new() };
        paths.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}")));
        paths.found
    }

    /// Keeps a path, `super` resolved; paths of other crates are not ours to judge.
    fn keep(&mut self, segments: &[String]) {
        let Some(first) = segments.first() else { return };
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "super" => self.module.clone(),
            _ => return,
        };
        for segment in segments {
            match segment.as_str() {
                "super" => drop(path.pop()),
                "self" | "crate" => {}
                name => path.push(name.to_owned()),
            }
        }
        self.found.insert(Named { file: self.file.clone(), path });
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(before, &path.ident)),
            syn::UseTree::Name(name) => self.keep(&with(before, &name.ident)),
            syn::UseTree::Rename(rename) => self.keep(&with(before, &rename.ident)),
            syn::UseTree::Glob(_) => self.keep(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before)),
        }
    }
}

fn with(before: &[String], ident: &syn::Ident) -> Vec<String> {
    before.iter().cloned().chain([ident.to_string()]).collect()
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.keep(&segments);
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are both `a::b`.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.trim_start_matches("src/").trim_end_matches(".rs");
    inside.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(str::to_owned).collect()
}

/// Why a path may not stand in its file, if it may not.
fn trespass(named: &Named) -> Option<String> {
    let from = module_of(&named.file);
    let here = from.first()?.as_str();
    let there = named.path.first()?.as_str();
    let part = named.path.get(1).map_or("", String::as_str);
    let said = format!("{}: {here} names {}", named.file, named.path.join("::"));
    let folder = |room: &str, part: &str| !part.is_empty() && Path::new("src").join(room).join(part).is_dir();
    if here == there {
        let own = from.get(1).map_or("", String::as_str);
        // what is shared knows no system; a system knows what is shared
        let crosses = here == "systems" && folder(here, own) && folder(here, part) && own != part;
        return (crosses && !SHARED.contains(&part)).then_some(said);
    }
    if !ROOMS.iter().any(|(room, _)| *room == there) {
        return Some(format!("{said}, which is no room"));
    }
    let (_, allowed) = ROOMS.iter().find(|(room, _)| *room == here)?;
    // tests get their permits from a guard of their own
    let tests = from.iter().any(|part| part == "tests" || part.ends_with("_tests"));
    if tests && there == "actions" && (here == "systems" || here == "predict") {
        return None;
    }
    let may = allowed.iter().any(|allowed| match allowed.split_once("::") {
        None => *allowed == there,
        Some((room, "")) => room == there && !part.is_empty() && !folder(there, part),
        Some((room, one)) => room == there && one == part,
    });
    (!may).then_some(said)
}

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("src"), &mut found);
    found.sort();
    found.iter().map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap())).collect()
}

fn trespasses(file: &str, text: &str) -> Vec<String> {
    Paths::read(file, text).iter().filter_map(trespass).collect()
}

#[test]
fn every_room_enters_only_those_it_may() {
    let files = sources();
    assert!(files.len() > 100, "the sources are not where they were");
    let wrong: Vec<String> = files.iter().flat_map(|(file, text)| trespasses(file, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_trespass_is_found_however_it_is_written() {
    let caught = |file: &str, text: &str| trespasses(file, text).len();
    assert_eq!(caught("src/model/id.rs", "use crate::app::state::State;"), 1);
    assert_eq!(caught("src/view/mod.rs", "use crate::{model::id::Key, app::{place, state}, feeds::{slot, Feeds}};"), 2);
    assert_eq!(caught("src/view/mod.rs", "fn f() { crate::term::screen::open(); }"), 1);
    assert_eq!(caught("src/view/bars.rs", "use super::super::config::Config;"), 1);
    assert_eq!(caught("src/view/bars.rs", "mod tests { use super::super::super::config::Config; }"), 1);
    assert_eq!(caught("src/feeds/mod.rs", "use crate::systems::Feed; use crate::systems::mlflow::Mlflow;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use crate::systems::mlflow::Mlflow;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use super::super::mlflow::Mlflow;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use crate::systems::kube::Access; use super::wire;"), 0);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use crate::actions::Guard;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use crate::actions::Permit;"), 0);
}

#[test]
fn the_table_of_the_crate_names_the_same_rooms() {
    let text = std::fs::read_to_string("src/lib.rs").unwrap();
    let listed: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next()).collect();
    assert_eq!(listed, ROOMS.map(|(room, _)| room));
    let modules: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(modules, ROOMS.iter().map(|(room, _)| *room).collect());
}

#[test]
fn no_file_is_longer_than_one_can_hold_in_the_head() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(file, lines)| format!("{file}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "longer than {LINES} lines: {}", long.join(", "));
}

/// The attributes of a file that switch off one of the lints that keep the program from panicking.
fn switched_off(file: &str, text: &str) -> Vec<String> {
    const KEPT: [&str; 6] =
        ["unwrap_used", "expect_used", "clippy::panic", "indexing_slicing", "clippy::todo", "clippy::print_std"];
    // a module of tests stands at the end of its file
    let library = text.split("#[cfg(test)]").next().unwrap_or_default();
    ["allow(", "expect("]
        .iter()
        .flat_map(|word| library.match_indices(word))
        .filter(|(at, _)| library[..*at].ends_with("#[") || library[..*at].ends_with("#!["))
        .filter_map(|(at, _)| library[at..].split(")]").next())
        .filter(|attribute| KEPT.iter().any(|lint| attribute.contains(lint)))
        .map(|attribute| format!("{file}: {attribute}"))
        .collect()
}

#[test]
fn nobody_switches_off_what_keeps_the_program_from_panicking() {
    assert_eq!(switched_off("a.rs", "#[allow(clippy::unwrap_used, reason = \"x\")]\nfn f() {}").len(), 1);
    let files = sources();
    let library = files.iter().filter(|(file, _)| !file.contains("tests"));
    let off: Vec<String> = library.flat_map(|(file, text)| switched_off(file, text)).collect();
    assert!(off.is_empty(), "{}", off.join("\n"));
}
