"""`toolward version`."""

import platform
import sys

from gateway.cli import our_version
from gateway.cli.output import EXIT_OK, print_json
from gateway.cli.session import Common


def version(*, common: Common = Common()) -> int:  # noqa: B008 -- frozen
    """Print the version."""
    if common.json:
        print_json(
            {
                "version": our_version(),
                "python": platform.python_version(),
                "platform": sys.platform,
                "machine": platform.machine(),
            }
        )
    else:
        print(our_version())
    return EXIT_OK
