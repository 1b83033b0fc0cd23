"""Recognises activity in a camera's pictures, in people's skeletons, or in both; starts the package's own pose
estimator where skeletons are wanted, and its own camera where `source` is given.

ros2 launch co_perception activity.launch.py image_topic:=/camera/color/image_raw
ros2 launch co_perception activity.launch.py source:=0 recognizer:=skeleton
ros2 launch co_perception activity.launch.py source:=0 recognizer:=both subject:=person
"""

from collections.abc import Sequence

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

BOOLEAN = ["true", "false"]
RECOGNISERS = {"video": ("video",), "skeleton": ("skeleton",), "both": ("video", "skeleton")}
SETS = {  # launch arguments that are parameters of a node, by node
    "video_activity": ("device", "subject", "image_transport", "image_reliability"),
    "skeleton_activity": ("device",),
    "pose": ("image_transport", "image_reliability"),
    "camera": ("source", "image_transport"),
    "fusion": (),
}
AS_IN_FILE = "empty: as in params_file."


def generate_launch_description() -> LaunchDescription:
    """All arguments, then the nodes they ask for."""
    params_file = PathJoinSubstitution([FindPackageShare("co_perception"), "config", "activity.yaml"])

    declare_namespace_cmd = DeclareLaunchArgument(
        "namespace", default_value="", description="Namespace of all nodes and relative topics."
    )
    declare_use_sim_time_cmd = DeclareLaunchArgument(
        "use_sim_time", default_value="false", choices=BOOLEAN, description="Take time from /clock."
    )
    declare_params_file_cmd = DeclareLaunchArgument(
        "params_file", default_value=params_file, description="YAML file with the parameters of the nodes."
    )
    declare_source_cmd = DeclareLaunchArgument(
        "source",
        default_value="",
        description="Starts the camera node on this video file, camera index or URL; empty: a driver publishes.",
    )
    declare_recognizer_cmd = DeclareLaunchArgument(
        "recognizer",
        default_value="video",
        choices=list(RECOGNISERS),
        description="What activity is recognised in: pictures, skeletons, or both, of which one answer is made.",
    )
    declare_pose_cmd = DeclareLaunchArgument(
        "pose",
        default_value="movenet",
        choices=["movenet", "mediapipe", "none"],
        description="Pose estimator to start where skeletons are wanted; none: somebody else publishes them.",
    )
    declare_subject_cmd = DeclareLaunchArgument(
        "subject",
        default_value="",
        choices=["", "scene", "person"],
        description=f"Whose activity is recognised in pictures: the whole scene's or each person's; {AS_IN_FILE}",
    )
    declare_skeleton_topic_cmd = DeclareLaunchArgument(
        "skeleton_topic", default_value="skeletons", description="Topic of the skeletons."
    )
    declare_image_topic_cmd = DeclareLaunchArgument(
        "image_topic", default_value="image_raw", description="Topic of the pictures, without /compressed."
    )
    declare_activity_topic_cmd = DeclareLaunchArgument(
        "activity_topic", default_value="activity", description="Topic of the answers."
    )
    declare_image_transport_cmd = DeclareLaunchArgument(
        "image_transport",
        default_value="",
        choices=["", "raw", "compressed"],
        description=f"How pictures travel; {AS_IN_FILE}",
    )
    declare_image_reliability_cmd = DeclareLaunchArgument(
        "image_reliability",
        default_value="",
        choices=["", "best_effort", "reliable", "best_available"],
        description=f"How pictures are asked for; {AS_IN_FILE}",
    )
    declare_device_cmd = DeclareLaunchArgument(
        "device", default_value="", description=f"Where the network runs, such as cpu or cuda; {AS_IN_FILE}"
    )
    declare_autostart_cmd = DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=BOOLEAN,
        description="Nodes configure and activate themselves; false: a lifecycle manager does it.",
    )
    declare_use_respawn_cmd = DeclareLaunchArgument(
        "use_respawn", default_value="false", choices=BOOLEAN, description="Start a node again when it has died."
    )
    declare_log_level_cmd = DeclareLaunchArgument(
        "log_level", default_value="info", description="Least severity that is logged: debug, info, warn, error."
    )

    return LaunchDescription(
        [
            declare_namespace_cmd,
            declare_use_sim_time_cmd,
            declare_params_file_cmd,
            declare_source_cmd,
            declare_recognizer_cmd,
            declare_pose_cmd,
            declare_subject_cmd,
            declare_skeleton_topic_cmd,
            declare_image_topic_cmd,
            declare_activity_topic_cmd,
            declare_image_transport_cmd,
            declare_image_reliability_cmd,
            declare_device_cmd,
            declare_autostart_cmd,
            declare_use_respawn_cmd,
            declare_log_level_cmd,
            OpaqueFunction(function=start_nodes),
        ]
    )


def start_nodes(context: LaunchContext) -> list[Node]:
    """The nodes that the arguments ask for. An empty argument leaves the params file's word."""
    value = {name: LaunchConfiguration(name).perform(context) for name in context.launch_configurations}
    kinds = RECOGNISERS[value["recognizer"]]
    nodes = [_recogniser(kind, value, fused=len(kinds) > 1) for kind in kinds]
    if len(kinds) > 1:
        nodes.append(_node("fusion", value, remappings=[("activity", value["activity_topic"])]))
    if value["pose"] != "none" and ("skeleton" in kinds or value["subject"] == "person"):
        nodes.append(_node("pose", value, estimator=value["pose"]))
    if value["source"]:
        nodes.append(_node("camera", value))
    return nodes


def _recogniser(kind: str, value: dict[str, str], fused: bool) -> Node:
    """A recogniser that is fused speaks to `fusion` only: `activity` and `activity_events` have one publisher."""
    name = f"{kind}_activity"
    if not fused:
        return _node(name, value, remappings=[("activity", value["activity_topic"])])
    apart = [("activity", f"activity_{kind}"), ("~/label_info", f"label_info_{kind}")]
    return _node(name, value, remappings=apart, events=False)


def _node(name: str, value: dict[str, str], remappings: Sequence[tuple[str, str]] = (), **given: str | bool) -> Node:
    topic = value["image_topic"]
    chosen = {argument: value[argument] for argument in SETS[name] if value[argument]}
    always = {"use_sim_time": value["use_sim_time"] == "true", "autostart": value["autostart"] == "true"}
    return Node(
        package="co_perception",
        executable=f"{name}_node",
        name=name,
        namespace=value["namespace"],
        output="screen",
        respawn=value["use_respawn"] == "true",
        respawn_delay=2.0,
        parameters=[value["params_file"], {**always, **chosen, **given}],
        remappings=[
            ("image_raw", topic),
            ("image_raw/compressed", f"{topic}/compressed"),
            ("skeletons", value["skeleton_topic"]),
            *remappings,
        ],
        ros_arguments=["--log-level", value["log_level"]],
    )
