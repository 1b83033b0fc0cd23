"""Recognises activity in a camera's pictures, in people's skeletons, or in both; starts the package's own camera too
where `source` is given.

ros2 launch co_perception activity.launch.py image_topic:=/camera/color/image_raw
ros2 launch co_perception activity.launch.py source:=0
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

BOOLEAN = ["true", "false"]
RECOGNISERS = {"video": ["video"], "skeleton": ["skeleton"], "both": ["video", "skeleton"]}
SETS = {
    "video": ("device", "image_transport", "image_reliability"),
    "skeleton": ("device",),
    "camera": ("image_transport",),
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
        description="What activity is recognised in; both: each answers on activity_topic with /video or /skeleton.",
    )
    declare_skeletons_topic_cmd = DeclareLaunchArgument(
        "skeletons_topic", default_value="skeletons", description="Topic of the skeletons."
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
        description=f"How the recogniser asks for pictures; {AS_IN_FILE}",
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
            declare_skeletons_topic_cmd,
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
    """The recognisers, and the camera where a source is given. An empty argument leaves the params file's word."""
    value = {name: LaunchConfiguration(name).perform(context) for name in context.launch_configurations}
    kinds = RECOGNISERS[value["recognizer"]]
    topic = value["activity_topic"]
    nodes = [
        # `activity` has one publisher: two recognisers speak each on a topic of their own.
        _node(f"{kind}_activity", value, _given(kind, value), topic if len(kinds) == 1 else f"{topic}/{kind}")
        for kind in kinds
    ]
    if value["source"]:
        nodes.append(_node("camera", value, {"source": value["source"], **_given("camera", value)}, topic))
    return nodes


def _given(kind: str, value: dict[str, str]) -> dict[str, str]:
    return {name: value[name] for name in SETS[kind] if value[name]}


def _node(name: str, value: dict[str, str], given: dict[str, str], activity_topic: str) -> Node:
    topic = value["image_topic"]
    return Node(
        package="co_perception",
        executable=f"{name}_node",
        name=name,
        namespace=value["namespace"],
        output="screen",
        respawn=value["use_respawn"] == "true",
        respawn_delay=2.0,
        parameters=[
            value["params_file"],
            {"use_sim_time": value["use_sim_time"] == "true", "autostart": value["autostart"] == "true", **given},
        ],
        remappings=[
            ("image_raw", topic),
            ("image_raw/compressed", f"{topic}/compressed"),
            ("skeletons", value["skeletons_topic"]),
            ("activity", activity_topic),
        ],
        ros_arguments=["--log-level", value["log_level"]],
    )
