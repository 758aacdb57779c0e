//! Test predictions: the protocols (V1, V2), and the ways in to a revision.
//!
//! What is asked and what comes back are [`crate::model::prediction::Ask`] and [`crate::model::prediction::Answer`], and
//! what is known of an endpoint is [`crate::model::serving::Serving`]: the screen and the command line know only these.
