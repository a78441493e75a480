//! The program, run as a program: what it prints and how it exits.

#![cfg(test)]

mod alb;
mod deploy;
mod egress;
mod explain;
mod explain_refused;
mod explain_url;
mod faults;
mod gateway;
mod http;
mod json_log;
mod manual;
mod one_request;
mod program;
mod reason;
mod running;
mod secrets;
mod verify;
