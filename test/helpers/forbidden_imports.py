"""The beginning of a program in which nothing that a bundle does not need can be imported."""

from __future__ import annotations

WITHOUT_TORCH = """
import sys

FORBIDDEN = {"torch", "torchvision", "av", "cv2", "lightning", "matplotlib", "onnx", "ray", "openvino", "mediapipe"}

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} must not be imported")

sys.meta_path.insert(0, Refusal())
"""
