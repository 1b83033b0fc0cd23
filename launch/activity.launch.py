"""Recognizes activity in a camera's pictures, in people's skeletons, or in both; starts the package's own pose
estimator where skeletons are wanted, and its own camera where `source` is given.

ros2 launch co_perception activity.launch.py image_topic:=/camera/color/image_raw
ros2 launch co_perception activity.launch.py source:=0 recognizer:=skeleton
ros2 launch co_perception activity.launch.py source:=0 recognizer:=both subject:=person
ros2 launch co_perception activity.launch.py recognizer:=skeleton model_path:=my_activities threshold:=0.6
ros2 launch co_perception activity.launch.py recognizer:=skeleton outputs:=annotated,markers position:=camera_info
ros2 launch co_perception activity.launch.py source:=0 recognizer:=skeleton no_pixels:=true
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

BOOLEAN = ["true", "false"]
RECOGNIZERS = {"video": ("video",), "skeleton": ("skeleton",), "both": ("video", "skeleton")}
OF_SKELETONS = ("model", "tasks", "task")  # what the recognizer of skeletons alone has
OF_ONE = ("network", "model_path")  # what each recognizer has; where both run, the one of skeletons gets it
SETS = {  # launch arguments that are parameters of a node, by node
    "video_activity": ("device", "subject", "image_transport", "image_reliability"),
    "skeleton_activity": ("device", *OF_SKELETONS, *OF_ONE),
    "pose": ("image_transport", "image_reliability", "camera_motion", "identity"),
    "camera": ("source", "image_transport"),
    "fusion": (),
    "outputs": ("outputs", "image_transport", "image_reliability"),
}
OF_PLACES = ("position", "position_frame")  # what finds people in space: the pose estimator, or who gets its skeletons
NUMBERS = ("threshold",)
AS_IN_FILE = "empty: as in params_file."
ARGUMENTS: list[tuple[str, str, list[str] | None, str]] = [  # name, default, choices, description
    ("namespace", "", None, "Namespace of all nodes and relative topics."),
    ("use_sim_time", "false", BOOLEAN, "Take time from /clock."),
    ("source", "", None, "Starts the camera node on this video file, camera index or URL; empty: a driver publishes."),
    ("recognizer", "video", list(RECOGNIZERS),
     "What activity is recognized in: pictures, skeletons, or both, of which one answer is made."),
    ("pose", "movenet", ["movenet", "mediapipe", "none"],
     "Pose estimator to start where skeletons are wanted; none: another node publishes them."),
    ("subject", "", ["", "scene", "person"],
     f"Whose activity is recognized in pictures: the whole scene's or each person's; {AS_IN_FILE}"),
    ("skeleton_topic", "skeletons", None, "Topic of the skeletons."),
    ("image_topic", "image_raw", None, "Topic of the pictures, without the transport's ending such as /compressed."),
    ("activity_topic", "activity", None, "Topic of the answers."),
    ("position", "", ["", "none", "camera_info", "depth"],
     f"Where people are in space, for which the pose estimator needs camera_info and depth; {AS_IN_FILE}"),
    ("position_frame", "", None, f"Frame of these positions, by TF; {AS_IN_FILE}"),
    ("camera_motion", "", ["", "none", "image", "tf"],
     "How the motion of a camera on a robot is taken out of tracks and activities, by the pose estimator: by the "
     f"picture's background, or by odometry in TF, which needs camera_info; {AS_IN_FILE}"),
    ("camera_info_topic", "camera_info", None, "Topic of the camera's camera_info."),
    ("depth_topic", "depth", None, "Topic of the depth pictures that are registered to the pictures."),
    ("outputs", "", None,
     "Starts the node outputs, which publishes annotated (a picture), markers (RViz), annotations (Foxglove), "
     "detections (vision_msgs) and humans (REP-155), with commas between; empty: it is not started."),
    ("identity", "", ["", "none", "appearance"],
     f"How the pose estimator recognizes who comes back: not at all, or by appearance; {AS_IN_FILE}"),
    ("image_transport", "", ["", "raw", "compressed", "ffmpeg", "foxglove"], f"How pictures travel; {AS_IN_FILE}"),
    ("image_reliability", "", ["", "best_effort", "reliable", "best_available"],
     f"How pictures are asked for; {AS_IN_FILE}"),
    ("model", "", None, f"Model of the package for skeletons, such as costgcn_short_motions; {AS_IN_FILE}"),
    ("model_path", "", None,
     f"Folder of a trained model, of the skeletons where both recognizers run; {AS_IN_FILE}"),
    ("network", "", None, f"Network to run, of the skeletons where both recognizers run; {AS_IN_FILE}"),
    ("tasks", "", None, f"Folder of adapters of the skeleton model, a folder each; {AS_IN_FILE}"),
    ("task", "", None, f"Name of the adapter that answers; {AS_IN_FILE}"),
    ("threshold", "", None,
     f"Best score below which nothing is sure, 0..1, of the fusion where both recognizers run; {AS_IN_FILE}"),
    ("device", "", None, f"Where the network runs, such as cpu or cuda; {AS_IN_FILE}"),
    ("one_process", "false", BOOLEAN,
     "Camera (with source), pose estimator and recognizer of skeletons are one process, and hand pictures on."),
    ("no_pixels", "false", BOOLEAN,
     "The same, and no picture leaves the process: no topic of pictures, no dump of its memory."),
    ("autostart", "true", BOOLEAN, "Nodes configure and activate themselves; false: a lifecycle manager does it."),
    ("use_respawn", "false", BOOLEAN, "Start a node again when it has died."),
    ("log_level", "info", None, "Least severity that is logged: debug, info, warn, error."),
]  # fmt: skip


def generate_launch_description() -> LaunchDescription:
    """All arguments, then the nodes they ask for."""
    params_file = PathJoinSubstitution([FindPackageShare("co_perception"), "config", "activity.yaml"])
    about = "YAML file with the parameters of the nodes."
    arguments = [DeclareLaunchArgument("params_file", default_value=params_file, description=about)]
    for name, default, choices, description in ARGUMENTS:
        restricted = {"choices": choices} if choices else {}
        arguments.append(DeclareLaunchArgument(name, default_value=default, description=description, **restricted))
    return LaunchDescription([*arguments, OpaqueFunction(function=start_nodes)])


def check_names(given: Mapping[str, str]) -> None:
    """Raises ValueError for an argument that is not declared here.

    launch itself takes any. A launch file that includes this one has its own arguments among those that are seen here:
    then only a name is refused that resembles one which was left at its default.
    """
    known = {"params_file": "", **{name: default for name, default, _, _ in ARGUMENTS}}
    included = not any(argument.endswith(Path(__file__).name) for argument in sys.argv)
    for name in given:
        near = get_close_matches(name, known, 1, 0.9 if included else 0.65)  # `mode` may well be its own
        meant = f" (meant: {near[0]!r}?)" if near else ""
        slip = not included or any(given.get(each, known[each]) == known[each] for each in near)
        if name not in known and slip:
            raise ValueError(f"there is no launch argument {name!r}{meant}; there are: {', '.join(sorted(known))}")


def check_used(value: Mapping[str, str], kinds: Sequence[str]) -> None:
    """Raises ValueError for an argument of the skeleton recognizer where none is started: another model would run."""
    unused = [name for name in OF_SKELETONS if value[name] and "skeleton" not in kinds]
    if unused:
        raise ValueError(
            f"{', '.join(unused)}: only the recognizer of skeletons has that, and recognizer:={value['recognizer']} "
            "starts none; add recognizer:=skeleton or recognizer:=both"
        )


def params_file(name: str) -> str:
    """The parameter file; ~ is the home directory, which a shell leaves in `params_file:=~/robot.yaml`.

    Raises FileNotFoundError where there is none: launch_ros would start the nodes without it, and warn.
    """
    path = os.path.expanduser(name)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"params_file: there is no file {path}")
    return path


def check_places(value: Mapping[str, str], finder: str) -> None:
    """Raises ValueError where positions are wanted, and no node is started that could find them."""
    if not finder and value["position"] not in ("", "none"):
        raise ValueError(
            f"position:={value['position']} is of people, and recognizer:={value['recognizer']} looks at "
            "the whole scene; add recognizer:=skeleton, recognizer:=both or subject:=person"
        )


def check_alone(value: Mapping[str, str], kinds: Sequence[str]) -> None:
    """Raises ValueError where what is to be one process takes pictures or people from another one."""
    name = "no_pixels" if value["no_pixels"] == "true" else "one_process"
    if tuple(kinds) != ("skeleton",) or value["pose"] == "none":
        raise ValueError(
            f"{name} is for the recognizer of skeletons and a pose estimator of the package: add recognizer:=skeleton, "
            "and leave pose"
        )
    if name == "no_pixels" and not value["source"]:
        raise ValueError(
            "no_pixels: the process grabs the pictures itself, so it needs their source: add source:=0 (a camera), a "
            "URL or a file. A camera driver that is a node of its own publishes them"
        )
    if name == "no_pixels" and value["position"] == "depth":
        raise ValueError("no_pixels: depth pictures would come from another process; position:=camera_info needs none")
    if name == "no_pixels" and "annotated" in value["outputs"]:
        raise ValueError("no_pixels: outputs:=annotated draws on pictures, and none leave their process; take markers")


def check_estimates(value: Mapping[str, str], estimates: bool) -> None:
    """Raises ValueError for what only the package's pose estimator does, where none is started."""
    for name in ("camera_motion", "identity"):
        if not estimates and value[name] not in ("", "none"):
            raise ValueError(
                f"{name}:={value[name]} is of the package's own pose estimator, and none is started; add "
                "recognizer:=skeleton, recognizer:=both or subject:=person, without pose:=none"
            )


