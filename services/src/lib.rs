//! What a node does: issuing, accounts, acquiring, exchange, lists.
