"""Bytes in and out, the same for every venue: sockets, REST, budgets, clocks, watchdogs."""
