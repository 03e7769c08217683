"""Where work is done: in this process, or by the workers of a cluster. Nothing else knows which."""

from rbmcli.engine.interface import Engine
from rbmcli.engine.local import LOCAL, LocalEngine
from rbmcli.engine.opening import ENGINES, open_engine

__all__ = ["ENGINES", "LOCAL", "Engine", "LocalEngine", "open_engine"]
