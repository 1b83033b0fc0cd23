"""Code that the benchmark scripts share: processes, interleaved timing, results, plots."""
