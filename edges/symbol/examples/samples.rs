//! Writes sample pictures to `target/symbol-samples`, to be looked at.

use std::fs;
use std::path::Path;

use tongtu_symbol::{
    Background, Display, QrEncoder, SymbolEncoder, render_png, render_svg, render_text,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/symbol-samples");
    fs::create_dir_all(&folder)?;
    // Not a ride code, only as long as the longest one.
    let payload: Vec<u8> = (0..364_u32).map(|i| (i * i % 251) as u8).collect();
    for (name, encoder, side_mm, dpi) in [
        ("usual", QrEncoder::L, 30, 300),
        ("small", QrEncoder::L, 20, 72),
        ("large", QrEncoder::L, 40, 600),
        ("level-m", QrEncoder::M, 30, 300),
    ] {
        let display = Display::new(side_mm)?.with_dpi(dpi)?;
        let modules = encoder.encode(&payload)?;
        fs::write(
            folder.join(format!("{name}.png")),
            render_png(&modules, &display),
        )?;
        fs::write(
            folder.join(format!("{name}.svg")),
            render_svg(&modules, &display),
        )?;
        for (suffix, background) in [("dark", Background::Dark), ("light", Background::Light)] {
            let text = render_text(&modules, &display, background);
            fs::write(folder.join(format!("{name}-{suffix}.txt")), text)?;
        }
    }
    Ok(())
}
