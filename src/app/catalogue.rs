//! What all systems offer, flattened: looked up by the screen, the palette, the command line and the docs.

use crate::model::id::{PaneId, SystemId, ViewId};
use crate::model::verb::{Pane, Verb, View};
use crate::systems::System;

/// All panes, views and verbs.
#[derive(Clone)]
pub struct Catalogue {
    systems: &'static [&'static dyn System],
    panes: Vec<Pane>,
    views: Vec<View>,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue")
            .field("panes", &self.panes.len())
            .field("views", &self.views.len())
            .finish_non_exhaustive()
    }
}

/// A lamp of the header: systems that share a lamp, such as Kubernetes and KServe, are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lamp {
    /// What it says.
    pub name: &'static str,
    /// The systems behind it.
    pub systems: Vec<SystemId>,
}

impl Catalogue {
    /// What these systems offer, and the console's own panes and views.
    #[must_use]
    pub fn new(systems: &'static [&'static dyn System], own: &[Pane], own_views: &[View]) -> Self {
        let panes =
            systems.iter().flat_map(|system| system.panes().iter().copied()).chain(own.iter().copied()).collect();
        let mut views: Vec<View> =
            systems.iter().flat_map(|system| system.views().iter().copied()).chain(own_views.iter().copied()).collect();
        // 1 to 9, then 0, then those without a digit
        views.sort_by_key(|view| match view.key {
            Some('0') => 10,
            Some(digit) => digit.to_digit(10).unwrap_or(11),
            None => 12,
        });
        Self { systems, panes, views }
    }

    /// The systems.
    #[must_use]
    pub fn systems(&self) -> &'static [&'static dyn System] {
        self.systems
    }

    /// All panes.
    #[must_use]
    pub fn panes(&self) -> &[Pane] {
        &self.panes
    }

    /// The pane with this name.
    #[must_use]
    pub fn pane(&self, id: PaneId) -> Option<&Pane> {
        self.panes.iter().find(|pane| pane.id == id)
    }

    /// All views, those of the tabs first.
    #[must_use]
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// The views of the tabs, in order.
    pub fn tabs(&self) -> impl Iterator<Item = &View> {
        self.views.iter().filter(|view| view.key.is_some())
    }

    /// The view with this name.
    #[must_use]
    pub fn view(&self, id: ViewId) -> Option<&View> {
        self.views.iter().find(|view| view.id == id)
    }

    /// The verb of a pane.
    #[must_use]
    pub fn verb(&self, pane: PaneId, id: &str) -> Option<&Verb> {
        self.pane(pane)?.verbs.iter().find(|verb| verb.id == id)
    }

    /// The lamps of the header, in order.
    #[must_use]
    pub fn lamps(&self) -> Vec<Lamp> {
        let mut lamps: Vec<Lamp> = Vec::new();
        for system in self.systems {
            match lamps.iter_mut().find(|lamp| lamp.name == system.lamp()) {
                Some(lamp) => lamp.systems.push(system.id()),
                None => lamps.push(Lamp { name: system.lamp(), systems: vec![system.id()] }),
            }
        }
        lamps
    }

    /// A system's title in words.
    #[must_use]
    pub fn title(&self, id: SystemId) -> &'static str {
        self.systems.iter().find(|system| system.id() == id).map_or(id.0, |system| system.title())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::app::keymap::Keymap;
    use crate::app::own;
    use crate::model::verb::Risk;

    /// Names, digits and keys that stand for two things at once.
    fn doubles(catalogue: &Catalogue) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let panes = catalogue.panes().iter().map(|pane| format!("pane {}", pane.id));
        let views = catalogue.views().iter().map(|view| format!("view {}", view.id.0));
        let digits = catalogue.tabs().filter_map(|view| view.key).map(|digit| format!("tab {digit}"));
        let verbs = catalogue
            .panes()
            .iter()
            .flat_map(|pane| pane.verbs.iter().map(|verb| format!("verb {} of {}", verb.id, pane.id)));
        let names = panes.chain(views).chain(digits).chain(verbs);
        let mut found: Vec<String> = names.filter(|name| !seen.insert(name.clone())).collect();
        let panes: Vec<&Pane> = catalogue.panes().iter().collect();
        found.extend(Keymap::load(None).unwrap().clashes(&panes));
        found
    }

    #[test]
    fn no_name_digit_or_key_stands_for_two_things() {
        let catalogue = Catalogue::new(crate::systems::all(), own::PANES, own::VIEWS);
        assert!(catalogue.tabs().count() > 2 && catalogue.panes().iter().any(|pane| !pane.verbs.is_empty()));
        assert_eq!(doubles(&catalogue), Vec::<String>::new());
    }

    #[test]
    fn a_system_that_takes_what_is_taken_is_found() {
        const fn verb(id: &'static str, keys: &'static [&'static str]) -> Verb {
            Verb { id, label: id, help: "", keys, risk: Risk::Low, ready: |_, _| Ok(()) }
        }
        const VERBS: &[Verb] = &[verb("sail", &["b"]), verb("sail", &["B"]), verb("row", &["b"]), verb("sink", &["j"])];
        let taken = own::PANES.iter().copied().next().unwrap();
        let pane = Pane { verbs: VERBS, ..taken };
        let view = View { id: own::LOG_VIEW, title: "Boats", key: Some('4'), sections: &[] };
        let catalogue = Catalogue::new(&[], &[pane, taken], &[view, view]);
        let found = doubles(&catalogue);
        let expected = [
            "pane audit",
            "view log",
            "tab 4",
            "verb sail of audit",
            "audit: `b` is `row` and `sail`",
            "audit: `j` is `sink` and `row.next`",
        ];
        assert_eq!(found, expected);
    }
}
