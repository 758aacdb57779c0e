//! Quarterdeck, the terminal operations console for machine-learning delivery.
//!
//! The map of the rooms and who may enter which (checked by `tests/architecture.rs`):
//!
//! | room | what belongs there | may use |
//! |---|---|---|
//! | [`model`] | the domain, pure: values, rows, tables, queries, plans, clock | nothing |
//! | [`config`] | files, profiles, credentials by reference | model |
//! | [`systems`] | one folder for each outside system, and the clients that they share | model, config, the permits of actions |
//! | [`feeds`] | keeps feeds running, merges their changes, carries log lines | systems (traits), model, config |
//! | [`actions`] | the guard, the one executor, the journal | systems (traits), model, config |
//! | [`predict`] | test predictions: protocols and ways in | systems (traits, http, kube), model, config, the permits of actions |
//! | [`app`] | state, events, update, keymap, driver; no terminal, no HTTP | feeds, actions, predict, systems (traits), model, config |
//! | [`view`] | draws a state into a buffer, pure | app, model |
//! | [`term`] | the terminal: painter, input, modes | app (events), model |
//! | [`demo`] | the embedded world's servers | model (clock, ids) |
//! | [`cli`] | arguments, commands without the screen | all |

pub mod actions;
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod feeds;
pub mod model;
pub mod predict;
pub mod systems;
pub mod term;
pub mod view;
