//! The C header of the terminal, from the Rust files that define what C sees.
//!
//! Here: a reader of the small part of Rust that these files use, line by line, and C for it.
//! What is not understood is an error, so nothing is left out silently. Not here: sizes and layouts,
//! which `repr(C)` and the compilers know. Start with [`fresh`].
//!
//! A general generator (cbindgen) would bring a parser for all of Rust into our dependencies for
//! a few files of our own; this one is short and refuses what it does not know.

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;

/// Where the header is kept.
pub(crate) const HEADER: &str = "edges/ffi/include/tongtu_terminal.h";

/// What it is made from, in its order.
const SOURCES: [&str; 22] = [
    "edges/ffi/src/code.rs",
    "edges/ffi/src/types/rules.rs",
    "edges/ffi/src/types/modules.rs",
    "edges/ffi/src/types.rs",
    "edges/ffi/src/types/cash.rs",
    "edges/ffi/src/types/face.rs",
    "edges/ffi/src/types/lists.rs",
    "edges/ffi/src/types/clock.rs",
    "edges/ffi/src/types/upload.rs",
    RULES,
    "edges/ffi/src/api/about.rs",
    "edges/ffi/src/api/opening.rs",
    "edges/ffi/src/api/tap.rs",
    "edges/ffi/src/api/cash.rs",
    "edges/ffi/src/api/scan.rs",
    "edges/ffi/src/api/face.rs",
    "edges/ffi/src/api/prompt.rs",
    "edges/ffi/src/api/lists.rs",
    "edges/ffi/src/api/clock.rs",
    "edges/ffi/src/api/upload.rs",
    "edges/ffi/src/api/group.rs",
    "edges/ffi/src/api/status.rs",
];

/// Where the rules stand that all functions follow.
const RULES: &str = "edges/ffi/src/api/mod.rs";

/// The header as it should be.
pub(crate) fn fresh(repo: &Repo) -> Result<String> {
    let mut body = String::new();
    let mut rules = String::new();
    for source in SOURCES {
        let text = fs::read_to_string(repo.path(source))
            .with_context(|| format!("cannot read {source}"))?;
        let part = translate(&text).with_context(|| format!("{source} cannot be put into C"))?;
        body += &part;
        if source == RULES {
            let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
            rules = lines.skip(2).map(|line| format!(" *{line}\n")).collect();
        }
    }
    Ok(format!(
        "/* Tongtu: the terminal, for makers of validators and gates. docs/makers.md says how to use it.\n \
         * Made by `cargo xtask docs` from edges/ffi/src; do not edit.\n *\n{}\n */\n\
         #ifndef TONGTU_TERMINAL_H\n#define TONGTU_TERMINAL_H\n\n\
         #include <stddef.h>\n#include <stdint.h>\n\n\
         #ifdef __cplusplus\nextern \"C\" {{\n#endif\n{body}\n\
         #ifdef __cplusplus\n}}\n#endif\n\n#endif\n",
        plain(&rules).trim_end(),
    ))
}

/// Words as a reader of C wants them: no marks of Rust's documentation.
fn plain(text: &str) -> String {
    text.replace("[`Terminal`]", "the terminal")
        .replace("[`", "")
        .replace("`]", "")
        .replace('`', "")
}

fn comment(docs: &[&str], indent: &str) -> String {
    let mut out = String::new();
    for (index, line) in docs.iter().enumerate() {
        out += indent;
        out += if index == 0 { "/*" } else { " *" };
        out += plain(line).trim_end();
        if index + 1 == docs.len() {
            out += " */";
        }
        out.push('\n');
    }
    out
}

