"""Fuzzing: every parser of untrusted data as a function of bytes, for a fuzzer and for the tests.

`make fuzz TARGET=webvtt SECONDS=600` looks for new bytes that do harm; `test/test_corpus.py` replays those
of test/corpus.
"""
