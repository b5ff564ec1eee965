"""`python -m convscope` is the command line."""

import sys

from convscope.cli import main

sys.exit(main())
