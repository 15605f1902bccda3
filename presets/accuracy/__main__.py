"""python -m presets.accuracy: see the package."""

import sys

from presets.accuracy import main

sys.exit(main())
