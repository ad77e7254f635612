//! A small country in one process: riders, terminals, nodes, faults, and the auditor.
