"""`python -m csp_frontend` is the command `personal-csp`."""

import sys

from csp_frontend.command import main

if __name__ == "__main__":
    sys.exit(main())
