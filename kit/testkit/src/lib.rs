//! Vectors, fixtures and naive models that tests share.
