"""Inputs of `video_activity`: images, alone or together with the skeletons found in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter_ns
from typing import Any, TypeAlias

from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from co_perception.data.messages.image import RgbPicture, to_rgb
from co_perception.data.messages.people import ImageWithPeople, from_skeletons
from co_perception.data.messages.video_packets import PacketDecoder, VideoPicture, codec_of
from co_perception.engine import data
from co_perception.engine.settings import setting
from co_perception.engine.time import nanoseconds
from co_perception.learners.paired_frames import ALONE, DOUBLED, DOUBLED_PEOPLE, LATE_PEOPLE, OUTDATED, UNPAIRED
from co_perception.msg import SkeletonArray
from co_perception.nodes.core.diagnostics import Counters
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.optional_messages import message_types
from co_perception.nodes.core.qos import TRANSPORTS, VIDEO_TRANSPORTS, ImageInputSettings, image_qos
from co_perception.nodes.core.topic_diagnosis import IMAGES, Source, why_silent
from co_perception.nodes.core.worker_node import FOREIGN, FOREIGN_SKELETONS, WorkerNode, WorkerSettings
from co_perception.nodes.recognizer import Receive
from co_perception.online.synchronizer import SKELETONS_WAIT_S, Synchronizer
from co_perception.skeletons.separate_people import SeparatePeople

ImageMessage: TypeAlias = Image | CompressedImage | VideoPicture[Header] | RgbPicture[Header]
IMAGE, SKELETONS = "image", "skeletons"
POSES = Source("skeleton", "pose estimator", "skeletons", "image_transport", "image_reliability")
QUEUE = 10  # messages of one topic that may wait for the callback, while those of the other are taken
PACKETS = 30  # of video that may wait for the callback: each is needed by those after it, and they are small
LOST_SKELETONS = "skeletons lost on the way"


@dataclass(frozen=True)
class ImagePeopleSettings(ImageInputSettings, WorkerSettings):
    """How images are subscribed to, and how long they wait for their skeletons."""

    skeletons_wait_s: float = setting(
        SKELETONS_WAIT_S, "Time a picture waits for the skeletons found in it [s].", 0.0, 60.0
    )


def read_image(message: ImageMessage) -> data.Image:
    """The image in a message, for the packed encodings as a view of its data. Raises as `to_rgb`."""
    return data.Image(to_rgb(message), nanoseconds(message.header.stamp))


def read_pair(pair: tuple[ImageMessage, SkeletonArray], separate: SeparatePeople | None = None) -> ImageWithPeople:
    """An image with the people found in it. Raises as `to_rgb`."""
    return ImageWithPeople(read_image(pair[0]), from_skeletons(pair[1], separate))


def listen_to_images(
    node: ManagedNode[Any], values: ImageInputSettings, depth: int, receive: Callable[[Any], object]
) -> Subscription:
    """Subscribes to the images of the transport in `values`; `receive` gets each message, of video each picture.

    Packets of video are decoded here, in the callback, as each needs the ones before it; of a packet without a picture
    `receive` gets a `VideoPicture` that says why.

    Raises:
        ImportError: where the transport's message type is not installed.
    """
    kind, topic = image_type(values.image_transport)
    decoder = PacketDecoder[Header]()

    def arrived(message: Any) -> None:
        if not codec_of(message):
            receive(message)
            return
        header = getattr(message, "header", None) or Header(stamp=message.timestamp, frame_id=message.frame_id)
        for picture in decoder.decode(message, header):
            receive(picture)

    # Of compressed pictures too: they may be packets of a video, and what waits here goes on to the node's own queue.
    qos = image_qos(values.image_reliability, depth if values.image_transport == "raw" else max(depth, PACKETS))
    return node.listen_counted(kind, topic, arrived, qos, foreign=FOREIGN, on_gap=decoder.interrupt)


def image_type(transport: str) -> tuple[type, str]:
    """Message type and topic of a transport. Raises ImportError where the type's package is not installed."""
    if transport in TRANSPORTS:
        return TRANSPORTS[transport]
    package, name, topic = VIDEO_TRANSPORTS[transport]
    return getattr(message_types(package, f"image_transport {transport!r}"), name), topic


class ImagePeopleInput:
    """Pairs images with the SkeletonArray of the same stamp, while a node is active.

    An image whose skeletons do not come within skeletons_wait_s, or only after those of a later one, is a drop.
    """

    def __init__(self, values: ImagePeopleSettings) -> None:
        # Of messages, each with the time of its arrival.
        self._synchronizer: Synchronizer[tuple[Any, int]] = Synchronizer((IMAGE, SKELETONS), values.skeletons_wait_s)
        self._received_s = dict.fromkeys((IMAGE, SKELETONS), monotonic())
        self._read = partial(read_pair, separate=SeparatePeople())

    def subscribe(
        self, node: WorkerNode[Any, Any], values: ImagePeopleSettings, receive: Receive[ImageWithPeople]
    ) -> Subscription:
        """Subscribes to both topics; returns the subscription of the images."""
        node.while_active.callback(self._synchronizer.restart)
        depth = max(values.queue_depth, QUEUE)
        qos = image_qos(values.image_reliability, depth)
        on_image, on_skeletons = (partial(self._put, name, receive, node.counters) for name in (IMAGE, SKELETONS))
        self._images = listen_to_images(node, values, depth, on_image)
        self._skeletons = node.listen_counted(
            SkeletonArray, "skeletons", on_skeletons, qos, lost=LOST_SKELETONS, foreign=FOREIGN_SKELETONS
        )
        return self._images

    def _put(self, name: str, receive: Receive[ImageWithPeople], counters: Counters, message: Any) -> None:
        synchronizer, count = self._synchronizer, counters.count
        now_s = self._received_s[name] = monotonic()
        late, doubled = synchronizer.late, synchronizer.doubled
        groups = synchronizer.put(name, nanoseconds(message.header.stamp), (message, perf_counter_ns()), now_s)
        if synchronizer.late > late:
            count(OUTDATED if name == IMAGE else LATE_PEOPLE)
        elif synchronizer.doubled > doubled:
            count(DOUBLED if name == IMAGE else DOUBLED_PEOPLE)
        for parts in (group.parts for group in groups):
            if IMAGE not in parts:
                count(ALONE)
            elif SKELETONS not in parts:
                count(UNPAIRED)
            else:
                image, arrived_ns = parts[IMAGE]
                receive(self._read, (image, parts[SKELETONS][0]), image.header, arrived_ns)

    def silence(self, node: WorkerNode[Any, Any], seconds: float) -> str:
        """Which of the two topics is silent, or that their stamps differ."""
        for name, subscription, source in ((IMAGE, self._images, IMAGES), (SKELETONS, self._skeletons, POSES)):
            silent_s = monotonic() - self._received_s[name]
            if silent_s > node.settings.current.silence_s:
                return why_silent(node, subscription, source, silent_s)
        return (
            f"Pictures and skeletons arrive, but for {seconds:.0f} s no two of one stamp: the pose estimator must look "
            "at the same pictures, copy their headers, and need less than skeletons_wait_s."
        )
