//! Chinese and English: which one to speak, and the help in both.
//!
//! English help stands at the arguments themselves (doc comments, `after_help`). Chinese help is
//! a table beside them, keyed by the path of the command: `code verify` for the command,
//! `code verify/fare` for an argument by its id, `code verify#examples` for what follows the
//! list. [`speak`] puts it in; a test names every text that is missing or left over.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::{Arg, Command, ValueEnum};

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    // No documentation comments here: clap would print them as help, and the names say it all.
    Zh,
    En,
}

impl Lang {
    /// The language of this run: `--lang` if it is there, else the locale's.
    ///
    /// Looked up before the arguments are parsed, because their help depends on it.
    pub(crate) fn choose(args: &[OsString], var: impl Fn(&str) -> Option<String>) -> Self {
        Self::of_args(args).unwrap_or_else(|| Self::of_locale(var))
    }

    fn of_args(args: &[OsString]) -> Option<Self> {
        let words = args.iter().take_while(|arg| *arg != "--");
        let words: Vec<_> = words.filter_map(|arg| arg.to_str()).collect();
        let after = words.windows(2).filter(|pair| pair[0] == "--lang");
        let after = after.map(|pair| pair[1]);
        let within = words.iter().filter_map(|word| word.strip_prefix("--lang="));
        after.chain(within).find_map(|value| match value {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        })
    }