def chosen(value: Mapping[str, str], names: Sequence[str]) -> dict[str, str | float]:
    """The parameters among `names` that are not left to the params file. Raises ValueError for what is no number."""
    found: dict[str, str | float] = {name: value[name] for name in names if value[name]}
    for name in set(found) & set(NUMBERS):
        try:
            found[name] = float(found[name])
        except ValueError:
            raise ValueError(f"{name} is a number, got {found[name]!r}") from None
    return found


def start_nodes(context: LaunchContext) -> list[Node]:
    """The nodes that the arguments ask for. An empty argument leaves the params file's word."""
    check_names(context.launch_configurations)
    value = {name: LaunchConfiguration(name).perform(context) for name in context.launch_configurations}
    kinds = RECOGNIZERS[value["recognizer"]]
    check_used(value, kinds)
    value["params_file"] = params_file(value["params_file"])
    answers = [("activity", value["activity_topic"])]
    alone = "true" in (value["one_process"], value["no_pixels"])
    if alone:
        check_alone(value, kinds)
    estimates = value["pose"] != "none" and ("skeleton" in kinds or value["subject"] == "person")
    finder = "pose" if estimates else "skeleton_activity" if "skeleton" in kinds else ""
    check_places(value, finder)
    check_estimates(value, estimates)
    places = {name: chosen(value, OF_PLACES) if name == finder else {} for name in SETS}
    if alone:
        nodes = [_one_process(value, answers, places["pose"])]
    elif len(kinds) == 1:
        own = {**chosen(value, (*OF_ONE, *NUMBERS)), **places[f"{kinds[0]}_activity"]}
        nodes = [_node(f"{kinds[0]}_activity", value, remappings=answers, **own)]
    else:  # both speak to `fusion` only: `activity` and `activity_events` have one publisher
        apart = {kind: [("activity", f"activity_{kind}"), ("~/label_info", f"label_info_{kind}")] for kind in kinds}
        nodes = [
            _node(f"{kind}_activity", value, remappings=apart[kind], events=False, **places[f"{kind}_activity"])
            for kind in kinds
        ]
        nodes.append(_node("fusion", value, remappings=answers, **chosen(value, NUMBERS)))
    if estimates and not alone:
        nodes.append(_node("pose", value, estimator=value["pose"], **places["pose"]))
    if value["outputs"]:
        nodes.append(_node("outputs", value, remappings=answers))
    if value["source"] and not alone:
        nodes.append(_node("camera", value))
    return nodes


