"""The names of what steps networks, for settings and commands. Knows neither torch nor the backends themselves."""

AUTO = "auto"  # ONNX Runtime on a CPU, captured graphs on a GPU, the network itself where those do not work
BACKENDS = ("eager", "compiled", "onnxruntime", "openvino", "cuda")
FLOAT32 = "float32"
PRECISIONS = (FLOAT32, "bfloat16", "int8")  # of OpenVINO all but the last, of ONNX Runtime all but the second
