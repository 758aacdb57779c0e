//! What floats: the plan's dialog, menus, the palette, the help, arming.

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, columns, cut, wrap};
use super::theme::Role;
use crate::app::command::{COMMANDS, Scope};
use crate::app::dialog::{ArmDialog, Menu, PaletteDialog, SaveDialog};
use crate::app::field::Field;
use crate::app::state::State;

/// A box in the middle of the screen; what is behind it is pushed back. Returns the room inside.
pub(super) fn float(canvas: &mut Canvas<'_>, width: u16, height: u16) -> Rect {
    let screen = canvas.buffer.area;
    let width = width.min(screen.width.saturating_sub(2)).max(20);
    let height = height.min(screen.height.saturating_sub(2)).max(3);
    let area =
        Rect::new((screen.width.saturating_sub(width)) / 2, (screen.height.saturating_sub(height)) / 3, width, height)
            .intersection(screen);
    canvas.push_back();
    canvas.fill(area, Role::Raised);
    border(canvas, area);
    Rect::new(area.x + 3, area.y + 1, area.width.saturating_sub(6), area.height.saturating_sub(2))
}

fn border(canvas: &mut Canvas<'_>, area: Rect) {
    let (line, side) = (canvas.theme.pick("─", "-"), canvas.theme.pick("│", "|"));
    let corners = if canvas.theme.unicode { ["╭", "╮", "╰", "╯"] } else { ["+", "+", "+", "+"] };
    let across = line.repeat(usize::from(area.width.saturating_sub(2)));
    for (y, [left, right]) in
        [(area.y, [corners[0], corners[1]]), (area.bottom().saturating_sub(1), [corners[2], corners[3]])]
    {
        canvas.text(area.x, y, left, Role::Border, 1);
        canvas.text(area.x + 1, y, &across, Role::Border, area.width.saturating_sub(2));
        canvas.text(area.right().saturating_sub(1), y, right, Role::Border, 1);
    }
    for y in area.y + 1..area.bottom().saturating_sub(1) {
        canvas.text(area.x, y, side, Role::Border, 1);
        canvas.text(area.right().saturating_sub(1), y, side, Role::Border, 1);
    }
}

/// A typed text with the cursor in it; where it is longer than its room, the end is seen.
pub(super) fn field(canvas: &mut Canvas<'_>, field: &Field, area: Rect, role: Role) -> Position {
    let before = columns(field.before());
    let skip = before.saturating_sub(area.width.saturating_sub(1));
    let shown: String =
        if skip == 0 { field.text().to_owned() } else { field.text().chars().skip(usize::from(skip)).collect() };
    canvas.text(area.x, area.y, &shown, role, area.width);
    Position::new(area.x + before - skip, area.y)
}

/// A choice among a few things.
pub(super) fn menu(canvas: &mut Canvas<'_>, menu: &Menu) {
    let label = menu.items.iter().map(|item| columns(&item.label)).max().unwrap_or(0).min(40);
    let note = menu.items.iter().map(|item| columns(&item.note)).max().unwrap_or(0).min(60);
    let height = u16::try_from(menu.items.len()).unwrap_or(u16::MAX).saturating_add(4);
    let inner = float(canvas, (label + note + 16).max(columns(&menu.title) + 8), height);
    canvas.text(inner.x, inner.y, &menu.title, Role::Strong, inner.width);
    let page = usize::from(inner.height.saturating_sub(2)).max(1);
    let first = menu.at.saturating_sub(page - 1);
    for (y, (at, item)) in (inner.y + 2..inner.bottom()).zip(menu.items.iter().enumerate().skip(first)) {
        lit(canvas, Rect::new(inner.x - 1, y, inner.width + 2, 1), at == menu.at);
        canvas.text(inner.x, y, &item.key, Role::Key, 6);
        let x = inner.x + if menu.items.iter().all(|item| item.key.is_empty()) { 0 } else { 4 };
        let role = if item.enabled { Role::Text } else { Role::Faint };
        canvas.text(x, y, &cut(&item.label, label, canvas.theme), role, label);
        let at = x + label + 2;
        let room = inner.right().saturating_sub(at);
        canvas.text(at, y, &cut(&item.note, room, canvas.theme), Role::Dim, room);
    }
}

/// The lit line of a list.
fn lit(canvas: &mut Canvas<'_>, area: Rect, on: bool) {
    if on {
        canvas.fill(area, Role::Cursor);
        canvas.text(area.x, area.y, canvas.theme.pick("▌", ">"), Role::CursorBar, 1);
    }
}

