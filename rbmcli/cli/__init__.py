"""The command line: the only floor that knows Typer and Rich, and the only one that prints."""
