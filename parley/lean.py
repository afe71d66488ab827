"""Imported first by the server: what it must not load.

structlog loads rich, if it is there, for tracebacks with local variables. We never draw those, since
they hold what customers write; and rich takes 3 MB.
"""

import sys

sys.modules["rich"] = None  # type: ignore[assignment]
