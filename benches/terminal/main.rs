//! Whole programs in a pseudo-terminal over a kubeconfig: how soon rows are there, what they cost at rest, under churn
//! and per key. Any program that shows pods can be measured beside this one, in the same run.
//!
//! `cargo bench --bench terminal -- --kubeconfig FILE [--size 180x50] [--rounds 3] [--seconds 10] [--churn CMD]
//! [--program 'NAME=COMMAND …']…`

#![expect(clippy::disallowed_methods, reason = "it measures the time of whole programs, from outside")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that can't go on stops")]

mod arguments;
mod counting;
mod measure;
mod program;
mod proxy;
mod report;
mod yardstick;

use arguments::Arguments;
use counting::Counting;
use measure::Measured;
use report::Report;

fn main() {
    let Some(arguments) = Arguments::read(std::env::args().skip(1)) else {
        eprintln!(
            "usage: cargo bench --bench terminal -- --kubeconfig FILE [--size 180x50] [--rounds 3] [--seconds 10] [--churn COMMAND] [--program 'NAME=COMMAND …']…"
        );
        return;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let yardstick = yardstick::Yardstick::new(&arguments.kubeconfig);
    let pods = yardstick.pods();
    eprintln!("{} pods", pods.names.len());
    let mut report = Report::new(pods.names.len(), &arguments);
    let mut measured: Vec<Measured> = arguments.programs.iter().map(|program| Measured::new(&program.name)).collect();
    for round in 0..arguments.rounds {
        settle();
        report.bare.push(yardstick.bare_list());
        for (program, measured) in arguments.programs.iter().zip(&mut measured) {
            eprintln!("round {}: {}", round + 1, program.name);
            // a cluster's own controllers add and remove pods meanwhile
            let pods = yardstick.pods();
            settle();
            let running = measure::start(program, &arguments, (&arguments.kubeconfig, &pods), measured);
            if round + 1 == arguments.rounds {
                measure::rest_and_keys(&running, &arguments, measured);
                measure::churn(&running, &arguments, measured);
            }
        }
    }
    for (program, measured) in arguments.programs.iter().zip(&mut measured) {
        eprintln!("the API server hangs: {}", program.name);
        let pods = yardstick.pods();
        settle();
        measure::hung(program, &arguments, &pods, measured);
    }
    for (program, measured) in arguments.programs.iter().zip(&mut measured) {
        eprintln!("requests: {}", program.name);
        let pods = yardstick.pods();
        settle();
        let counting = Counting::before(yardstick.fresh_client());
        measure::requests(program, &arguments, (&counting, &pods), measured);
    }
    report.print(&measured);
}

/// After a long list an API server is busy with itself for a while: what is measured next must not pay for it.
fn settle() {
    std::thread::sleep(std::time::Duration::from_secs(3));
}
