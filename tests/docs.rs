//! What the documents say is what the program does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

use std::path::Path;
use std::process::{Command, Output};

use quarterdeck::config::Config;
use quarterdeck::systems::{self, Settings};

const DOCUMENTS: [&str; 3] = ["README.md", "docs/configuration.md", "CONTRIBUTING.md"];

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_quarterdeck"))
        .args(arguments)
        .env_clear()
        .env("HOME", folder.path())
        .env("QUARTERDECK_STATE", folder.path())
        .output()
        .unwrap()
}

/// The blocks of a document in a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_page_of_keys_is_what_the_program_prints() {
    let printed = String::from_utf8(run(&["keys"]).stdout).unwrap();
    assert!(printed.contains("| `enter` | open |"), "{printed}");
    let page = read("docs/keys.md");
    let (_, tables) = page.split_once("\n\n## ").unwrap();
    assert_eq!(format!("## {}", tables.trim_end()), printed.trim_end(), "renew it: see the head of docs/keys.md");
}

#[test]
fn every_config_in_the_documents_is_one_that_the_program_takes() {
    let mut seen = 0;
    for file in DOCUMENTS {
        for text in blocks(&read(file), "toml") {
            if !text.contains("[profiles.") {
                continue;
            }
            seen += 1;
            let config = Config::parse(Path::new("config.toml"), &text, &|_| None);
            let config = config.unwrap_or_else(|error| panic!("{file}: {error}\n{text}"));
            for name in config.names() {
                let profile = config.profile(Some(name)).unwrap();
                for (id, table) in &profile.systems {
                    let system = systems::all().iter().find(|system| system.id().0 == id);
                    let system = system.unwrap_or_else(|| panic!("{file}: no system {id}"));
                    let settings = Settings { table: table.clone(), file: None };
                    system.check(&settings).unwrap_or_else(|error| panic!("{file}: {error}\n{text}"));
                }
            }
        }
    }
    assert!(seen >= 3, "the documents show configs");
}

#[test]
fn every_command_in_the_documents_exists() {
    let mut seen = 0;
    for file in DOCUMENTS {
        for block in blocks(&read(file), "sh") {
            for line in block.lines() {
                let Some((_, rest)) = line.split('#').next().unwrap_or_default().split_once("quarterdeck ") else {
                    continue;
                };
                let words: Vec<&str> = rest.split_whitespace().collect();
                let Some(command) = words.iter().find(|word| !word.starts_with('-')) else { continue };
                let flags = words.iter().filter(|word| word.starts_with("--"));
                let help = run(&[command, "--help"]);
                let said = String::from_utf8_lossy(&help.stdout).into_owned();
                assert!(help.status.success(), "{file}: {line}");
                for flag in flags {
                    assert!(said.contains(*flag), "{file}: {line}: no {flag}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "the documents name commands");
}
