//! Agents that are updated: real servers, agents and updaters as processes, and releases signed by the publisher's own tool.
//!
//! A version of the agent is a small script here that runs the agent's own code under another number, so that none has to be built.

mod course;
mod machine;
mod refusals;
