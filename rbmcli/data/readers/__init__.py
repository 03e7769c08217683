"""Readers: one module for each format, all giving a `RawTable`; `intake` makes ratings or pairs of it."""
