"""Plugins that are installed packages: found by group and name of their entry point, once one is named."""

from collections.abc import Callable
from importlib.metadata import entry_points

Find = Callable[[str], object]
"""Name of a plugin -> the plugin. Raises LookupError when there is not exactly one."""


def finder(group: str) -> Find:
    """What finds the installed plugins of a group; it raises, too, what a plugin raises while it loads."""

    def plugged(name: str) -> object:
        found = tuple(entry_points(group=group, name=name))
        if len(found) != 1:
            raise LookupError(name)
        plugin: object = found[0].load()
        return plugin

    return plugged
