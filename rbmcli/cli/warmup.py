"""The command `warmup`: compile all kernels now, so that no later run has to."""

from __future__ import annotations

from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import Running


@with_options
def command(*, running: Running) -> None:
    """Compile the kernels of all commands ahead of their first run, for images and cron.

    They are kept in the user's cache folder, or below the one that the environment variable NUMBA_CACHE_DIR
    names, and serve this version of rbmcli on this type of CPU. Where they are there already this takes a
    second.

        rbmcli warmup
    """
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.warmup import warmup

    progress = open_progress(running)
    result = warmup(progress=progress)
    if running.json:
        figures = {
            "compiled": result.compiled,
            "loaded": result.loaded,
            "folder": str(result.folder),
            "bytes": result.size_bytes,
        }
        print_result(CommandResult("warmup", settings={}, figures=figures), progress)
