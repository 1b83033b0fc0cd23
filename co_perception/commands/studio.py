"""`co-perception studio`: a web application on this machine in which recordings are annotated."""

from __future__ import annotations

import argparse

from co_perception.commands.output import Commands
from co_perception.engine.arguments import NumberArgument
from co_perception.engine.paths import user_path

PORT = NumberArgument("a port from 1 to 65535", 1, 65_535)


def add(commands: Commands) -> None:
    about = "annotate recordings in a browser on this machine"
    parser = commands.add_parser(
        "studio",
        help=about,
        description=f"{about.capitalize()}. It serves this machine alone (127.0.0.1) and writes annotations.csv "
        "beside each recording.",
    )
    parser.add_argument("bags", nargs="+", type=user_path, metavar="BAG", help="recordings with skeletons")
    parser.add_argument("--topic", help="topic of the skeletons, where a recording has several")
    parser.add_argument("--port", type=PORT, default=8765, help="of the address (default: %(default)s)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.studio.application import serve
    from co_perception.studio.recording_annotations import AnnotatedRecording

    recordings = [AnnotatedRecording(path, arguments.topic) for path in arguments.bags]
    port = int(arguments.port)
    print(f"The studio is at http://127.0.0.1:{port}/ (Ctrl+C ends it).", flush=True)
    serve(recordings, port)
    return 0