fn translate(text: &str) -> Result<String> {
    let mut out = String::new();
    let mut docs: Vec<&str> = Vec::new();
    let mut is_repr_c = false;
    let mut in_codes = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim();
        if let Some(doc) = bare.strip_prefix("///") {
            docs.push(doc);
        } else if bare == "#[repr(C)]" {
            is_repr_c = true;
        } else if bare == "codes! {" {
            in_codes = true;
        } else if line.starts_with("#[cfg(test)]") {
            break;
        } else if bare.starts_with("#[") || bare.starts_with("//") {
            // Attributes belong to what comes; other comments are for readers of Rust.
        } else if in_codes && bare.starts_with("TT_") {
            let (name, rest) = bare.split_once(" = ").context("a code without a value")?;
            let (value, _) = rest.split_once(',').context("a code without words")?;
            out += &format!("\n{}#define {name} ({value})\n", comment(&docs, ""));
            docs.clear();
        } else if let Some(rest) = bare.strip_prefix("pub const TT_") {
            out += &constant(rest, &docs)?;
            docs.clear();
        } else if is_repr_c && bare.starts_with("pub struct ") {
            let mut body = Vec::new();
            for line in lines.by_ref() {
                if line == "}" {
                    break;
                }
                body.push(line);
            }
            out += &structure(bare, &body, &docs)?;
            (is_repr_c, docs) = (false, Vec::new());
        } else if bare.starts_with("pub ") && bare.contains("extern \"C\" fn tt_") {
            let mut head = bare.to_owned();
            while !head.ends_with('{') {
                let more = lines.next().context("a function without a body")?;
                head.push(' ');
                head += more.trim();
            }
            out += &function(&head, &docs)?;
            docs.clear();
        } else {
            in_codes &= line != "}";
            docs.clear();
        }
    }
    Ok(out)
}

/// `ABI: u32 = 1;`, the prefix gone.
fn constant(rest: &str, docs: &[&str]) -> Result<String> {
    let rest = rest.trim_end_matches(';');
    let (name, rest) = rest.split_once(": ").context("a constant without a type")?;
    let (rust, value) = rest
        .split_once(" = ")
        .context("a constant without a value")?;
    let value = match (rust, value) {
        (_, "i64::MIN") => String::from("INT64_MIN"),
        ("u32", value) => format!("{value}u"),
        ("usize" | "i32", value) => format!("({value})"),
        _ => bail!("TT_{name}: a constant of type {rust}"),
    };
    Ok(format!(
        "\n{}#define TT_{name} {value}\n",
        comment(docs, "")
    ))
}

fn structure(head: &str, body: &[&str], docs: &[&str]) -> Result<String> {
    let name = head
        .trim_start_matches("pub struct ")
        .trim_end_matches(" {");
    let name = snake(name);
    let mut out = format!("\n{}typedef struct {name} {{\n", comment(docs, ""));
    let mut docs = Vec::new();
    let mut field = String::new();
    for line in body {
        let bare = line.trim();
        if let Some(doc) = bare.strip_prefix("///") {
            docs.push(doc);
            continue;
        }
        field.push_str(bare);
        // A field ends at a comma outside of all brackets.
        let depth = field.matches(['(', '<', '[']).count();
        let closed =
            field.matches([')', ']']).count() + field.replace("->", "").matches('>').count();
        if !field.ends_with(',') || depth != closed {
            field.push(' ');
            continue;
        }
        let (name, rust) = field
            .strip_prefix("pub ")
            .and_then(|field| field.trim_end_matches(',').split_once(": "))
            .with_context(|| format!("the field `{field}`"))?;
        out += &format!("{}    {};\n", comment(&docs, "    "), declare(rust, name)?);
        docs.clear();
        field.clear();
    }
    out += &format!("}} {name}_t;\n");
    Ok(out)
}

fn function(head: &str, docs: &[&str]) -> Result<String> {
    let (_, rest) = head.split_once("fn ").context("no function")?;
    let (name, rest) = rest.split_once('(').context("no parameters")?;
    let (parameters, rest) = rest.rsplit_once(')').context("no end of the parameters")?;
    let result = rest.trim().trim_start_matches("->").trim_end_matches('{');
    let parameters = list(parameters)?;
    let result = declare(result.trim(), &format!("{name}({parameters})"))?;
    Ok(format!("\n{}{result};\n", comment(docs, "")))
}

fn list(parameters: &str) -> Result<String> {
    let mut out = Vec::new();
    for parameter in parameters
        .split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty())
    {
        let (name, rust) = parameter
            .split_once(": ")
            .with_context(|| format!("the parameter `{parameter}`"))?;
        out.push(declare(rust, name)?);
    }
    Ok(if out.is_empty() {
        String::from("void")
    } else {
        out.join(", ")
    })
}

