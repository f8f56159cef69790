"""Python's own zstd, or its backport before 3.14: what Flask-Compress uses too."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd

    NAME = "compression.zstd"
else:
    from backports import zstd

    NAME = "backports.zstd"

__all__ = ["NAME", "zstd"]
