//! The nodes' HTTP server and client.
