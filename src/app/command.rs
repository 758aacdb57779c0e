//! The table of commands: dispatch, footer, help, palette, `quarterdeck keys` and the check of keymaps derive from it.

use std::fmt;
use std::str::FromStr;

/// Where a command's keys work. A key is looked up in the innermost scope first, then in `Global`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everywhere but in text fields.
    Global,
    /// In a table.
    Table,
    /// In logs and texts.
    Lines,
    /// In charts.
    Chart,
    /// In dialogs and text fields: only keys that type nothing.
    Dialog,
    /// On the prediction bench.
    Try,
}

impl Scope {
    /// All scopes, in the order of the help.
    pub const ALL: [Self; 6] = [Self::Global, Self::Table, Self::Lines, Self::Chart, Self::Dialog, Self::Try];

    /// Its section in a keymap file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Table => "table",
            Self::Lines => "lines",
            Self::Chart => "chart",
            Self::Dialog => "dialog",
            Self::Try => "try",
        }
    }

    /// Its heading in the help.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::Table => "In a table",
            Self::Lines => "In logs and texts",
            Self::Chart => "In charts",
            Self::Dialog => "In dialogs and text fields",
            Self::Try => "On the prediction bench",
        }
    }
}

/// What is known of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandInfo {
    /// The command.
    pub command: Command,
    /// Its name in keymaps and in the palette.
    pub name: &'static str,
    /// A word or two for the footer.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Where it works.
    pub scope: Scope,
}