def _one_process(value: dict[str, str], answers: Sequence[tuple[str, str]], places: Mapping[str, str | float]) -> Node:
    """The nodes of one process. A name would be given to all of them, and so would parameters without a file."""
    given = {
        "skeleton_activity": {**chosen(value, SETS["skeleton_activity"]), **chosen(value, NUMBERS)},
        "pose": {**chosen(value, SETS["pose"]), "estimator": value["pose"], **places},
        "camera": chosen(value, SETS["camera"]),
    }
    with NamedTemporaryFile("w", prefix="launch_params_", suffix=".yaml", delete=False) as file:  # as launch_ros does
        json.dump({f"/**/{name}": {"ros__parameters": own} for name, own in given.items() if own}, file)
    flags = ["--no-pixels"] if value["no_pixels"] == "true" else ["--camera"] if value["source"] else []
    parameters = [*_parameters(value), file.name]
    return Node(**_common(value, "people_activity", answers), parameters=parameters, arguments=flags)


def _node(
    name: str, value: dict[str, str], remappings: Sequence[tuple[str, str]] = (), **given: str | bool | float
) -> Node:
    own = {**chosen(value, SETS[name]), **given}
    return Node(name=name, **_common(value, name, remappings), parameters=_parameters(value, own))


def _parameters(value: Mapping[str, str], own: Mapping[str, str | bool | float] | None = None) -> list[Any]:
    """The parameter file, and what goes before it."""
    always = {"use_sim_time": value["use_sim_time"] == "true", "autostart": value["autostart"] == "true"}
    return [value["params_file"], {**always, **(own or {})}]


def _common(value: Mapping[str, str], executable: str, remappings: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What all processes have."""
    topic = value["image_topic"]
    return dict(
        package="co_perception",
        executable=f"{executable}_node",
        namespace=value["namespace"],
        output="screen",
        respawn=value["use_respawn"] == "true",
        respawn_delay=2.0,
        remappings=[
            ("image_raw", topic),
            *((f"image_raw/{way}", f"{topic}/{way}") for way in ("compressed", "ffmpeg", "foxglove")),
            ("skeletons", value["skeleton_topic"]),
            ("camera_info", value["camera_info_topic"]),
            ("depth", value["depth_topic"]),
            *remappings,
        ],
        ros_arguments=["--log-level", value["log_level"]],
    )