/// The palette.
pub(super) fn palette(canvas: &mut Canvas<'_>, palette: &PaletteDialog) -> Position {
    let screen = canvas.buffer.area;
    let inner = float(canvas, screen.width.saturating_sub(8).min(90), screen.height.saturating_sub(6).min(24));
    canvas.text(inner.x, inner.y, ":", Role::Key, 1);
    let cursor =
        field(canvas, &palette.field, Rect::new(inner.x + 2, inner.y, inner.width.saturating_sub(2), 1), Role::Strong);
    if palette.found.is_empty() {
        canvas.text(inner.x, inner.y + 2, "nothing has that name", Role::Dim, inner.width);
    }
    let page = usize::from(inner.height.saturating_sub(2)).max(1);
    let first = palette.at.saturating_sub(page - 1);
    let label = (inner.width / 2).max(20);
    for (y, (at, entry)) in (inner.y + 2..inner.bottom()).zip(palette.found.iter().enumerate().skip(first)) {
        lit(canvas, Rect::new(inner.x - 1, y, inner.width + 2, 1), at == palette.at);
        let text = cut(&entry.label, label, canvas.theme);
        canvas.text(inner.x + 1, y, &text, Role::Text, label);
        let style = canvas.theme.get(Role::Match);
        for hit in &entry.hits {
            let before: String = entry.label.chars().take(*hit as usize).collect();
            let x = inner.x + 1 + columns(&before);
            if x < inner.x + 1 + columns(&text) {
                canvas.patch(Rect::new(x, y, 1, 1), style);
            }
        }
        let at = inner.x + label + 3;
        let room = inner.right().saturating_sub(at);
        canvas.text(at, y, &cut(&entry.note, room, canvas.theme), Role::Dim, room);
    }
    cursor
}

/// The keys of this place, from the live keymap, searchable.
pub(super) fn help(canvas: &mut Canvas<'_>, state: &State, search: &Field, top: usize) -> Position {
    let screen = canvas.buffer.area;
    let lines = help_lines(state, &search.text().to_lowercase());
    let inner = float(canvas, screen.width.saturating_sub(6).min(96), screen.height.saturating_sub(4));
    canvas.text(inner.x, inner.y, "Keys of this place", Role::Strong, inner.width);
    let x = inner.x + 24;
    canvas.text(x, inner.y, "/", Role::Key, 1);
    let cursor = field(canvas, search, Rect::new(x + 2, inner.y, inner.width.saturating_sub(26), 1), Role::Text);
    let page = usize::from(inner.height.saturating_sub(2)).max(1);
    let top = top.min(lines.len().saturating_sub(page));
    if lines.is_empty() {
        canvas.text(inner.x, inner.y + 2, "no key does that here", Role::Dim, inner.width);
    }
    for (y, line) in (inner.y + 2..inner.bottom()).zip(lines.iter().skip(top)) {
        match line {
            HelpLine::Title(title) => {
                canvas.text(inner.x, y, title, Role::Dim, inner.width);
            }
            HelpLine::Blank => {}
            HelpLine::Key { keys, help, off } => {
                canvas.text(inner.x + 1, y, &cut(keys, 21, canvas.theme), Role::Key, 21);
                let room = inner.width.saturating_sub(24);
                let role = if off.is_some() { Role::Faint } else { Role::Text };
                let end = canvas.text(inner.x + 24, y, &cut(help, room, canvas.theme), role, room);
                if let Some(why) = off {
                    let room = inner.right().saturating_sub(end + 2);
                    canvas.text(end + 2, y, &cut(why, room, canvas.theme), Role::Warn, room);
                }
            }
        }
    }
    if lines.len() > page {
        let text = format!("{}–{} of {}", top + 1, (top + page).min(lines.len()), lines.len());
        canvas.right(inner.right(), inner.y, &text, Role::Faint);
    }
    cursor
}

enum HelpLine {
    Title(String),
    Blank,
    Key { keys: String, help: String, off: Option<String> },
}

