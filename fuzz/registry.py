"""All fuzz targets by name."""

from __future__ import annotations

from fuzz.target import REFUSALS, Target
from fuzz.targets import datasets, figures, intervals, people, pictures, recordings, settings, weights

ROSBAGS = ("rosbags",)

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("image", pictures.raw, refuses=(*REFUSALS, ImportError)),
        Target("compressed_image", pictures.compressed),
        Target("skeletons", people.skeletons),
        Target("bodies", people.bodies),
        Target("detections", people.detections),
        Target("annotations_csv", intervals.table),
        Target("annotations_json", intervals.objects),
        Target("elan", intervals.elan),
        Target("webvtt", intervals.webvtt),
        Target("cvat", intervals.cvat),
        Target("exports", intervals.exports),
        Target("steps", intervals.steps),
        Target("ntu", datasets.ntu),
        Target("kinetics", datasets.kinetics),
        Target("motion", datasets.motion),
        Target("poses", datasets.poses),
        Target("pyskl", datasets.pyskl),
        Target("watch", datasets.watch),
        Target("clips_csv", datasets.clips_csv),
        Target("clips_json", datasets.clips_json),
        Target("pickle", weights.pickle),
        Target("safetensors", weights.safetensors),
        Target("torch", weights.torch_zip),
        Target("torch_pickle", weights.torch_pickle),
        Target("training", weights.training),
        Target("state", weights.state),
        Target("people_streams", weights.people_streams),
        Target("video_streams", weights.video_stream_file),
        Target("metadata", weights.metadata),
        Target("bundle", weights.bundle),
        Target("gallery", weights.gallery),
        Target("mcap", recordings.mcap, generates=ROSBAGS),
        Target("sqlite", recordings.sqlite, generates=ROSBAGS),
        Target("bag_folder", recordings.folder, generates=ROSBAGS),
        Target("records", figures.records),
        Target("latencies", figures.latencies),
        Target("train_config", settings.training, generates=("jsonargparse", "attr")),
        Target("setting_texts", settings.texts),
        Target("setting_values", settings.values),
        Target("snapshot_path", settings.snapshot_path),
    )
}
