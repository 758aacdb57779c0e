//! Who may enter which room: the table of `src/lib.rs`, checked against every path in the sources.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
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

/// What tests of those who take permits may use of `actions`: they get them from a guard of their own.
const GUARD: [&str; 2] = ["Guard", "Policy"];

/// The longest file that one can still hold in the head.
const LINES: usize = 600;

/// A path that a file names, as it counts from the crate's root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    file: String,
    path: Vec<String>,
}

/// Collects the paths of a file that lead to the crate's root: by `crate`, by `super`, or by what a `use` brought in;
/// those within macros and attributes, too.
struct Paths {
    file: String,
    /// The module that is being read.
    module: Vec<String>,
    /// What each name stands for that a `use` brought in, wherever in the file.
    brought: BTreeMap<String, BTreeSet<Vec<String>>>,
    found: BTreeSet<Named>,
}

impl Paths {
    fn read(file: &str, text: &str) -> BTreeSet<Named> {
        let (module, brought) = (module_of(file), BTreeMap::new());
        let mut paths = Self { file: file.to_owned(), module, brought, found: BTreeSet::new() };
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        // a name may be used above the line that brings it in
        paths.visit_file(&parsed);
        paths.visit_file(&parsed);
        paths.found
    }

    /// Where a path leads, from the crate's root; paths of other crates are not ours to judge.
    fn resolved(&self, segments: &[String]) -> Vec<Vec<String>> {
        let Some((first, rest)) = segments.split_first() else { return Vec::new() };
        let begins = match first.as_str() {
            "crate" => vec![Vec::new()],
            "self" => vec![self.module.clone()],
            "super" => vec![self.module.iter().rev().skip(1).rev().cloned().collect()],
            name => self.brought.get(name).into_iter().flatten().cloned().collect(),
        };
        let follow = |mut path: Vec<String>| {
            for segment in rest {
                match segment.as_str() {
                    "super" => drop(path.pop()),
                    "self" => {}
                    name => path.push(name.to_owned()),
                }
            }
            path
        };
        begins.into_iter().map(follow).collect()
    }

    fn keep(&mut self, segments: &[String]) {
        for path in self.resolved(segments) {
            self.found.insert(Named { file: self.file.clone(), path });
        }
    }

    /// A `use`: the name counts, and is known from now on.
    fn bring(&mut self, segments: &[String], name: &str) {
        self.keep(segments);
        let places = self.resolved(segments);
        self.brought.entry(name.to_owned()).or_default().extend(places);
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(before, &path.ident)),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.bring(before, before.last().map_or("", String::as_str));
            }
            syn::UseTree::Name(name) => self.bring(&with(before, &name.ident), &name.ident.to_string()),
            syn::UseTree::Rename(rename) => self.bring(&with(before, &rename.ident), &rename.rename.to_string()),
            syn::UseTree::Glob(_) => {
                let all: Vec<String> = before.iter().cloned().chain(["*".to_owned()]).collect();
                self.keep(&all);
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, before)),
        }
    }

    /// The paths within a macro, which nobody has parsed: names with `::` between, and what stands in braces after it.
    fn tokens(&mut self, stream: TokenStream, before: &[String]) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in stream {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => path = with(&path, &ident),
                TokenTree::Ident(ident) => {
                    self.keep(&path);
                    path = with(before, &ident);
                }
                TokenTree::Group(group) => {
                    let begun = std::mem::take(&mut path);
                    if colons == 2 {
                        self.tokens(group.stream(), &begun);
                    } else {
                        self.keep(&begun);
                        self.tokens(group.stream(), &[]);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.keep(&std::mem::take(&mut path)),
            }
            colons = 0;
        }
        self.keep(&path);
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

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        self.tokens(found.tokens.clone(), &[]);
        syn::visit::visit_macro(self, found);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.tokens(list.tokens.clone(), &[]);
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are both `a::b`.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.trim_start_matches("src/").trim_end_matches(".rs");
    inside.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(str::to_owned).collect()
}

