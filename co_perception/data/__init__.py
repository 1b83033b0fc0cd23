"""Files and devices as what the engine speaks of: frames, clips."""
