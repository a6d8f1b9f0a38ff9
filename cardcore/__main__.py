"""`python -m cardcore` is the `cardcore` command."""

import sys

from cardcore.cli import main

sys.exit(main())
