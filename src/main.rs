//! The program: the TLS provider, then the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // before any client: kube and reqwest would each choose another
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _ = color_eyre::install();
    quarterdeck::cli::main()
}
