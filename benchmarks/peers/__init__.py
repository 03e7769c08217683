"""Public rating predictors and rbmcli, on the same splits, in one run: `make bench-peers DATA=FOLDER`."""