/// Whether a file holds nothing but tests.
fn is_of_tests(file: &str) -> bool {
    module_of(file).iter().any(|part| part == "tests" || part.ends_with("_tests"))
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
        let other = folder(here, part) && own != part && !SHARED.contains(&part);
        return (here == "systems" && folder(here, own) && (other || part == "*")).then_some(said);
    }
    if !ROOMS.iter().any(|(room, _)| *room == there) {
        return Some(format!("{said}, which is no room"));
    }
    let (_, allowed) = ROOMS.iter().find(|(room, _)| *room == here)?;
    let permits = there == "actions" && (here == "systems" || here == "predict");
    if permits && is_of_tests(&named.file) && GUARD.contains(&part) {
        return None;
    }
    let may = allowed.iter().any(|allowed| match allowed.split_once("::") {
        None => *allowed == there,
        Some((room, "")) => room == there && !matches!(part, "" | "*") && !folder(there, part),
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
fn a_trespass_is_found_in_uses_paths_other_names_macros_and_attributes() {
    let caught = |file: &str, text: &str| trespasses(file, text).len();
    assert_eq!(caught("src/model/id.rs", "use crate::app::state::State;"), 1);
    assert_eq!(caught("src/view/mod.rs", "use crate::{model::id::Key, app::{place, state}, feeds::{slot, Feeds}};"), 2);
    assert_eq!(caught("src/view/mod.rs", "fn f() { crate::term::screen::open(); }"), 1);
    assert_eq!(caught("src/view/bars.rs", "use super::super::config::Config;"), 1);
    assert_eq!(caught("src/view/bars.rs", "mod tests { use super::super::super::config::Config; }"), 1);
    assert_eq!(caught("src/view/bars.rs", "fn f() { self::super::super::config::read(); }"), 1);
    assert_eq!(caught("src/feeds/mod.rs", "use crate::systems::Feed; use crate::systems::mlflow::Mlflow;"), 1);
    assert_eq!(caught("src/feeds/mod.rs", "use crate::systems::*;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use crate::systems::mlflow::Mlflow;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use super::super::mlflow::Mlflow;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use super::super::*;"), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use crate::systems::kube::Access; use super::wire;"), 0);
    // by another name, also above the line that brings it in
    let other = "fn f(_: all::mlflow::Mlflow) {} use crate::systems as all;";
    assert_eq!(caught("src/systems/kserve/rows.rs", other), 1);
    assert_eq!(caught("src/systems/kserve/rows.rs", "use super::super::{self as up}; use up::mlflow::Mlflow;"), 1);
    assert_eq!(
        caught("src/systems/kserve/rows.rs", "use crate::systems::{self}; type M = systems::mlflow::Mlflow;"),
        1
    );
    // where nobody parses
    assert_eq!(caught("src/view/mod.rs", "fn f() { assert!(crate::term::screen::open(1) && x); }"), 1);
    assert_eq!(caught("src/view/mod.rs", "macro_rules! f { ($a:ident) => { $crate::term::$a() }; }"), 1);
    assert_eq!(caught("src/view/mod.rs", "f! { use crate::{model::id, term::{screen, keys}}; a: crate::app::own }"), 2);
    assert_eq!(caught("src/view/mod.rs", "#[f(by = crate::term::keys::read)] struct A;"), 1);
}

#[test]
fn permits_are_named_by_those_who_take_them_and_made_by_their_tests() {
    let caught = |file: &str, text: &str| trespasses(file, text).len();
    assert_eq!(caught("src/systems/kserve/rows.rs", "use crate::actions::Permit;"), 0);
    for name in ["Guard", "run::Executor", "journal::Journal", "*"] {
        assert_eq!(caught("src/systems/kserve/rows.rs", &format!("use crate::actions::{name};")), 1, "{name}");
        let tests = usize::from(name != "Guard");
        assert_eq!(caught("src/predict/send_tests.rs", &format!("use crate::actions::{name};")), tests, "{name}");
    }
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

/// The attributes of a file, outside of its tests, that switch off one of the lints that keep the program from
/// panicking.
fn switched_off(file: &str, text: &str) -> Vec<String> {
    let mut lints = Lints::default();
    lints.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}")));
    lints.found.iter().map(|attribute| format!("{file}: {attribute}")).collect()
}

#[derive(Default)]
struct Lints {
    found: Vec<String>,
}

/// Whether something is only there for tests.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    let tokens = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
        _ => String::new(),
    };
    attributes.iter().any(|attribute| tokens(attribute) == "test")
}

impl<'ast> Visit<'ast> for Lints {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        const KEPT: [&str; 6] =
            ["unwrap_used", "expect_used", "clippy::panic", "indexing_slicing", "clippy::todo", "clippy::print_std"];
        let syn::Meta::List(list) = &attribute.meta else { return };
        let tokens = list.tokens.to_string().replace(' ', "");
        let switches = ["allow", "expect", "cfg_attr"].iter().any(|word| list.path.is_ident(word));
        if switches && KEPT.iter().any(|lint| tokens.contains(lint)) {
            self.found.push(tokens);
        }
    }
}

#[test]
fn nobody_switches_off_what_keeps_the_program_from_panicking() {
    let off = "#[allow(clippy::unwrap_used, reason = \"x\")]\nfn f() {}";
    assert_eq!(switched_off("a.rs", off).len(), 1);
    assert_eq!(switched_off("a.rs", &format!("#[cfg(test)] mod tests {{ {off} }}")).len(), 0);
    assert_eq!(switched_off("a.rs", &format!("#[cfg(test)] mod tests {{}} mod b {{ {off} }}")).len(), 1);
    assert_eq!(switched_off("a.rs", "#![cfg_attr(unix, expect(clippy::indexing_slicing))]").len(), 1);
    let files = sources();
    let library = files.iter().filter(|(file, _)| !is_of_tests(file));
    let off: Vec<String> = library.flat_map(|(file, text)| switched_off(file, text)).collect();
    assert!(off.is_empty(), "{}", off.join("\n"));
}