/// A declaration of `name` with the C type for a Rust type.
fn declare(rust: &str, name: &str) -> Result<String> {
    if let Some(rest) = rust.strip_prefix("Option<") {
        let rest = rest.trim().trim_end_matches(['>', ',', ' ']);
        let rest = rest
            .strip_prefix("unsafe extern \"C\" fn(")
            .with_context(|| format!("an option of something else: `{rust}`"))?;
        let (parameters, result) = rest
            .rsplit_once(") -> ")
            .context("a hook without a result")?;
        let parameters = list(parameters)?;
        return declare(result, &format!("(*{name})({parameters})"));
    }
    if let Some(rest) = rust.strip_prefix('[') {
        let (of, len) = rest
            .trim_end_matches(']')
            .split_once("; ")
            .context("an array without a length")?;
        return declare(of, &format!("{name}[{len}]"));
    }
    if let Some(to) = rust.strip_prefix("*const ") {
        return Ok(format!("const {}", declare(to, &format!("*{name}"))?));
    }
    if let Some(to) = rust.strip_prefix("*mut ") {
        return declare(to, &format!("*{name}"));
    }
    let c = match rust {
        "u8" => "uint8_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        "i32" => "int32_t",
        "i64" => "int64_t",
        "usize" => "size_t",
        "c_char" => "char",
        "c_void" => "void",
        rust if rust.starts_with("Tt") => return Ok(format!("{}_t {name}", snake(rust))),
        rust => bail!("the type `{rust}`"),
    };
    Ok(format!("{c} {name}"))
}

/// `TtTapEnd` as `tt_tap_end`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_header_is_what_the_sources_say() {
        let repo = Repo::find().expect("tests run in a checkout");
        let committed = fs::read_to_string(repo.path(HEADER)).expect("a header is committed");
        let fresh = fresh(&repo).expect("the sources can be put into C");
        assert!(
            committed == fresh,
            "run `cargo xtask docs` and commit {HEADER}"
        );
    }

    #[test]
    fn no_file_of_the_types_and_functions_is_left_out() {
        let repo = Repo::find().expect("tests run in a checkout");
        for folder in ["edges/ffi/src/api", "edges/ffi/src/types"] {
            for entry in fs::read_dir(repo.path(folder)).expect("a folder") {
                let name = entry.expect("an entry").file_name();
                let path = format!("{folder}/{}", name.to_string_lossy());
                assert!(SOURCES.contains(&&*path), "{path} is not in the header");
            }
        }
    }

    #[test]
    fn declarations_read_as_c_writes_them() {
        for (rust, c) in [
            ("u64", "uint64_t x"),
            ("[u8; 33]", "uint8_t x[33]"),
            ("*const c_char", "const char *x"),
            ("*mut TtTapEnd", "tt_tap_end_t *x"),
            (
                "Option<unsafe extern \"C\" fn(user: *mut c_void, at: u64) -> i32>",
                "int32_t (*x)(void *user, uint64_t at)",
            ),
        ] {
            assert_eq!(declare(rust, "x").expect("known"), c);
        }
        declare("String", "x").expect_err("no type of C");
        declare("Option<u8>", "x").expect_err("nothing that C has");
    }

    #[test]
    fn functions_constants_and_structs_keep_their_words() {
        let rust = "/// Opens it.\n#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn tt_open(\n    \
                    setup: *const TtSetup,\n    out: *mut u64,\n) -> i32 {\n}\n/// Most.\n\
                    pub const TT_MAX: u32 = 7;\n/// A place.\n#[repr(C)]\npub struct TtPost {\n    \
                    /// Which.\n    pub kind: u32,\n}\n";
        let c = translate(rust).expect("all of it is known");
        assert_eq!(
            c,
            "\n/* Opens it. */\nint32_t tt_open(const tt_setup_t *setup, uint64_t *out);\n\
             \n/* Most. */\n#define TT_MAX 7u\n\
             \n/* A place. */\ntypedef struct tt_post {\n    /* Which. */\n    uint32_t kind;\n} tt_post_t;\n"
        );
    }
}
