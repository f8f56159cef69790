"""`python -m pixelpair` is the `pixelpair` command."""

import sys

from pixelpair.cli import main

sys.exit(main())
