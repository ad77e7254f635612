//! The demo's folder: written aside, put in place when whole.

use std::fs;
use std::path::{Path, PathBuf};

use tongtu_exchange_file::FileName;
use tongtu_http::client::Client;
use tongtu_symbol::{Display, QrEncoder, SymbolEncoder as _, render_png, render_svg};
use tongtu_types::InstitutionCode;
use tongtu_world::Country;
use tongtu_world::country::NODES;
use tongtu_world::log::Observed;
use tongtu_world::report::{Story, page};

use crate::exit::Failure;
use crate::lang::both;

/// The file by which a folder of ours is known again.
const SUMMARY: &str = "summary.json";
/// How many riders' codes are drawn.
const SYMBOLS: usize = 6;

/// The folder while it is being written.
#[derive(Debug)]
pub(super) struct Place {
    part: PathBuf,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Failure + '_ {
    move |error| {
        Failure::fault(both("cannot write", "无法写入"))
            .because(format!("{}: {error}", path.display()))
    }
}

impl Place {
    /// Takes an empty folder beside `out`.
    ///
    /// Refuses when `out` holds something that no demo of ours has written.
    pub(super) fn prepare(out: &Path) -> Result<Self, Failure> {
        if out.exists() && !out.join(SUMMARY).is_file() {
            let is_empty = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
            if !is_empty {
                return Err(Failure::usage(both(
                    "the folder exists and holds something else",
                    "该文件夹已存在且含有其他内容",
                ))
                .because(out.display())
                .hint(both("choose another with --out", "用 --out 另选一个")));
            }
        }
        let part = aside(out, ".part");
        if part.exists() {
            fs::remove_dir_all(&part).map_err(io(&part))?;
        }
        fs::create_dir_all(part.join("qr")).map_err(io(&part))?;
        fs::create_dir_all(part.join("exchange")).map_err(io(&part))?;
        Ok(Self { part })
    }

    /// Writes every exchange file that a node has made or received, once.
    pub(super) async fn exchange_files(
        &self,
        folder: &str,
        client: &Client,
    ) -> Result<Vec<(String, String, usize)>, Failure> {
        let node = |error: tongtu_http::client::ClientError| {
            Failure::fault(both("a node does not show its files", "节点未给出文件")).because(error)
        };
        let place = self.part.join("exchange").join(folder);
        fs::create_dir_all(&place).map_err(io(&place))?;
        let mut written = Vec::new();
        for file in client.files_made().await.map_err(node)? {
            let unreadable =
                |_| Failure::fault(both("a node names its files wrongly", "节点文件名有误"));
            let receiver = InstitutionCode::parse(&file.receiver).map_err(unreadable)?;
            let name = FileName::parse(&file.name).map_err(|e| {
                Failure::fault(both("a node names its files wrongly", "节点文件名有误")).because(e)
            })?;
            let (bytes, _) = client.file_read(receiver, &name).await.map_err(node)?;
            let path = place.join(name.to_string());
            fs::write(&path, &bytes).map_err(io(&path))?;
            written.push((folder.to_owned(), name.to_string(), bytes.len()));
        }
        Ok(written)
    }

    /// Writes what the key centre did when it founded the country.
    pub(super) fn key_centre(&self, country: &Country) -> Result<(), Failure> {
        let place = self.part.join("keys");
        fs::create_dir_all(&place).map_err(io(&place))?;
        let written = country.keys.write_room(&place);
        let written = written.and_then(|()| country.keys.write_cash(&place));
        written.map_err(|e| Failure::fault(both("cannot write", "无法写入")).because(e))
    }

