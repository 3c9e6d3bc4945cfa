//! Client callbacks behind one handle: a client's IMAPIOfflineNotify, or a Rust closure in the shape of one.

mod client_sink;
mod closure;
mod notify;

pub(crate) use client_sink::{ClientSink, Message};
