"""The one place that decides whether progress is shown: in terminals and notebooks, nowhere else."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

Item = TypeVar("Item")
Listener = Callable[[str, float, float | None], None]
"""Called with a description, how much is done and of how much, None if that is not known."""

_LISTENER: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


class ProgressBar:
    """A progress bar that is shown where somebody can watch it; a context manager.

    Parameters
    ----------
    total : int, float or None
        How much there is to do; None if that is not known.
    description : str
        Stands before the bar.
    progress : bool
        False: show nothing, tell nobody.
    unit : str
        What is counted.
    delay : float
        Seconds before the bar appears, so that what is done at once shows none.
    **options
        Of `tqdm.tqdm`.

    Notes
    -----
    In a terminal the bar is text on standard error, in a notebook a widget, where ipywidgets is
    installed. Nothing is written to a standard error that is a file or a pipe. `listen` hears all the
    same.

    Examples
    --------
    >>> with ProgressBar(3, "count", progress=True) as bar:
    ...     for _ in range(3):
    ...         bar.update()
    >>> bar.done
    3
    """

    def __init__(
        self,
        total: float | None,
        description: str,
        *,
        progress: bool,
        unit: str = "it",
        delay: float = 1.0,
        **options: Any,
    ) -> None:
        self._listener = _LISTENER.get() if progress else None
        self._total, self._description = total, description
        self.done: float = 0
        options |= {"total": total, "desc": description, "unit": unit, "delay": delay}
        self.bar = _open_bar(options) if progress else None
        """tqdm's, None where none is shown."""

    def update(self, n: float = 1, *, now: bool = False) -> None:
        """`n` more are done; `now`: show it at once, however short ago the bar was drawn."""
        self.done += n
        if self.bar is not None:
            self.bar.update(n)
            if now:
                self.bar.refresh()
        if self._listener is not None:
            self._listener(self._description, self.done, self._total)

    def say(self, text: str) -> None:
        """Show a text behind the bar when it next moves."""
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def track(
    items: Collection[Item], description: str, *, progress: bool, unit: str = "it"
) -> Iterator[Item]:
    """Hand on the items, with a progress bar.

    Examples
    --------
    >>> list(track([1, 2], "count", progress=False))
    [1, 2]
    """
    with ProgressBar(len(items), description, progress=progress, unit=unit) as bar:
        for item in items:
            yield item
            bar.update()


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Have `listener` told of every step of the bars begun within, shown or not.

    Examples
    --------
    >>> heard = []
    >>> with listen(lambda *event: heard.append(event)):
    ...     for _ in track("ab", "letters", progress=True):
    ...         pass
    >>> heard
    [('letters', 1, 2), ('letters', 2, 2)]
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def _open_bar(options: dict[str, Any]) -> Any:
    """tqdm's bar for the place the program runs at, or None."""
    if _is_notebook():
        # Without ipywidgets tqdm warns and writes text that no notebook can overwrite.
        if importlib.util.find_spec("ipywidgets") is None:
            return None
        from tqdm.notebook import tqdm as notebook_bar

        return notebook_bar(**options)
    # Standard error is None in programs without a console.
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    from tqdm.std import tqdm as terminal_bar

    return terminal_bar(**options)


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
