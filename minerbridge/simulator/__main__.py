"""``python -m minerbridge.simulator antminer_s19=3 cgminer=1``."""

import sys

from minerbridge.simulator.command import main

sys.exit(main(sys.argv[1:]))
