"""The recorder: topics into an MCAP file while keys annotate activities (`co-perception record`)."""
