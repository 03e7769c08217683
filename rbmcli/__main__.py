"""`python -m rbmcli`, the same as the command `rbmcli`."""

import sys

from rbmcli.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
