"""Backends that step a network: torch, ONNX Runtime, OpenVINO, Inductor, CUDA graphs."""
