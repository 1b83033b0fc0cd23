"""Entry point of `python -m co_perception.nodes.soak`."""

import sys

from co_perception.nodes.soak.main import main

sys.exit(main())
