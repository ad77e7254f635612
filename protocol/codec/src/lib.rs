//! Record tables as data, readers and writers for the field's encodings.
