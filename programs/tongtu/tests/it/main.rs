//! `tongtu` as a user meets it: one file per verb, each run is a process of its own.
#![allow(clippy::unwrap_used)]

mod audit;
mod call;
mod card_foreign;
mod card_management;
mod card_pay;
mod card_pcsc;
mod card_perso;
mod card_read;
mod card_serve;
mod card_tour;
mod card_trace;
mod cases;
mod code_conform;
mod code_issue;
mod code_read;
mod code_show;
mod code_verify;
mod custody;
mod extract;
mod fare;
mod help;
mod key;
mod leaks;
mod notes;
mod pages;
mod personalising;
mod psam;
mod psam_pool;
mod register;
mod room;
mod room_token;
mod run;
mod serve;
mod terminal_tap;
mod vectors;
