//! Writes what the targets begin with into `seeds`, a folder for each.

fn main() -> std::io::Result<()> {
    for (target, name, bytes) in tongtu_fuzz::seeds::all() {
        std::fs::create_dir_all(tongtu_fuzz::seeds::folder(target))?;
        std::fs::write(tongtu_fuzz::seeds::path(target, &name), bytes)?;
    }
    Ok(())
}
