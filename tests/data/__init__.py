"""Tests of reading, splitting and storing ratings."""
