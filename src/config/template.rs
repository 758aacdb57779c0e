//! What `config init` writes.

/// A config file in which everything is commented out; lines that begin with `#: ` are settings to be uncommented.
pub const TEMPLATE: &str = r##"# Quarterdeck's config file. Without it, the current context of your kubeconfig is used.
# Take "#: " away from the lines that you need. `quarterdeck config check` names every mistake with line and column,
# `quarterdeck config show` what comes out of it. Secrets are never written here, only where they are:
# { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", "ARGUMENT"] }.

#: default_profile = "staging"

# The theme; `quarterdeck themes` lists them.
#: theme = "dark"

# What all profiles have in common. A profile that has a system's section of its own does not look here for it.
#: [defaults]
#: armed_minutes = 15                    # for how long `A` arms a profile

#: [profiles.staging]
# production, staging, development, test, …; one that is not known counts as production: changes need the profile to
# be armed, the object's name typed, and a reason.
#: environment = "staging"
#: kubeconfig = "~/.kube/config"         # or a list; without it, KUBECONFIG, else ~/.kube/config
#: context = "staging"                   # without it, the current context
#: namespaces = ["ml-staging"]           # without it, all that you may list
#: ingress = "http://10.0.0.9"           # for test predictions, where public names do not resolve here

#: [profiles.staging.mlflow]
# Without a section: MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN.
#: url = "https://mlflow.staging.example.com"
#: username = "me"
#: password = { command = ["pass", "show", "mlflow/staging"] }

#: [profiles.staging.prometheus]
# A server inside the cluster, reached with nothing but the kubeconfig:
#: service = { namespace = "monitoring", name = "prometheus", port = 9090 }

#: [profiles.production]
#: environment = "production"
#: context = "production"
#: read_only = false                     # true refuses every change, whatever is typed
#: predictions = "confirm"               # test predictions: allow, confirm or deny

#: [profiles.production.mlflow]
#: url = "https://mlflow.example.com"
#: token = { env = "MLFLOW_PRODUCTION_TOKEN" }
#: ca_file = "company-ca.pem"            # relative to this file
"##;
