//! The optical edge: ride codes as QR symbols, and back from PNG and JPEG.
