"""What came out of a run, measured and shown. Learners are handed in, never imported."""
