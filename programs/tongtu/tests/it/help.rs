//! Help, languages, and how wrong use is answered.

use std::path::Path;

use crate::run::{Ran, tongtu, tongtu_in};

fn with(env: &[(&str, &str)], args: &[&str]) -> Ran {
    tongtu_in(Path::new("."), args, b"", env)
}

#[test]
fn help_speaks_the_language_of_the_locale_or_of_the_option() {
    let english = tongtu(&["code", "verify", "--help"]);
    assert_eq!((english.code, english.err.as_str()), (0, ""));
    assert!(
        english
            .out
            .starts_with("Run the 21 checks of a terminal in order")
    );
    assert!(english.out.contains("Usage: tongtu code verify") && english.out.contains("Examples:"));
    let chinese = with(&[("LANG", "zh_CN.UTF-8")], &["code", "verify", "--help"]);
    assert_eq!(chinese.code, 0);
    assert!(
        chinese
            .out
            .starts_with("按规定次序做终端的 21 项核验，逐项给出结论\n\n用法：tongtu code verify")
    );
    for word in ["参数:", "选项:", "通用选项:", "示例：", "[默认：0.00]"] {
        assert!(chinese.out.contains(word), "{word} in {}", chinese.out);
    }
    let env = [("LC_ALL", "en_GB.UTF-8"), ("LANG", "zh_CN.UTF-8")];
    assert_eq!(with(&env, &["code", "verify", "--help"]).out, english.out);
    assert_eq!(
        tongtu(&["code", "verify", "--help", "--lang", "zh"]).out,
        chinese.out
    );
    let env = [("LANG", "zh_CN.UTF-8")];
    assert_eq!(
        with(&env, &["--lang=en", "help", "code", "verify"]).out,
        english.out
    );
}

#[test]
fn help_of_a_command_is_its_own() {
    for path in [
        &["code"][..],
        &["code", "issue"],
        &["key", "root", "new"],
        &["docs"],
        &[],
    ] {
        let by_word = tongtu(&[&["help"], path].concat());
        let by_flag = tongtu(&[path, &["--help"]].concat());
        assert_eq!((by_word.code, by_word.err.as_str()), (0, ""), "{path:?}");
        assert_eq!(by_word.out, by_flag.out, "{path:?}");
    }
    assert_eq!(tongtu(&["help", "cod"]).code, 2);
    let version = tongtu(&["--version"]);
    assert_eq!(
        (version.code, version.out.starts_with("tongtu ")),
        (0, true)
    );
}

#[test]
fn without_a_command_the_help_is_shown_and_it_is_wrong_use() {
    let ran = tongtu(&[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("Commands:") && ran.err.ends_with("error: a command is missing\n"));
    let ran = tongtu(&["--lang", "zh", "code"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err.contains("命令:") && ran.err.ends_with("错误：缺少命令\n"),
        "{}",
        ran.err
    );
}

#[test]
fn wrong_arguments_are_explained_in_both_languages() {
    for (args, en, zh) in [
        (
            &["cod"][..],
            "unrecognized subcommand 'cod'",
            "没有命令 `cod`",
        ),
        (
            &["code", "show", "81", "--fare"],
            "unexpected argument '--fare' found",
            "没有参数 `--fare`",
        ),
        (
            &["code", "verify"],
            "the following required arguments were not provided: <CODE>",
            "缺少必需的参数：<CODE>",
        ),
        (
            &["code", "verify", "81", "--now", "soon"],
            "invalid value 'soon' for '--now <T>'",
            "参数 `--now <T>` 的值 `soon` 无效",
        ),
        (
            &["completions", "tcsh"],
            "invalid value 'tcsh' for '<SHELL>'",
            "参数 `<SHELL>` 的值 `tcsh` 无效，可选：bash、zsh、fish",
        ),
        (
            &["code", "issue", "--test", "--root", "x"],
            "the argument '--test' cannot be used with '--root <FILE>'",
            "参数 `--test` 不能与 `--root <FILE>` 同时使用",
        ),
        (
            &["code", "verify", "81", "--now"],
            "a value is required for '--now <T>'",
            "参数 `--now <T>` 缺少值",
        ),
    ] {
        let ran = tongtu(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(
            ran.err.starts_with(&format!("error: {en}")),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.err.contains("\n  hint: "), "{}", ran.err);
        let ran = with(&[("LC_ALL", "zh_CN.UTF-8")], args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(
            ran.err.starts_with(&format!("错误：{zh}")),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.err.contains("\n  提示："), "{}", ran.err);
    }
}

#[test]
fn failures_are_json_too() {
    for (args, kind) in [
        (&["cod", "--json"][..], "usage"),
        (&["--json", "code"], "usage"),
        (&["--json", "code", "read", "gone.png"], "usage"),
        (
            &["--json", "code", "issue", "--test", "--lifetime", "1"],
            "refused",
        ),
    ] {
        let ran = tongtu(args);
        assert_eq!(ran.out, "", "{args:?}");
        let error: serde_json::Value = serde_json::from_str(&ran.err).expect(&ran.err);
        let error = &error["error"];
        assert_eq!(error["kind"], kind, "{args:?}");
        assert!(
            error["message"].is_string() && error["hints"].is_array(),
            "{error}"
        );
        assert_eq!(ran.code, if kind == "usage" { 2 } else { 1 });
    }
}

#[test]
fn no_colours_without_a_screen() {
    for args in [
        &["--help"][..],
        &["code", "verify", "81"],
        &["code", "verify", "zz"],
    ] {
        let ran = with(&[("TERM", "xterm-256color")], args);
        assert!(
            !format!("{}{}", ran.out, ran.err).contains('\u{1b}'),
            "{args:?}"
        );
    }
}
