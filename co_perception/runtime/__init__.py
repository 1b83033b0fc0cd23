"""Execution of networks: backends, pools of streams, the store of weights and videos, untrusted files, workers."""