    /// Writes what the cities' keys were used for, as nodes answer it.
    pub(super) fn key_uses(&self, observed: &Observed) -> Result<(), Failure> {
        let place = self.part.join("key-uses");
        fs::create_dir_all(&place).map_err(io(&place))?;
        for (node, uses) in &observed.key_uses {
            let path = place.join(format!("{}.json", NODES[*node].id));
            let text = serde_json::to_vec(uses).map_err(|error| {
                Failure::fault(both("the uses cannot be written", "无法写出密钥使用记录"))
                    .because(error)
            })?;
            fs::write(&path, text).map_err(io(&path))?;
        }
        Ok(())
    }

    /// Draws some riders' codes.
    pub(super) fn symbols(
        &self,
        country: &Country,
        shown: impl Fn(usize) -> Vec<u8>,
    ) -> Result<Vec<String>, Failure> {
        let draw = |error: tongtu_symbol::SymbolError| {
            Failure::fault(both("a code cannot be drawn", "无法绘制二维码")).because(error)
        };
        let mut names = Vec::new();
        let riders = (0..country.riders.len())
            .filter(|rider| tongtu_ride_code::RideCode::frame(&shown(*rider)).is_ok());
        for rider in riders.take(SYMBOLS) {
            let modules = QrEncoder::L.encode(&shown(rider)).map_err(draw)?;
            let display = Display::default();
            for (name, bytes) in [
                (
                    format!("rider-{rider:03}.png"),
                    render_png(&modules, &display),
                ),
                (
                    format!("rider-{rider:03}.svg"),
                    render_svg(&modules, &display).into_bytes(),
                ),
            ] {
                let path = self.part.join("qr").join(&name);
                fs::write(&path, &bytes).map_err(io(&path))?;
                if name.ends_with(".png") {
                    names.push(name);
                }
            }
        }
        Ok(names)
    }

    /// Writes the report in both languages and the summary for machines.
    pub(super) fn reports(&self, story: &Story<'_>) -> Result<(), Failure> {
        let summary = serde_json::to_string_pretty(&story.json()).map_err(|error| {
            Failure::fault(both("the summary cannot be written", "无法写出汇总")).because(error)
        })?;
        for (name, text) in [
            ("report.zh.html", page(story, tongtu_fare::Lang::Zh)),
            ("report.en.html", page(story, tongtu_fare::Lang::En)),
            (SUMMARY, summary + "\n"),
            ("events.jsonl", story.events()),
        ] {
            let path = self.part.join(name);
            fs::write(&path, text).map_err(io(&path))?;
        }
        Ok(())
    }

    /// Puts the folder in place of an older one.
    pub(super) fn finish(self, out: &Path) -> Result<(), Failure> {
        if out.exists() {
            fs::remove_dir_all(out).map_err(io(out))?;
        }
        fs::rename(&self.part, out).map_err(io(out))
    }
}

/// Where the nodes' databases lie.
#[derive(Debug)]
pub(super) struct NodesFolder {
    path: PathBuf,
    is_ours: bool,
}

impl NodesFolder {
    /// The folder asked for, which must not hold databases yet, or a temporary one.
    pub(super) fn choose(asked: Option<&Path>) -> Result<Self, Failure> {
        let (path, is_ours) = match asked {
            Some(path) => (path.to_path_buf(), false),
            None => {
                let name = format!("tongtu-demo-{}", std::process::id());
                (std::env::temp_dir().join(name), true)
            }
        };
        let holds_nodes = fs::read_dir(&path).is_ok_and(|mut entries| {
            entries.any(|e| e.is_ok_and(|e| e.path().extension().is_some_and(|x| x == "db")))
        });
        if holds_nodes && !is_ours {
            return Err(Failure::usage(both(
                "the nodes' folder already holds databases",
                "节点文件夹已有数据库",
            ))
            .because(path.display()));
        }
        if is_ours && path.exists() {
            fs::remove_dir_all(&path).map_err(io(&path))?;
        }
        fs::create_dir_all(&path).map_err(io(&path))?;
        Ok(Self { path, is_ours })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for NodesFolder {
    fn drop(&mut self) {
        if self.is_ours {
            // Left-overs in the temporary folder are the system's to sweep.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn aside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
