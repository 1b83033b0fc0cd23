"""Weight files as tensors by name, read so that nothing in them can run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from co_perception.runtime.torch_file import load_plain


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a `.safetensors` file, or one that `torch.save` wrote (`.pyth`, `.pth`, `.pt`, `.ckpt`), holds, on the CPU.

    Raises: ValueError for a file that is cut off, that is none of these, or whose pickle asks for more than tensors,
    numbers and texts; then nothing of it has run.
    """
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a whole safetensors file ({error}); fetch it again") from error
    try:
        found = load_plain(path)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than weights, or is damaged; nothing of it was run ({_first_line(error)}). If you "
            "trust its source, save its state_dict alone and give that"
        ) from None
    except (RuntimeError, EOFError, ValueError) as error:
        raise ValueError(f"{path} is not a whole checkpoint ({_first_line(error)}); fetch it again") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, expected tensors by name")
    return found


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
