//! `tongtu cert files`: what terminals take from the authority.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_types::Timestamp;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::key::{file, place};
use crate::lang::{Row, both};
use crate::report::Report;
use crate::room;

pub(crate) const HELP: &[Row] = &[
    ("cert files", "写出终端所用文件：根证书文件、证书、吊销列表"),
    ("cert files/room", "密钥室目录"),
    ("cert files/dir", "写入的目录"),
    ("cert files/now", "时刻；默认当前时间"),
    (
        "cert files#examples",
        "示例：
  tongtu cert files --room keyroom --dir for-terminals
      写入 roots.4026、01010000.JG02、013430100000011228.IG02 与 revoked.7",
    ),
];

/// The root file, as terminals number it.
const ROOTS: &str = "roots.4026";
/// Revoked certificates: issuer in four bytes and serial number in three, each.
const REVOKED: &str = "revoked.7";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// The folder to write into
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

#[derive(Serialize)]
struct Written {
    /// Version of the root file.
    version: u32,
    files: Vec<String>,
    roots: usize,
    certificates: usize,
    revoked: usize,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(&args.room)?;
    let now = clock::now_or(args.now);
    let authority = room.authority();
    let roots = authority.root_file();
    let bytes = roots.encode().map_err(|error| {
        Failure::fault(both("the root file cannot be made", "无法生成根证书文件")).because(error)
    })?;
    let mut files = vec![(String::from(ROOTS), bytes)];
    let of_roots = authority.root_certificates();
    let of_issuers = authority.issuer_certificates(now);
    let (root_count, certificate_count) = (of_roots.len(), of_issuers.len());
    files.extend(of_roots);
    files.extend(of_issuers);
    let revoked = authority.revoked(now);
    let mut list = Vec::with_capacity(7 * revoked.len());
    for (issuer, serial) in &revoked {
        let digits = tongtu_codec::hex_decode(issuer.as_str());
        list.extend(digits.expect("an institution is eight digits"));
        list.extend(serial);
    }
    files.push((String::from(REVOKED), list));
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, _)| place(&args.dir, name))
        .collect::<Result<_, _>>()?;
    let all: Vec<&std::path::Path> = paths.iter().map(PathBuf::as_path).collect();
    file::all_free(&all)?;
    for (path, (_, bytes)) in paths.iter().zip(&files) {
        file::write_public(path, bytes)?;
    }
    let written = Written {
        version: roots.version,
        files: files.into_iter().map(|(name, _)| name).collect(),
        roots: root_count,
        certificates: certificate_count,
        revoked: revoked.len(),
    };
    if report.json() {
        report.value(&written)?;
        return Ok(Exit::Done);
    }
    for name in &written.files {
        report.line(name)?;
    }
    Ok(Exit::Done)
}
