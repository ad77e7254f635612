//! The tours of `tongtu card` in the READMEs, run as they are printed.

use std::path::Path;

use crate::card_serve::Served;
use crate::run::{folder, tongtu_in};

/// The commands of a README's tour: the block of code that begins with `tongtu card`.
fn tour(readme: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(readme);
    let text = std::fs::read_to_string(path).unwrap();
    let block = text
        .split("```sh\n")
        .find(|block| block.starts_with("tongtu card"));
    let block = block.unwrap().split("```").next().unwrap();
    block.lines().map(words).collect()
}

/// A line as a shell cuts it: quotes kept together, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut word = String::new();
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            '#' if !quoted => break,
            ' ' if !quoted => {
                words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            c => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[test]
fn every_command_of_the_tours_does_what_they_say() {
    for (readme, name) in [("README.md", "tour-en"), ("README.zh-CN.md", "tour-zh")] {
        let folder = folder(name);
        let commands = tour(readme);
        assert!(commands.len() >= 7, "{readme}: {commands:?}");
        for command in commands {
            let args: Vec<&str> = command.iter().skip(1).map(String::as_str).collect();
            match args.as_slice() {
                // The last one goes on until it is stopped; the test plays its driver.
                ["card", "serve", "--state", state] => {
                    let mut served = Served::start(&folder, state, &[]);
                    served.power_on();
                    let answer = served.transmit(&[0x00, 0xA4, 0x04, 0x00, 0x00]).unwrap();
                    assert!(answer.ends_with(&[0x90, 0x00]));
                    served.end();
                }
                args => {
                    let ran = tongtu_in(&folder, args, b"", &[]);
                    assert_eq!(ran.code, 0, "{readme}: {args:?}: {}{}", ran.out, ran.err);
                }
            }
        }
        assert!(folder.join("rider.html").exists());
    }
    assert_eq!(tour("README.md"), tour("README.zh-CN.md"));
}