    /// The first of the three variables that is set decides, as everywhere.
    fn of_locale(var: impl Fn(&str) -> Option<String>) -> Self {
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
        let locale = names
            .iter()
            .find_map(|name| var(name).filter(|value| !value.is_empty()));
        match locale {
            Some(locale) if locale.starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    /// Picks one of a pair, English first, as the tables of the crates below have them.
    pub(crate) const fn pick<'a>(self, pair: (&'a str, &'a str)) -> &'a str {
        match self {
            Self::En => pair.0,
            Self::Zh => pair.1,
        }
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Both {
    en: Cow<'static, str>,
    zh: Cow<'static, str>,
}

impl Both {
    /// The text in one of them.
    pub(crate) fn of(&self, lang: Lang) -> &str {
        lang.pick((&self.en, &self.zh))
    }
}

/// A text, English first.
pub(crate) fn both(en: impl Into<Cow<'static, str>>, zh: impl Into<Cow<'static, str>>) -> Both {
    Both {
        en: en.into(),
        zh: zh.into(),
    }
}

/// A row of Chinese help.
pub(crate) type Row = (&'static str, &'static str);

/// Every table of Chinese help; each command keeps its own beside its arguments.
pub(crate) const TABLES: &[&[Row]] = &[
    HELP,
    crate::code::HELP,
    crate::code::issue::HELP,
    crate::code::show::HELP,
    crate::code::read::HELP,
    crate::code::verify::HELP,
    crate::code::conform::HELP,
    crate::card::HELP,
    crate::card::serve::HELP,
    crate::card::read::HELP,
    crate::card::apdu::HELP,
    crate::card::perso::HELP,
    crate::card::book::HELP,
    crate::card::masters::HELP,
    crate::card::apply::HELP,
    crate::card::load::HELP,
    crate::card::pay::HELP,
    crate::card::trace::HELP,
    crate::card::trace::explain::HELP,
    crate::psam::HELP,
    crate::psam::serve::HELP,
    crate::psam::pool::HELP,
    crate::psam::admit::HELP,
    crate::psam::batch::HELP,
    crate::psam::batch::new::HELP,
    crate::psam::batch::show::HELP,
    crate::psam::batch::run::HELP,
    crate::psam::batch::answer::HELP,
    crate::psam::show::HELP,
    crate::pos::HELP,
    crate::pos::key::HELP,
    crate::key::HELP,
    crate::key::room::HELP,
    crate::key::officer::HELP,
    crate::key::step::HELP,
    crate::key::component::HELP,
    crate::key::custody::HELP,
    crate::key::custody::SIGNING_HELP,
    crate::key::extract::HELP,
    crate::key::look::HELP,
    crate::key::notes::HELP,
    crate::room::SIGNING_HELP,
    crate::cert::HELP,
    crate::cert::files::HELP,
    crate::cert::cash::HELP,
    crate::audit::HELP,
    crate::key::root::HELP,
    crate::key::issuer::HELP,
    crate::key::user::HELP,
    crate::cert::link::HELP,
    crate::register::HELP,
    crate::fare::HELP,
    crate::fare::explain::HELP,
    crate::fare::check::HELP,
    crate::fare::table::HELP,
    crate::fare::import_gtfs::HELP,
    crate::demo::HELP,
    crate::serve::HELP,
    crate::terminal::HELP,
    crate::terminal::tap::HELP,
    crate::call::HELP,
    crate::caller::HELP,
    crate::caller::key::HELP,
    crate::crash::HELP,
    crate::bench::HELP,
    crate::bench::NIGHT,
    crate::docs::HELP,
    crate::completions::HELP,
];

const HELP: &[Row] = &[
    (
        "",
        "通途：交通联合（China T-Union）乘车二维码的签发、核验与清分",
    ),
    (
        "/lang",
        "文本与帮助的语言；默认取自 LC_ALL、LC_MESSAGES 或 LANG",
    ),
    ("/json", "输出一份 JSON，而不是供人阅读的文本"),
    ("/help", "显示本命令的说明"),
    ("/version", "显示版本"),
    (
        "#examples",
        "示例：
  tongtu code issue --test                       用公开的测试密钥签发一个乘车码
  tongtu code issue --test --out ride.png        同上，画成二维码图片
  tongtu code verify ride.png --test             逐项核验
  tongtu help code verify                        说明某个命令

退出码：0 完成；1 拒绝（码未通过核验，或用例结果不符）；
        2 用法错误（参数有误、输入无法读取）；3 本程序或机器故障。",
    ),
    ("help", "说明某个命令"),
    ("help/path", "命令，例如 `code verify`"),
    (
        "help#examples",
        "示例：
  tongtu help
  tongtu help code verify",
    ),
];

/// Gives the command tree the help of a language.
pub(crate) fn speak(command: Command, lang: Lang) -> Command {
    match lang {
        Lang::En => command,
        Lang::Zh => in_chinese(command, ""),
    }
}

fn row(key: &str) -> Option<&'static str> {
    let mut rows = TABLES.iter().copied().flatten();
    rows.find(|(name, _)| *name == key).map(|(_, text)| *text)
}

/// Below clap's own: the words of its layout in Chinese.
const TEMPLATE: &str = "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}";

fn in_chinese(command: Command, path: &str) -> Command {
    let mut command = command
        .help_template(TEMPLATE)
        .subcommand_help_heading("命令")
        .subcommand_value_name("命令")
        .mut_args(|arg| argument_in_chinese(arg, path))
        .mut_subcommands(|sub| {
            let path = below(path, sub.get_name());
            in_chinese(sub, &path)
        });
    if let Some(about) = row(path) {
        command = command.about(about).long_about(Resettable::Reset);
    }
    if let Some(examples) = row(&format!("{path}#examples")) {
        command = command.after_help(examples);
    }
    command
}

fn argument_in_chinese(arg: Arg, path: &str) -> Arg {
    let heading = match arg.get_help_heading() {
        // The root's own, common to all commands.
        Some(_) => "通用选项",
        None if arg.is_positional() => "参数",
        None => "选项",
    };
    let mut arg = arg.help_heading(heading);
    if let Some(text) = row(&format!("{path}/{}", arg.get_id())) {
        let help = format!("{text}{}", values_in_chinese(&arg));
        arg = arg.help(help).long_help(Resettable::Reset);
    }
    if arg.get_action().takes_values() {
        // Said in the help text itself, in Chinese.
        arg = arg.hide_default_value(true).hide_possible_values(true);
    }
    arg
}

/// What clap would add in English: the default and the possible values.
fn values_in_chinese(arg: &Arg) -> String {
    let mut text = String::new();
    if !arg.get_action().takes_values() {
        return text;
    }
    let values = arg.get_default_values().iter();
    let values = values.filter(|value| !value.is_empty());
    let defaults: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() {
        text += &format!(" [默认：{}]", defaults.join(" "));
    }
    let values = arg.get_possible_values();
    let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
    if !names.is_empty() {
        text += &format!(" [可选：{}]", names.join("、"));
    }
    text
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path} {name}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;

    fn keys(command: &Command, path: &str, keys: &mut BTreeSet<String>) {
        keys.insert(path.to_owned());
        for arg in command.get_arguments() {
            keys.insert(format!("{path}/{}", arg.get_id()));
        }
        let mut leaf = true;
        for sub in command.get_subcommands() {
            leaf = false;
            keys_of_sub(sub, path, keys);
        }
        if leaf || command.get_after_help().is_some() {
            keys.insert(format!("{path}#examples"));
            let text = command.get_after_help().map(ToString::to_string);
            let text = text.unwrap_or_default();
            assert!(text.starts_with("Examples:"), "no examples of `{path}`");
        }
    }

    fn keys_of_sub(sub: &Command, path: &str, all: &mut BTreeSet<String>) {
        keys(sub, &below(path, sub.get_name()), all);
    }

    fn has_han(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn every_command_and_argument_has_chinese_help_and_no_other_has() {
        let mut wanted = BTreeSet::new();
        keys(&crate::Cli::command(), "", &mut wanted);
        let rows: Vec<_> = TABLES.iter().copied().flatten().collect();
        let there: BTreeSet<_> = rows.iter().map(|(key, _)| (*key).to_owned()).collect();
        assert_eq!(there.len(), rows.len(), "a key is there twice");
        let missing: Vec<_> = wanted.difference(&there).collect();
        let left_over: Vec<_> = there.difference(&wanted).collect();
        assert!(missing.is_empty(), "without Chinese help: {missing:?}");
        assert!(left_over.is_empty(), "help of nothing: {left_over:?}");
        for (key, text) in rows {
            assert!(has_han(text), "not Chinese: {key}: {text}");
        }
    }

    #[test]
    fn chinese_help_has_no_english_frame_left() {
        fn check(command: &mut Command) {
            let help = command.render_long_help().to_string();
            for word in [
                "Usage:",
                "Options:",
                "Commands:",
                "Arguments:",
                "Common",
                "[default",
                "[possible",
            ] {
                assert!(!help.contains(word), "{word} in {help}");
            }
            command.get_subcommands_mut().for_each(check);
        }
        let mut command = speak(crate::Cli::command(), Lang::Zh);
        command.build();
        check(&mut command);
    }

    #[test]
    fn the_first_set_variable_decides_and_the_option_wins() {
        let choose = |args: &[&str], vars: &[(&str, &str)]| {
            let args: Vec<_> = args.iter().map(OsString::from).collect();
            Lang::choose(&args, |name| {
                let found = vars.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(choose(&[], &[]), Lang::En);
        assert_eq!(choose(&[], &[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(
            choose(&[], &[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]),
            Lang::En
        );
        assert_eq!(
            choose(&[], &[("LC_ALL", ""), ("LC_MESSAGES", "zh")]),
            Lang::Zh
        );
        assert_eq!(choose(&["--lang", "en"], &[("LANG", "zh_TW")]), Lang::En);
        assert_eq!(choose(&["x", "--lang=zh"], &[]), Lang::Zh);
        assert_eq!(choose(&["--", "--lang=zh"], &[]), Lang::En);
    }
}
