"""Whether what an earlier run has left is of the same run as this one, and if not, what differs.

Settings, fingerprints of the data, and versions are compared, each as plain values under its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rbmcli.versions import package_version

_PACKAGES = ("rbmcli", "numpy", "numba")
"""What the parameters of a model depend on."""


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that the result of training depends on."""
    return {name: package_version(name) for name in _PACKAGES}


def other_settings(now: Mapping[str, Any], then: Mapping[str, Any], where: str) -> list[str]:
    """Return in words which settings are others.

    Parameters
    ----------
    now, then : mapping
        Settings of the two runs, by name.
    where : str
        What was left, for the words, such as 'the checkpoint'.
    """
    return [
        f"{_option(name)} is {_told(value)}, and was {_told(then.get(name))} in {where}"
        for name, value in now.items()
        if then.get(name) != value
    ]


def other_data(now: Mapping[str, Any], then: Mapping[str, Any], where: str) -> list[str]:
    """Return in words which data are others; parameters as of `other_settings`."""
    return [f"the {name} are not those of {where}" for name, value in now.items() if then.get(name) != value]


def other_versions(then: Mapping[str, Any]) -> list[str]:
    """Return in words which packages are installed in other versions than an earlier run had."""
    return [
        f"{name} {then.get(name)}, now {version}"
        for name, version in installed_versions().items()
        if then.get(name) != version
    ]


def _option(name: str) -> str:
    # Which of three there is follows from --valid and --no-valid.
    return name if name == "validation" else "--" + name.replace("_", "-")


def _told(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(f"{entry:g}" for entry in value) or "not given"
    return "not given" if value is None else str(value)
