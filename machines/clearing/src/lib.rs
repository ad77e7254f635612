//! Clearing (清分): checks, fees, netting and the settlement day as pure functions.
