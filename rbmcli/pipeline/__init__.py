"""The steps: plain functions that read tables, run a model and write tables; a result dataclass comes out."""