fn help_lines(state: &State, search: &str) -> Vec<HelpLine> {
    let found = |keys: &str, help: &str| {
        search.is_empty() || keys.to_lowercase().contains(search) || help.to_lowercase().contains(search)
    };
    let mut lines = Vec::new();
    let mut add = |title: String, keys: Vec<HelpLine>| {
        if !keys.is_empty() {
            if !lines.is_empty() {
                lines.push(HelpLine::Blank);
            }
            lines.push(HelpLine::Title(title));
            lines.extend(keys);
        }
    };
    if let Some(pane) = state
        .place()
        .and_then(|place| place.object.as_ref().map(|what| what.pane).or_else(|| place.focused_pane()))
        .and_then(|pane| state.catalogue.pane(pane))
    {
        let row = state.place().and_then(|place| place.current()).cloned();
        let keys = pane.verbs.iter().filter_map(|verb| {
            let keys = state.keymap.verb_keys(verb).iter().map(ToString::to_string).collect::<Vec<_>>().join("  ");
            let off = row
                .as_ref()
                .filter(|_| state.stack().len() == 1)
                .and_then(|row| (verb.ready)(row, &state.rights).err())
                .map(|reason| reason.to_string());
            found(&keys, verb.help).then(|| HelpLine::Key { keys, help: verb.help.to_owned(), off })
        });
        add(format!("Actions on the {}", pane.noun), keys.collect());
    }
    let mut scopes = crate::app::update::scopes(state);
    for scope in [Scope::Try, Scope::Dialog] {
        scopes.push(scope);
    }
    for scope in scopes {
        let keys = COMMANDS.iter().filter(|info| info.scope == scope).filter_map(|info| {
            let keys =
                state.keymap.keys_of(info.command).iter().map(ToString::to_string).collect::<Vec<_>>().join("  ");
            let keys = if keys.is_empty() { format!(":{}", info.name) } else { keys };
            found(&keys, info.help).then(|| HelpLine::Key { keys, help: info.help.to_owned(), off: None })
        });
        add(scope.title().to_owned(), keys.collect());
    }
    let tabs = state.catalogue.tabs().filter_map(|view| {
        let keys = view.key?.to_string();
        let help = format!("The view {}", view.title);
        found(&keys, &help).then_some(HelpLine::Key { keys, help, off: None })
    });
    add("Views".into(), tabs.collect());
    lines
}

/// Arming a production profile.
pub(super) fn arm(canvas: &mut Canvas<'_>, state: &State, dialog: &ArmDialog) -> Position {
    let inner = float(canvas, 72, 11);
    let minutes = state.guard.policy().armed_for.num_minutes();
    canvas.text(inner.x, inner.y + 1, &format!("Arm {} for {minutes} minutes", dialog.name), Role::Strong, inner.width);
    let mut y = inner.y + 3;
    for line in wrap(
        "Plans may then run on this profile, each with the object's name typed and a reason. A disarms it at once.",
        inner.width,
    ) {
        canvas.text(inner.x, y, &line, Role::Dim, inner.width);
        y += 1;
    }
    y += 1;
    canvas.text(inner.x, y, "type", Role::Dim, 6);
    let area = Rect::new(inner.x + 9, y, inner.width.saturating_sub(9), 1);
    ghost(canvas, &dialog.field, &dialog.name, area);
    let cursor = field(canvas, &dialog.field, area, Role::Strong);
    if let Some(fault) = &dialog.fault {
        canvas.text(
            inner.x + 9,
            y + 1,
            &cut(fault, inner.width.saturating_sub(9), canvas.theme),
            Role::Bad,
            inner.width,
        );
    }
    cursor
}

/// A payload gets its name.
pub(super) fn save(canvas: &mut Canvas<'_>, dialog: &SaveDialog) -> Position {
    let inner = float(canvas, 72, 8);
    canvas.text(inner.x, inner.y + 1, "Save the payload", Role::Strong, inner.width);
    canvas.text(inner.x, inner.y + 3, "name", Role::Dim, 6);
    let area = Rect::new(inner.x + 9, inner.y + 3, inner.width.saturating_sub(9), 1);
    let cursor = field(canvas, &dialog.field, area, Role::Strong);
    if let Some(fault) = &dialog.fault {
        canvas.text(area.x, area.y + 1, &cut(fault, area.width, canvas.theme), Role::Bad, area.width);
    }
    cursor
}

/// What has still to be typed, faint behind what is typed.
pub(super) fn ghost(canvas: &mut Canvas<'_>, field: &Field, wanted: &str, area: Rect) {
    if wanted.starts_with(field.text()) {
        canvas.text(area.x, area.y, wanted, Role::Faint, area.width);
    }
}
