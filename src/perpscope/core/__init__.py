"""The words of the house: time, units, instruments, events, tables, batches, folds, errors. Imports nothing above."""