macro_rules! commands {
    ($($(#[doc = $help:literal])+ $command:ident = $name:literal, $label:literal, $scope:ident;)+) => {
        /// Everything that the console itself can do; what systems can do are verbs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Command {
            $($(#[doc = $help])+ $command,)+
        }

        /// All commands, in the order of the help.
        pub const COMMANDS: &[CommandInfo] = &[
            $(CommandInfo {
                command: Command::$command,
                name: $name,
                label: $label,
                help: concat!($($help),+).trim_ascii(),
                scope: Scope::$scope,
            },)+
        ];

        impl Command {
            /// What is known of it.
            #[must_use]
            pub const fn info(self) -> CommandInfo {
                match self {
                    $(Self::$command => CommandInfo {
                        command: self,
                        name: $name,
                        label: $label,
                        help: concat!($($help),+).trim_ascii(),
                        scope: Scope::$scope,
                    },)+
                }
            }
        }
    };
}

commands! {
    /// Open what the cursor is on.
    Open = "open", "open", Global;
    /// Go back, or leave what is open.
    Back = "back", "back", Global;
    /// Go back; at the top, quit.
    BackOrQuit = "back-or-quit", "back", Global;
    /// Quit at once.
    Quit = "quit", "quit", Global;
    /// Go to the place before in the history.
    HistoryBack = "history.back", "history", Global;
    /// Go to the next place in the history.
    HistoryForward = "history.forward", "history", Global;
    /// Go to the next section of this view.
    SectionNext = "section.next", "next section", Global;
    /// Go to the section before.
    SectionPrevious = "section.previous", "previous section", Global;
    /// Filter the rows, or search the text.
    Filter = "filter", "filter", Global;
    /// Go to the next match.
    MatchNext = "match.next", "next match", Global;
    /// Go to the match before.
    MatchPrevious = "match.previous", "previous match", Global;
    /// Find any command, view or object by its name.
    Palette = "palette", "command", Global;
    /// Show the keys of this place.
    Help = "help", "help", Global;
    /// Ask the systems again now.
    Refresh = "refresh", "refresh", Global;
    /// Draw the whole screen anew.
    Redraw = "redraw", "redraw", Global;
    /// Suspend to the shell.
    Suspend = "suspend", "suspend", Global;
    /// Arm a production profile for a while, or disarm it.
    Arm = "arm", "arm", Global;
    /// Give the section all the room, or take it back.
    Zoom = "zoom", "zoom", Global;
    /// Freeze what is shown; the data keep flowing.
    Freeze = "freeze", "freeze", Global;
    /// Show the log of the console itself.
    OwnLog = "log", "own log", Global;
    /// Show every action of this and earlier sessions.
    Audit = "audit", "audit", Global;
    /// Move to the next row.
    RowNext = "row.next", "down", Global;
    /// Move to the row before.
    RowPrevious = "row.previous", "up", Global;
    /// Move to the first row.
    RowFirst = "row.first", "first", Global;
    /// Move to the last row.
    RowLast = "row.last", "last", Global;
    /// Move a page down.
    PageDown = "page.down", "page down", Global;
    /// Move a page up.
    PageUp = "page.up", "page up", Global;
    /// Choose the column to the left, or scroll to the left.
    Left = "left", "left", Global;
    /// Choose the column to the right, or scroll to the right.
    Right = "right", "right", Global;
    /// Mark the row, or take the mark away.
    Mark = "mark", "mark", Table;
    /// Mark all rows that are shown, or none.
    MarkAll = "mark.all", "mark all", Table;
    /// Sort by the chosen column; again: the other way round; a third time: as at first.
    Sort = "sort", "sort", Table;
    /// Choose the columns and their order.
    Columns = "columns", "columns", Table;
    /// Show more columns, or fewer.
    Wide = "wide", "wide", Table;
    /// Show the YAML of the object.
    Yaml = "yaml", "yaml", Global;
    /// Show the events of the object.
    Events = "events", "events", Global;
    /// Show the logs of the object.
    Logs = "logs", "logs", Global;
    /// Show the metrics of the object.
    Metrics = "metrics", "metrics", Global;
    /// Describe the object.
    Describe = "describe", "describe", Table;
    /// Show the objects that this one refers to.
    Related = "related", "related", Global;
    /// Send test predictions to the endpoint.
    Try = "try", "try", Global;
    /// Copy the cell, the row, the name or the URL.
    Copy = "copy", "copy", Global;
    /// Write what is shown to a file.
    Export = "export", "export", Global;
    /// Show all actions of this row, with their keys and reasons.
    Actions = "actions", "all actions", Global;
    /// Take back the action under the cursor, as a new plan.
    Undo = "undo", "undo", Table;
    /// Follow the end of the log, or stop following.
    Follow = "follow", "follow", Lines;
    /// Wrap long lines, or cut them.
    Wrap = "wrap", "wrap", Lines;
    /// Show when each line was written, or not.
    Timestamps = "timestamps", "timestamps", Lines;
    /// Show the log of the container's previous run, or of the present one.
    Previous = "previous", "previous container", Lines;
    /// Choose another container.
    Container = "container", "container", Lines;
    /// Turn the series under the cursor on or off.
    SeriesToggle = "series.toggle", "series on, off", Chart;
    /// Show a shorter range.
    RangeShorter = "range.shorter", "shorter range", Chart;
    /// Show a longer range.
    RangeLonger = "range.longer", "longer range", Chart;
    /// Go to the next field.
    FieldNext = "field.next", "next field", Dialog;
    /// Go to the field before.
    FieldPrevious = "field.previous", "previous field", Dialog;
    /// Leave the dialog.
    Leave = "leave", "leave it", Dialog;
    /// Do what has the focus.
    Accept = "accept", "do it", Dialog;
    /// Copy the commands that a person would type.
    CopyCommands = "copy.commands", "copy commands", Dialog;
    /// Stop the plan after the step that runs.
    StopAfterStep = "stop", "stop after this step", Dialog;
    /// Send the prediction.
    Send = "send", "send", Try;
    /// Choose a saved payload, or save this one.
    Payloads = "payloads", "payloads", Try;
    /// Choose the revision that is asked.
    Revision = "revision", "revision", Try;
    /// Choose the way in.
    Via = "via", "way in", Try;
    /// Change the protocol.
    Protocol = "protocol", "protocol", Try;
}

/// A name that no command has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no command `{0}`; there are: {1}")]
pub struct UnknownCommand(pub String, pub String);

impl FromStr for Command {
    type Err = UnknownCommand;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        COMMANDS.iter().find(|info| info.name == name).map(|info| info.command).ok_or_else(|| {
            UnknownCommand(name.to_owned(), COMMANDS.iter().map(|info| info.name).collect::<Vec<_>>().join(", "))
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_and_no_name_is_used_twice() {
        for info in COMMANDS {
            assert_eq!(info.name.parse(), Ok(info.command));
            assert_eq!(info.command.info(), *info);
        }
    }
}
