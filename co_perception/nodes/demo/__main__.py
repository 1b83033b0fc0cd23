"""Entry point of `python -m co_perception.nodes.demo`."""

import sys

from co_perception.nodes.demo.main import main

sys.exit(main())
